"""Old questions are forgotten where nothing rests on them; no gate says anything else, and the ledger remembers."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from asking import answer, run
from bundling import bundled
from item_logs import TASK, ItemLab, answers, write_log
from lives import changed, dumped

from checkpoints_db import Store
from checkpoints_db.errors import LedgerBroken
from checkpoints_db.rebuild import LEFT_OUT, rebuild
from monitor import retention
from monitor.bundle import verify
from monitor.faces.cli import shell
from monitor.replay import StoreSource
from monitor.replay.likeness import likeness
from monitor.retention import _largest

YEAR = timedelta(days=365)
LATER = 400 * 86400


def checkpoint(lab: ItemLab, model: str, i: int, step: int, flop: float) -> None:
    """A further checkpoint of a run is in the table of models."""
    with (lab.root / "models.csv").open("a") as table:
        table.write(f"lab,i{i},paper/{model},{1e6 * 2**i},{flop},{step}\n")


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> ItemLab:
    """Six runs of history, i5 with an earlier checkpoint too, and two checkpoints of i6 that were judged."""
    lab = ItemLab(tmp_path_factory.mktemp("grown") / "lab")
    table = (lab.root / "models.csv").read_text().splitlines()
    kept = [line for line in table[1:] if ",i6," not in line]
    told = ["family,run,model,params,flop,step", *(f"{line},9" for line in kept)]
    (lab.root / "models.csv").write_text("\n".join(told) + "\n")
    checkpoint(lab, "early5", 5, 4, 5e20)
    checkpoint(lab, "early6", 6, 4, 2e21)
    checkpoint(lab, "i6", 6, 9, 1e18 * 4.0**6)
    write_log(lab.root / "history" / "early5", "paper/early5", *answers(5, seed=3))
    lab.remember()
    write_log(lab.inbox / "early6", "paper/early6", *answers(6, seed=4))
    assert lab.cycle()
    lab.comes(6, *answers(6))
    return lab


@pytest.fixture
def lab(grown: ItemLab, tmp_path: Path) -> ItemLab:
    twin = grown.copy(tmp_path / "lab")
    with twin.config.open("a") as settings:
        settings.write('[retention]\nitems = "365d"\n')
    return twin  # type: ignore[return-value]


def close_alerts(lab: ItemLab) -> None:
    with lab.store() as store, store.transaction():
        for alert in store.actions.alerts(still_open=True):
            store.actions.put_alert(alert.model_copy(update={"state": "closed"}), "closed", "ada", lab.clock.now())


def found(lab: ItemLab, age: timedelta = YEAR) -> retention.Forgetting:
    with lab.store() as store:
        rules = lab.rules()
        return retention.forgettable(store, rules.catalogue, rules.policy, "lab", age, lab.clock.now())


def sources(store: Store, name: str, step: int) -> list[str]:
    """The logs of a checkpoint whose items were kept, once."""
    logs = {row["source"] for row in store._tables.rows("items", select="source")}
    seen = store.evidence.results(run=name)
    return sorted({each.result.source for each in seen if each.result.checkpoint.step == step} & logs)


def test_what_is_young_newest_or_looked_at_stays(lab: ItemLab) -> None:
    assert found(lab).kept == {"they are not old enough": 9}
    lab.clock.sleep(LATER)
    close_alerts(lab)
    told = found(lab)
    assert told.kept == {"their checkpoint is the newest of its run": 7, "a gate rests on them": 1}
    assert (len(told.names), told.size > 1000) == (1, True)
    with lab.store() as store:
        (gone,) = [one for one in store.items.logged() if one.source in sources(store, "i6", 4)]
        assert told.names == (store.items.ids([gone.source])[0],)


def test_an_open_alert_keeps_all_items_of_its_family(lab: ItemLab) -> None:
    lab.clock.sleep(LATER)
    close_alerts(lab)
    with lab.store() as store, store.transaction():
        alert = store.actions.alerts()[0]
        store.actions.put_alert(alert.model_copy(update={"state": "firing"}), "reopened", "daemon", lab.clock.now())
    told = found(lab)
    assert told.names == ()
    assert set(told.kept) == {"an alert of the family is open"}


def test_while_the_family_goes_on_the_rungs_of_the_next_size_stay(lab: ItemLab) -> None:
    lab.clock.sleep(LATER)
    write_log(lab.inbox / "late", "paper/i7", *answers(7))
    lab.cycle()
    close_alerts(lab)
    told = found(lab)
    assert told.names == ()
    assert told.kept["a larger checkpoint would be compared with them"] >= 1


def test_forgotten_items_are_absent_and_told_and_every_gate_says_what_it_said(lab: ItemLab) -> None:
    lab.clock.sleep(LATER)
    close_alerts(lab)
    lab.cycle("scan", "overdue")  # whatever became stale is settled before
    close_alerts(lab)
    with lab.store() as store:
        rules = lab.rules()
        was = retention.evidence(store, rules.catalogue, rules.policy, "lab", lab.clock.now())
        (name,) = found(lab).names
        before, decisions = lab.ask("i6"), len(store.judgements.decisions())
    assert lab.cycle("tidy")
    with lab.store() as store:
        assert retention.evidence(store, rules.catalogue, rules.policy, "lab", lab.clock.now()) == was
        (told,) = store.ledger.entries("forgotten")
        assert (told.value()["id"], told.value()["why"]) == (name, "retention.items = 365d")
        assert len(store.items.logged()) == 8
        assert store.items.packed(name) is None
        (source,) = sources(store, "i6", 4)
        assert store.items.of([source], TASK) == {} == dict.fromkeys(store.items.places([source]))
        assert [entry.seq for entry in store.items.forgotten([source], TASK)] == [told.seq]
        assert store.evidence.results(run="i6")
        assert rebuild(store, lab.root / "fresh.db") == []
    assert dumped(lab.root / "fresh.db", *LEFT_OUT) == dumped(lab.root / "holdpoint.db", *LEFT_OUT)
    after = lab.ask("i6")
    assert (after.answer, after.evidence) == (before.answer, before.evidence)
    lab.cycle()
    with lab.store() as store:
        assert len(store.judgements.decisions()) == decisions
    lab.cycle("tidy")
    assert found(lab).names == ()
    code, text = run(lab, "items", "lab/i6@4", TASK)
    assert (code, "forgotten" in text, "retention.items" in text) == (2, True, True)


def test_what_bundles_and_replay_cannot_make_again_is_said(lab: ItemLab) -> None:
    lab.clock.sleep(LATER)
    close_alerts(lab)
    assert lab.cycle("tidy")
    source, policy = StoreSource(lab.root / "holdpoint.db", lab.catalogue), lab.rules().policy
    assert likeness(source, "lab", policy).unlike == ()
    bundled(lab, "lab/i6", lab.root / "one.bundle")
    parts = {part.name: part.status for part in verify(lab.root / "one.bundle").parts}
    assert (parts["decision"], parts["case"]) == ("verified", "unproven")
    with lab.store() as store, store.transaction():  # more than retention would: what the gate rests on, too
        logs = sorted({seen.result.source for seen in store.evidence.results()})
        store.items.forget(store.items.ids(logs), "a test", lab.clock.now())
    assert all("items were forgotten since" in each.why for each in likeness(source, "lab", policy).unlike)
    assert likeness(source, "lab", policy).unlike
    bundled(lab, "lab/i6", lab.root / "two.bundle")
    told = {part.name: part for part in verify(lab.root / "two.bundle").parts}
    assert {part.status for part in told.values()} == {"verified", "unproven"}
    assert "forgotten since" in told["case"].sentence
    assert not verify(lab.root / "two.bundle").verified


def test_nothing_that_any_gate_would_miss_is_among_what_may_go(lab: ItemLab) -> None:
    lab.clock.sleep(LATER)
    close_alerts(lab)
    rules, may = lab.rules(), set(found(lab).names)
    with lab.store() as store:
        was = retention.evidence(store, rules.catalogue, rules.policy, "lab", lab.clock.now())
        logs = sorted({seen.result.source for seen in store.evidence.results()})
        missed = set()
        for name in store.items.ids(logs):
            with store.items.hidden([name]):
                if retention.evidence(store, rules.catalogue, rules.policy, "lab", lab.clock.now()) != was:
                    missed.add(name)
    assert missed
    assert not missed & may
    assert may


def test_nothing_is_forgotten_unless_the_settings_say_so(grown: ItemLab, tmp_path: Path) -> None:
    lab = grown.copy(tmp_path / "lab")
    lab.clock.sleep(10 * LATER)
    assert lab.cycle("tidy")
    with lab.store() as store:
        assert len(store.items.logged()) == 9


def test_a_body_that_is_gone_without_a_row_of_the_ledger_is_missed(lab: ItemLab) -> None:
    path = lab.root / "holdpoint.db"
    with lab.store() as store:
        (source,) = sources(store, "i6", 4)
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.IntegrityError, match="only forgotten"):
        connection.execute("UPDATE items SET body = x'00'")
    changed(path, ("UPDATE items SET body = NULL WHERE source = ?", (source,)))
    with lab.store() as store:
        with pytest.raises(LedgerBroken, match="not those that were stored"):
            store.items.of([source], TASK)
        assert [one.table for one in rebuild(store, lab.root / "one.db")] == ["items"]
    changed(path, ("UPDATE items SET forgotten = 3 WHERE source = ?", (source,)))
    with lab.store() as store:
        with pytest.raises(LedgerBroken, match="does not say so"):
            store.items.places([source])
        assert [one.table for one in rebuild(store, lab.root / "two.db")] == ["items"]


def test_a_body_that_came_back_is_noticed(lab: ItemLab) -> None:
    path = lab.root / "holdpoint.db"
    with lab.store() as store:
        (source,) = sources(store, "i6", 4)
        (name,) = store.items.ids([source])
        body = store.items.packed(name)
        with store.transaction():
            store.items.forget([name], "a test", lab.clock.now())
            store.items.forget([name], "twice is once", lab.clock.now())
        assert len(list(store.ledger.entries("forgotten"))) == 1
    changed(path, ("UPDATE items SET body = ?, forgotten = 0 WHERE source = ?", (body, source)))
    with lab.store() as store:
        assert [one.table for one in rebuild(store, lab.root / "one.db")] == ["items"]


def test_the_file_gets_smaller_and_the_write_ahead_log_is_cut(tmp_path: Path) -> None:
    with Store.open(tmp_path / "a.db", create=True) as store:
        name = "x" * 64
        with store.transaction():
            store._tables.insert("items", {"id": name, "body": b"x" * 4_000_000, "task": "t"})
        with store.transaction():
            store._tables.upsert("items", {"id": name, "body": None, "forgotten": 1})
        assert store.free() > 3_900_000
        store.tidy(pages=64)
        assert store.free() > 3_900_000 - 2 * 1024 * 4096  # bounded
        store.tidy()
        assert store.free() == 0
        assert store.path.with_name("a.db-wal").stat().st_size == 0
        assert store.path.stat().st_size < 1_000_000
        assert store.damage(deep=True) == []


def test_a_file_of_an_older_version_is_written_anew_on_demand(lab: ItemLab) -> None:
    path = lab.root / "holdpoint.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("PRAGMA auto_vacuum=NONE")
        connection.execute("VACUUM")
    before = dumped(path)
    code, text = run(lab, "tidy", "--rewrite")
    assert code == 0, text
    assert dumped(path) == before
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)


def test_the_command_says_what_would_go_and_why_the_rest_stays(lab: ItemLab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.clock.sleep(LATER)
    close_alerts(lab)
    monkeypatch.setattr(shell, "CLOCK", lab.clock)
    told = answer(lab, "tidy", "--dry-run")
    assert told["families"][0]["kept"]["a gate rests on them"] == 1
    code, text = run(lab, "tidy", "--dry-run")
    assert (code, "1 logs" in text, "the newest of its run" in text) == (0, True, True)
    with lab.store() as store:
        assert len(store.items.logged()) == 9
    assert run(lab, "tidy")[0] == 0
    with lab.store() as store:
        assert len(store.items.logged()) == 8


def test_the_largest_rungs_stay_for_whoever_comes_next() -> None:
    rungs = [(float(i), f"r{i % 2}", {(f"{i}", "t")}) for i in range(40)]
    kept = {int(source) for logs in _largest(rungs) for source, _ in logs}
    for missing in ("r0", "r1", "none"):
        others = [int(x) for x, run_, _ in rungs if run_ != missing]
        assert set(others[-retention.RUNGS :]) <= kept
    assert 0 not in kept
