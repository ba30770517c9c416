"""The ledger rebuilds every other table; whatever was changed beside it, or in it, is found and named."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab import Lab
from lives import busy, chained_anew, changed, dumped, ledger_of

from checkpoints_db import Store
from checkpoints_db.errors import LedgerBroken, StoreError
from checkpoints_db.ledger import Pin
from checkpoints_db.rebuild import LEFT_OUT, TAKEN_OVER, rebuild
from checkpoints_db.records import Checkpoint, Metric, Result

NUMBERS = count()


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab that nobody touches: copy its store."""
    lab = busy(tmp_path_factory.mktemp("lived") / "lab")
    with lab.store() as store:
        store._tables._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return lab


@pytest.fixture(scope="module")
def copy(lived: Lab, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes fresh copies of the store's file."""
    folder = tmp_path_factory.mktemp("copies")

    def made() -> Path:
        return Path(shutil.copy(lived.root / "holdpoint.db", folder / f"{next(NUMBERS)}.db"))

    return made


@contextmanager
def opened(path: Path) -> Iterator[Store]:
    with Store.open(path) as store:
        yield store
    for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        name.unlink(missing_ok=True)


def test_the_history_has_a_row_of_every_kind_and_every_table(lived: Lab) -> None:
    with lived.store() as store:
        kinds = {entry.kind for entry in store.ledger.entries()}
        empty = [table for table in store._tables.names() if not store._tables.count(table)]
    told = "file result items unplaced placed seal verdict diagnosis decision gate alert review message delivery case"
    told += " policy policy_text catalogue lease revocation routed person token fire_drill"
    assert kinds == set(told.split())
    assert set(empty) - set(LEFT_OUT) == {"shadow_decisions"}  # those have a test of their own


def test_what_is_rebuilt_is_the_store_byte_for_byte(lived: Lab, tmp_path: Path) -> None:
    path, heard = tmp_path / "fresh.db", list[int]()
    with lived.store() as store:
        assert rebuild(store, path, heard.append) == []
        head = store.ledger.head
    assert heard == list(range(1, head[0] + 1))
    assert dumped(path, *LEFT_OUT) == dumped(lived.root / "holdpoint.db", *LEFT_OUT)
    with Store.open(path) as fresh:
        assert fresh.ledger.verify() == head
        assert fresh.leader() is None


def test_a_rebuilt_store_goes_on_where_the_old_one_was(lived: Lab, tmp_path: Path) -> None:
    lab = lived.copy(tmp_path / "lab")
    said = {run: lab.ask(run) for run in ("i6", "i7", "i8", "who")}
    with lab.store() as store:
        rebuild(store, lab.root / "fresh.db")
    for name in ("holdpoint.db", "holdpoint.db-wal", "holdpoint.db-shm"):
        (lab.root / name).unlink(missing_ok=True)
    (lab.root / "fresh.db").rename(lab.root / "holdpoint.db")
    assert {run: lab.ask(run) for run in said} == said
    before = dumped(lab.root / "holdpoint.db")["results"]
    assert lab.cycle()
    assert {run: lab.ask(run).answer for run in said} == {run: state.answer for run, state in said.items()}
    assert dumped(lab.root / "holdpoint.db")["results"] == before


def test_a_remarked_result_that_gave_way_is_rebuilt_as_one_that_does_not_count(store: Store, tmp_path: Path) -> None:
    place = Checkpoint(family="lab", run="m", model="m", params=1e6)
    told = {"task": "t", "metric": Metric(name="acc", kind="thresholded"), "harness": "h", "conditions": "c"}
    at = datetime(2026, 11, 23, tzinfo=UTC)
    for value, remarks in ((0.5, ("limit",)), (0.6, ()), (0.7, ())):
        one = Result.model_validate({**told, "value": value, "remarks": remarks, "checkpoint": place})
        with store.transaction():
            store.evidence.record([one], baseline=False, seen_at=at, seen_after=0, at=at)
    assert [seen.counts for seen in store.evidence.results()] == [False, True, False]
    assert rebuild(store, tmp_path / "fresh.db") == []


def test_a_decision_in_shadow_is_rebuilt_with_and_without_a_checkpoint(
    lived: Lab, store: Store, tmp_path: Path
) -> None:
    with lived.store() as other:
        decision = other.judgements.decisions()[0]
    later = decision.model_copy(update={"at": decision.at + timedelta(hours=1)})
    with store.transaction():
        for shadow in (True, False):
            store.judgements.put_decision(decision, "lab/i6", decision.at, shadow=shadow)
            store.judgements.put_decision(later, "", later.at, shadow=shadow)
    assert rebuild(store, tmp_path / "fresh.db") == []
    assert dumped(tmp_path / "fresh.db")["shadow_decisions"] == dumped(store.path)["shadow_decisions"]


def test_nothing_is_overwritten(lived: Lab, tmp_path: Path) -> None:
    (tmp_path / "there.db").write_text("mine")
    with lived.store() as store, pytest.raises(StoreError, match="not there yet"):
        rebuild(store, tmp_path / "there.db")
    assert (tmp_path / "there.db").read_text() == "mine"


TOUCHED = [
    ("results", "UPDATE results SET value = 0.99 WHERE seq = (SELECT max(seq) FROM results)", "value is 0.99"),
    ("results", "UPDATE results SET counts = 1 WHERE counts = 0", "counts is 1 in the table and 0 by the ledger"),
    ("results", "DELETE FROM results WHERE seq = (SELECT max(seq) FROM results)", "it is gone from the table"),
    ("forecasts", "UPDATE forecasts SET seq = seq - 1 WHERE seq = (SELECT max(seq) FROM forecasts)", "seq is"),
    ("verdicts", "DELETE FROM verdicts WHERE outcome = 'unforeseen'", "it is gone from the table"),
    ("decisions", "UPDATE decisions SET answer = 'GO'", "answer is 'GO' in the table and 'HOLD' by the ledger"),
    ("gates", "UPDATE gates SET latch = '', answer = 'GO' WHERE run = 'i6'", "answer is 'GO'"),
    ("alerts", "UPDATE alerts SET state = 'closed' WHERE run = 'i6'", "state is 'closed'"),
    ("alert_events", "DELETE FROM alert_events WHERE id = 3", "it is gone from the table"),
    ("reviews", "UPDATE reviews SET by = 'eve' WHERE kind = 'approval'", "by is 'eve'"),
    ("files", "UPDATE files SET seen_after = 0 WHERE path LIKE '%whole.csv'", "seen_after is 0"),
    ("unplaced", "UPDATE unplaced SET placed_at = ''", "placed_at is ''"),
    ("outbox", "UPDATE outbox SET sent_at = 'x'", "sent_at is 'x'"),
    ("outbox", "DELETE FROM outbox", "it is gone from the table"),
    ("scores", "UPDATE scores SET pit = 0.5", "pit is 0.5"),
    ("items", "UPDATE items SET kept = 0", "kept is 0"),
    ("items", "UPDATE items SET body = x'00'", "the ledger says nothing of it"),
]


@pytest.mark.parametrize(("table", "sql", "says"), TOUCHED, ids=[sql[:50] for _, sql, _ in TOUCHED])
def test_a_table_that_was_touched_is_found_and_named(
    copy: Callable[[], Path], tmp_path: Path, table: str, sql: str, says: str
) -> None:
    path = copy()
    changed(path, (sql, ()))
    with opened(path) as store:
        found = rebuild(store, tmp_path / "fresh.db")
    assert found
    assert {one.table for one in found} == {table}
    assert says in str(found[0])


def without_field(store: Store, table: str, column: str, field: str) -> int:
    """Take a field out of every record that a column keeps; how many said anything by it."""
    told = 0
    for row in list(store._tables.rows(table)):
        body = json.loads(row[column] or "{}")
        told += bool(body.pop(field, None))
        with store.transaction():
            store._tables.upsert_all(table, [{**row, column: json.dumps(body) if body else ""}])
    return told


def test_a_field_that_an_older_version_did_not_know_is_no_difference(copy: Callable[[], Path], tmp_path: Path) -> None:
    with opened(copy()) as store:
        assert without_field(store, "gates", "body", "until") == 0
        assert without_field(store, "alerts", "body", "drill") == 0
        for row in list(store._tables.rows("outbox")):
            body = json.loads(row["body"])
            assert body["alert"].pop("drill") == ""
            with store.transaction():
                store._tables.upsert_all("outbox", [{**row, "body": json.dumps(body)}])
        assert rebuild(store, tmp_path / "fresh.db") == []


@pytest.mark.parametrize(
    ("table", "column", "field"),
    [("gates", "body", "policy"), ("alerts", "body", "findings"), ("outbox", "body", "receiver")],
)
def test_a_field_that_said_something_and_is_gone_is_named(
    copy: Callable[[], Path], tmp_path: Path, table: str, column: str, field: str
) -> None:
    with opened(copy()) as store:
        told = without_field(store, table, column, field)
        found = rebuild(store, tmp_path / "fresh.db")
    assert told
    assert [each.table for each in found] == [table] * told
    assert all(each.why.startswith(f"{column} is ") for each in found)


def test_every_table_is_rebuilt_taken_over_or_left_out(store: Store, lived: Lab, tmp_path: Path) -> None:
    """A table somebody adds comes out of the ledger too: a row of it that is nowhere else is missed."""
    with lived.store() as old:
        rebuild(old, tmp_path / "fresh.db")
        full = {table for table in old._tables.names() if old._tables.count(table)}
    with Store.open(tmp_path / "fresh.db") as fresh:
        again = {table for table in fresh._tables.names() if fresh._tables.count(table)}
        assert full - again == set(LEFT_OUT) & full
        assert set(TAKEN_OVER) <= again


# -- the ledger itself ----------------------------------------------------------------------------------------------


def broken(path: Path, *pins: Pin) -> int:
    """The row a broken ledger is said to break at."""
    with opened(path) as store, pytest.raises(LedgerBroken) as found:
        store.ledger.verify(pins=pins)
    assert f"ledger row {found.value.seq}" in str(found.value)
    return found.value.seq


COLUMNS = ("at", "kind", "subject", "body", "previous", "digest")


@settings(deadline=None)
@given(data=st.data())
def test_a_flipped_dropped_reordered_or_inserted_row_is_named(copy: Callable[[], Path], data: st.DataObject) -> None:
    path = copy()
    rows = ledger_of(path)
    nth = data.draw(st.integers(1, len(rows) - 1), "row")
    way = data.draw(st.sampled_from(["flip", "drop", "swap", "insert", "renumber"]), "way")
    row, after = rows[nth - 1], rows[nth]
    if way == "flip":
        column = data.draw(st.sampled_from(COLUMNS), "column")
        where = data.draw(st.integers(0, len(row[column]) - 1), "place")
        bit = data.draw(st.sampled_from([1, 2, 4, 8, 16]), "bit")
        text = row[column][:where] + chr(ord(row[column][where]) ^ bit) + row[column][where + 1 :]
        changed(path, (f"UPDATE ledger SET {column} = ? WHERE seq = ?", (text, nth)))  # noqa: S608
    elif way == "drop":
        changed(path, ("DELETE FROM ledger WHERE seq = ?", (nth,)))
    elif way == "swap":
        told = "UPDATE ledger SET at = ?, kind = ?, subject = ?, body = ?, previous = ?, digest = ? WHERE seq = ?"
        mine, theirs = ([each[column] for column in COLUMNS] for each in (row, after))
        changed(path, (told, [*theirs, nth]), (told, [*mine, nth + 1]))
    elif way == "insert":
        shift = [("UPDATE ledger SET seq = -seq - 1 WHERE seq >= ?", (nth,)), ("UPDATE ledger SET seq = abs(seq)", ())]
        told = ("INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?)", (nth, *(row[column] for column in COLUMNS)))
        changed(path, *shift, told)
        # The row that took the place of another is the very same one: the row after it has the wrong number.
        assert broken(path) == nth + 1
        return
    else:
        changed(path, ("UPDATE ledger SET seq = ? WHERE seq = ?", (data.draw(st.sampled_from([0, -7])), nth)))
    assert broken(path) == (1 if way == "renumber" else nth)


@settings(deadline=None)
@given(data=st.data())
def test_a_ledger_that_was_cut_off_or_written_anew_does_not_keep_its_pins(
    copy: Callable[[], Path], data: st.DataObject
) -> None:
    """Whoever can rewrite every table and every digest is found by what was written down elsewhere."""
    path = copy()
    rows = ledger_of(path)
    pinned = data.draw(st.integers(1, len(rows)), "pin")
    pin = Pin(seq=pinned, sha256=rows[pinned - 1]["digest"])
    touched = data.draw(st.integers(1, pinned), "row")
    way = data.draw(st.sampled_from(["cut", "drop", "change", "insert"]), "way")
    if way == "cut":
        kept = rows[: touched - 1]
    elif way == "drop":
        kept = [*rows[: touched - 1], *rows[touched:]]
    elif way == "insert":
        kept = [*rows[:touched], rows[touched - 1], *rows[touched:]]
        pin = pin if touched < pinned else Pin(seq=len(rows), sha256=rows[-1]["digest"])
    else:
        kept = [*rows[: touched - 1], {**rows[touched - 1], "body": '{"forged":true}'}, *rows[touched:]]
    if way == "insert" and touched == len(rows):
        return  # one more row at the end, behind the pin: what the tables say of it is the next test
    chained_anew(path, kept)
    told = ("results", "items", "forecasts", "verdicts", "diagnoses", "decisions", "reviews", "alert_events")
    for table in (*told, "policies", "shadow_decisions", "deliveries"):
        changed(path, (f"DELETE FROM {table} WHERE seq >= ?", (touched,)))  # noqa: S608
    for table in ("scores", "cases", "outliers"):
        changed(path, (f"DELETE FROM {table} WHERE seq >= ?", (touched,)))  # noqa: S608
    for table in ("leases", "revocations", "people", "tokens"):
        changed(path, (f"DELETE FROM {table} WHERE seq >= ?", (touched,)))  # noqa: S608
    expected = touched if way == "cut" else len(kept) + 1 if len(kept) < pin.seq else pin.seq
    assert broken(path, pin) == expected
    with opened(copy()) as store:
        assert store.ledger.verify(pins=[pin])[0] == len(rows)


def test_a_forged_row_at_the_end_is_missed_by_its_table(copy: Callable[[], Path], tmp_path: Path) -> None:
    path = copy()
    rows = ledger_of(path)
    decision = next(row for row in reversed(rows) if row["kind"] == "decision")
    forged = {**decision, "body": decision["body"].replace('"answer":"HOLD"', '"answer":"GO"')}
    assert forged != decision
    chained_anew(path, [*rows, forged])
    with opened(path) as store:
        (found,) = rebuild(store, tmp_path / "fresh.db")
    assert (found.table, found.seq) == ("decisions", len(rows) + 1)
    assert "it is gone from the table; the ledger has it" in str(found)


def test_a_cut_that_left_the_tables_is_found_without_a_pin(copy: Callable[[], Path]) -> None:
    path = copy()
    rows = ledger_of(path)
    last = max(row["seq"] for row in rows if row["kind"] in ("review", "decision", "result", "alert"))
    changed(path, ("DELETE FROM ledger WHERE seq >= ?", (last,)))
    assert broken(path) == last


def test_a_row_that_is_no_text_any_more_is_named(copy: Callable[[], Path]) -> None:
    path = copy()
    changed(path, ("UPDATE ledger SET subject = CAST(x'ff00ff' AS TEXT) WHERE seq = 7", ()))
    assert broken(path) == 7


def test_from_a_pinned_head_only_what_follows_is_read(copy: Callable[[], Path]) -> None:
    path = copy()
    rows, heard = ledger_of(path), list[int]()
    since = Pin(seq=100, sha256=rows[99]["digest"])
    changed(path, ("UPDATE ledger SET subject = 'x' WHERE seq = 50", ()))
    with opened(path) as store:
        assert store.ledger.verify(since, tick=heard.append)[0] == len(rows)
    assert heard == list(range(101, len(rows) + 1))
    with opened(copy()) as store, pytest.raises(LedgerBroken, match="ledger row 100: was pinned as 0000"):
        store.ledger.verify(Pin(seq=100, sha256="0" * 64))


@pytest.mark.parametrize("text", ["", "12", "12:xyz", "-1:" + "a" * 64, "x:" + "a" * 64, "12:" + "A" * 64])
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"head of a ledger|pattern"):
        Pin.parse(text)


