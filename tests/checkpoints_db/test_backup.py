"""A backup is whole, of one moment, and verified; a restored store goes on, and says GO only after a cycle."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from histories import changed, dumped
from lab import Lab, rung

from checkpoints_db import Store
from checkpoints_db.backup import backup, restore
from checkpoints_db.errors import LeadershipLost, LedgerBroken, NoStore, StoreError
from checkpoints_db.rebuild import LEFT_OUT
from checkpoints_db.records import Answer, Reason

AT = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def going(ladder: Lab) -> Lab:
    ladder.arrive(rung(6), "s6.csv")
    ladder.cycle()
    with ladder.store() as store:
        store.resign("test:1")
    return ladder


def test_a_backup_is_one_file_that_is_the_store(going: Lab, tmp_path: Path) -> None:
    target, heard = tmp_path / "away" / "lab.db", set[str]()
    with going.store() as store:
        head = backup(store, target, tick=lambda what, done, of: heard.add(what))
        assert (head.seq, head.sha256) == store.ledger.head
    assert heard == {"copying", "verifying"}
    assert [path.name for path in target.parent.iterdir()] == ["lab.db"]
    assert dumped(target) == dumped(going.root / "holdpoint.db")
    with sqlite3.connect(target) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    connection.close()


def test_a_backup_while_others_write_is_of_one_moment(going: Lab, tmp_path: Path) -> None:
    done = threading.Event()

    def writing() -> None:
        with going.store() as store:
            while not done.is_set():
                with store.transaction():
                    for _ in range(20):
                        store.ledger.append("note", "x" * 500, {}, going.clock.now())

    writer = threading.Thread(target=writing)
    writer.start()
    try:
        with going.store() as store:
            heads = [backup(store, tmp_path / f"{i}.db") for i in range(3)]
    finally:
        done.set()
        writer.join()
    for i, head in enumerate(heads):
        with Store.open(tmp_path / f"{i}.db") as copy:
            assert copy.ledger.verify(pins=[head]) == (head.seq, head.sha256)


def test_nothing_is_overwritten_unless_asked_to(going: Lab, tmp_path: Path) -> None:
    target = tmp_path / "there.db"
    target.write_text("mine")
    with going.store() as store:
        with pytest.raises(StoreError, match="--force"):
            backup(store, target)
        with pytest.raises(StoreError, match="is a folder"):
            backup(store, tmp_path)
        assert target.read_text() == "mine"
        backup(store, target, force=True)
    with pytest.raises(StoreError, match="--force"):
        restore(target, going.root / "holdpoint.db", AT)
    Store.open(target).close()


def test_a_broken_ledger_is_neither_backed_up_nor_restored(going: Lab, tmp_path: Path) -> None:
    source, target = tmp_path / "good.db", tmp_path / "bad.db"
    with going.store() as store:
        backup(store, source)
    changed(source, ("UPDATE ledger SET body = '{}' WHERE seq = 3", ()))
    with pytest.raises(LedgerBroken, match="row 3"):
        restore(source, target, AT)
    changed(going.root / "holdpoint.db", ("UPDATE ledger SET body = '{}' WHERE seq = 3", ()))
    with going.store() as store, pytest.raises(LedgerBroken, match="row 3"):
        backup(store, target)
    assert list(tmp_path.glob("*bad*")) == []


def test_a_restored_store_holds_until_a_cycle_and_its_chain_goes_on(going: Lab, tmp_path: Path) -> None:
    source, store_file = tmp_path / "lab.db", going.root / "holdpoint.db"
    with going.store() as store:
        head = backup(store, source)
    before = source.read_bytes()
    going.arrive(rung(6, loss=1.0, run="s7", flop=5e22), "s7.csv")
    going.cycle()
    assert going.ask("s7").answer == Answer.PAUSE
    with going.store() as store:
        lost = store.ledger.head
        store.resign("test:1")
    assert restore(source, store_file, going.clock.now(), force=True) == head
    assert source.read_bytes() == before
    with Store.open(store_file.with_name("holdpoint.db.before-restore")) as aside:
        assert aside.ledger.head == lost
    state = going.ask("s6")
    assert (state.answer, state.reason) == (Answer.HOLD, Reason.fault)
    assert "restored from a backup" in state.sentence
    assert going.cycle()
    assert (going.ask("s6").answer, going.ask("s7").answer) == (Answer.GO, Answer.PAUSE)
    with going.store() as store:
        assert store.ledger.verify(pins=[head])[0] > head.seq


def test_no_store_is_replaced_under_a_daemon(going: Lab, tmp_path: Path) -> None:
    source, store_file = tmp_path / "lab.db", going.root / "holdpoint.db"
    with going.store() as store:
        backup(store, source)
        store.lead("other:7", AT, AT + timedelta(minutes=1))
    with pytest.raises(LeadershipLost, match="other:7"):
        restore(source, store_file, AT, force=True)
    restore(source, store_file, AT + timedelta(minutes=1), force=True)
    with going.store() as store:
        assert store.leader() is None


def test_a_store_beyond_reading_is_replaced_too(going: Lab, tmp_path: Path) -> None:
    source, store_file = tmp_path / "lab.db", going.root / "holdpoint.db"
    with going.store() as store:
        backup(store, source)
    store_file.write_bytes(b"no database " * 1000)
    restore(source, store_file, AT, force=True)
    assert dumped(store_file, *LEFT_OUT, "facts") == dumped(source, *LEFT_OUT, "facts")


def test_no_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoStore, match=r"nothing\.db"):
        restore(tmp_path / "nothing.db", tmp_path / "target.db", AT)


@pytest.fixture(autouse=True)
def _nothing_is_left_beside(tmp_path: Path) -> Iterator[None]:
    yield
    assert [path for path in tmp_path.rglob("*") if path.name.endswith(".part")] == []
