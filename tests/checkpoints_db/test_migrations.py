"""A store of every schema ever released opens, keeps what it had, and comes whole out of its ledger."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lives import busy, changed, dumped
from sqlite_utils import Database

from checkpoints_db import Store, upgrade
from checkpoints_db.backup import restore
from checkpoints_db.chain import GENESIS, link
from checkpoints_db.errors import LedgerBroken, StoreUnreadable
from checkpoints_db.migrations import schema
from checkpoints_db.rebuild import LEFT_OUT, rebuild
from checkpoints_db.records import canonical

STEPS = [step.name for step in schema._migrations]
RELEASED = 7
"""Steps of the schema of 0.1.0; before it there were development versions with fewer."""


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return busy(tmp_path_factory.mktemp("lived") / "lab").root / "holdpoint.db"


@pytest.fixture(scope="module")
def released(lived: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store as 0.1.0 would have written it: copy it, making it takes a while."""
    return of_step(lived, tmp_path_factory.mktemp("released") / "released.db", RELEASED)


LATER = {"message", "case", "clock", "policy", "policy_text", "catalogue", "lease", "revocation", "key", "routed"}
LATER |= {"backup", "drill", "fire_drill", "forgotten"}
LATER |= {"person", "token"}
"""Kinds of rows that version 0.1.0 did not write."""


def told_less(kind: str, body: object) -> object | None:
    """A row of the ledger as version 0.1.0 wrote it; None for what they did not write at all."""
    if kind in LATER or not isinstance(body, dict):
        return None
    if kind == "file":
        return {name: body[name] for name in ("path", "status", "reason", "reader")}
    if kind == "result":
        return {name: body[name] for name in ("result", "counts", "baseline")}
    if kind == "unplaced":
        return {name: body[name] for name in ("reading", "reason")}
    if kind == "alert":
        alert = body["alert"]
        return {"event": body["event"], "by": body["by"], **{k: alert[k] for k in ("state", "answer", "sentence")}}
    if kind == "review":
        return {name: value for name, value in body.items() if name != "about"}
    if kind == "delivery":
        return {name: body[name] for name in ("receiver", "event", "attempts", "error")}
    return body