APPEND_ONLY: list[tuple[str, list[Any]]] = [
    ("verdicts", ["UPDATE", "DELETE"]),
    ("diagnoses", ["UPDATE", "DELETE"]),
    ("decisions", ["UPDATE", "DELETE"]),
    ("forecasts", ["UPDATE", "DELETE"]),
    ("reviews", ["UPDATE", "DELETE"]),
    ("alert_events", ["UPDATE", "DELETE"]),
    ("ledger", ["UPDATE", "DELETE"]),
    *(
        (table, ["DELETE"])
        for table in ("results", "items", "files", "unplaced", "alerts", "outbox", "gates", "scores")
    ),
]


@pytest.mark.parametrize(("table", "verbs"), APPEND_ONLY)
def test_what_is_written_once_is_refused_to_change(copy: Callable[[], Path], table: str, verbs: list[str]) -> None:
    with closing(sqlite3.connect(copy())) as connection:
        for verb in verbs:
            sql = f"DELETE FROM {table}" if verb == "DELETE" else f"UPDATE {table} SET seq = 1"  # noqa: S608
            with pytest.raises(sqlite3.IntegrityError, match=r"append-only|never"):
                connection.execute(sql)


def test_what_changes_after_it_was_written_to_the_fresh_store(
    copy: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checkpoints_db.rebuild.BATCH", 3)  # a file of more results than one batch has rows
    with opened(copy()) as store:
        assert rebuild(store, tmp_path / "fresh.db") == []