def of_step(lived: Path, path: Path, steps: int) -> Path:
    """The store of `lived` as a version with so many steps would have written it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        db = Database(connection, execute_plugins=False)
        schema.apply(db, **({"stop_before": STEPS[steps]} if steps < len(STEPS) else {}))
        there = set(db.table_names())
        rows = [dict(row) for row in _rows(lived, "ledger")]
        seqs, previous, seq = dict[int, int](), GENESIS, 0
        for row in rows:
            body = told_less(row["kind"], json.loads(row["body"]))
            if body is None:
                continue
            seq += 1
            seqs[row["seq"]], text = seq, canonical(body)
            digest = link(seq, row["at"], row["kind"], row["subject"], text, previous)
            told = {"seq": seq, "body": text, "previous": previous, "digest": digest}
            db.table("ledger").insert({**row, **told})
            previous = digest
        for table in sorted(there - {"ledger"}):
            if table.startswith("_"):
                continue
            columns = db.table(table).columns_dict
            for row in _rows(lived, table):
                kept = {name: row[name] for name in columns if name in row.keys()}  # noqa: SIM118 - a row, no mapping
                if "seq" in kept:
                    kept["seq"] = seqs[kept["seq"]]
                db.table(table).insert(kept)
    return path


def _rows(path: Path, table: str) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()  # noqa: S608


@pytest.mark.parametrize("steps", range(1, len(STEPS)))
def test_a_store_of_each_schema_opens_and_keeps_what_it_had(lived: Path, tmp_path: Path, steps: int) -> None:
    path = of_step(lived, tmp_path / "old.db", min(steps, RELEASED))
    if steps > RELEASED:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            schema.apply(Database(connection, execute_plugins=False), stop_before=STEPS[steps])
    before = dumped(path)
    with Store.open(path) as store:
        seq, _ = store.ledger.verify()
        assert {step.name for step in schema.applied(store._tables._db)} == set(STEPS)
        if steps >= RELEASED:  # tables that came later are empty in older ones, whatever their ledger tells
            assert rebuild(store, tmp_path / "fresh.db") == []
    after = dumped(path)
    assert after["ledger"][: len(before["ledger"])] == before["ledger"]
    for table in set(before) - {"ledger", "leadership"}:
        assert [row[: len(old)] for row, old in zip(after[table], before[table], strict=True)] == before[table]
    assert len(after["ledger"]) == seq
    with Store.open(path) as store:  # and nothing is carried twice
        assert store.ledger.head[0] == seq


def test_what_old_ledgers_did_not_tell_is_carried_into_them_once(lived: Path, tmp_path: Path) -> None:
    path = of_step(lived, tmp_path / "old.db", RELEASED)
    with Store.open(path) as store:
        carried = [entry.subject for entry in store.ledger.entries("carried")]
        rebuild(store, tmp_path / "fresh.db")
    assert set(carried) == {"files", "results", "unplaced", "decisions", "alerts", "reviews", "outbox"}
    old, fresh = dumped(path, *LEFT_OUT, "decisions"), dumped(tmp_path / "fresh.db", *LEFT_OUT, "decisions")
    assert fresh == old


def test_a_migration_that_is_interrupted_leaves_the_old_schema(
    lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = of_step(lived, tmp_path / "old.db", RELEASED)
    before = dumped(path)

    def broken(_: Database) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    steps = [*schema._migrations]
    last = steps[-1]
    with monkeypatch.context() as patch:
        patch.setattr(schema, "_migrations", [*steps[:-1], type(last)(last.name, broken)])
        with pytest.raises(StoreUnreadable, match="full: free space"):
            Store.open(path)
    assert dumped(path) == before
    Store.open(path).close()


def test_an_empty_store_of_the_first_step_opens(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        schema.apply(Database(connection, execute_plugins=False), stop_before=STEPS[1])
    with Store.open(path) as store:
        assert store.ledger.head == (0, GENESIS)


def test_the_store_as_it_was_is_kept_beside_it_and_can_be_put_back(
    released: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = Path(shutil.copy(released, tmp_path / "old.db"))
    before = dumped(path)
    Store.open(path).close()
    kept = tmp_path / f"old.db.{STEPS[RELEASED - 1]}"
    assert str(kept) in caplog.text
    assert dumped(kept) == before
    assert [each.name for each in tmp_path.glob("*.part")] == []
    Store.open(path).close()  # nothing is to be done, and nothing is copied
    assert len([*tmp_path.glob("old.db.m*")]) == 1
    path.unlink()
    kept.rename(path)
    with Store.open(path) as store:
        assert store.ledger.verify()[0] > len(before["ledger"])


def test_a_fresh_store_leaves_no_copy(tmp_path: Path) -> None:
    Store.open(tmp_path / "new.db", create=True).close()
    assert {each.name for each in tmp_path.iterdir()} <= {"new.db", "new.db-wal", "new.db-shm"}


def test_without_room_for_a_copy_nothing_is_changed(
    released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(shutil.copy(released, tmp_path / "old.db"))
    before = dumped(path)
    with monkeypatch.context() as patch:
        patch.setattr(upgrade, "SPARE", 1 << 60)
        with pytest.raises(StoreUnreadable, match=r"full for a copy.*free space there"):
            Store.open(path)
    assert dumped(path) == before
    assert [each.name for each in tmp_path.glob("old.db.m*")] == []


def test_a_restored_backup_of_an_older_version_needs_no_second_copy(released: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(released, tmp_path / "old.db"))
    restore(path, tmp_path / "new" / "lab.db", datetime(2027, 1, 1, tzinfo=UTC))
    assert [each.name for each in (tmp_path / "new").iterdir()] == ["lab.db"]


def test_a_broken_ledger_is_not_brought_up_to_date(released: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(released, tmp_path / "old.db"))
    changed(path, ("UPDATE ledger SET body = '{}' WHERE seq = 3", ()))
    with pytest.raises(LedgerBroken, match="row 3"):
        Store.open(path)
    assert [each.name for each in tmp_path.glob("*old.db.m*")] == []
