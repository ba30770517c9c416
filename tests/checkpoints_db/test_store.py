"""The store: opening, refusing, transactions, leadership."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from checkpoints_db import Store
from checkpoints_db.errors import LeadershipLost, NoStore, SchemaTooNew, StoreUnreadable

AT = datetime(2026, 11, 23, tzinfo=UTC)


def test_no_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoStore, match="holdpoint init"):
        Store.open(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()


def test_a_file_that_is_no_database_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("this is not a database, it is a letter" * 40)
    with pytest.raises(StoreUnreadable, match=r"text\.db"):
        Store.open(path)


def test_a_locked_store_is_unreadable_after_the_wait(store: Store) -> None:
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with Store.open(store.path, wait=0.05) as second:
        with pytest.raises(StoreUnreadable, match="locked"), second.transaction():
            pytest.fail("two writers at once")
        other.execute("ROLLBACK")
        with second.transaction():
            second.note("free", "again", AT)
    other.close()


def test_a_newer_schema_is_refused(store: Store) -> None:
    with sqlite3.connect(store.path) as connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('holdpoint', 'm999_future', '')"
        )
    connection.close()
    with pytest.raises(SchemaTooNew, match="m999_future"):
        Store.open(store.path)


def test_the_store_is_in_wal_mode_and_syncs_fully(store: Store) -> None:
    db = store._tables._db
    assert db.journal_mode == "wal"
    assert db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_facts_are_remembered_with_their_time(store: Store) -> None:
    assert store.fact("cycle") is None
    with store.transaction():
        store.note("cycle", "one", AT)
        store.note("cycle", "two", AT + timedelta(seconds=1))
    assert store.fact("cycle") == ("two", AT + timedelta(seconds=1))


def test_leadership_is_held_renewed_refused_and_expires(store: Store) -> None:
    minute = timedelta(minutes=1)
    store.lead("a", AT, AT + minute)
    store.lead("a", AT, AT + 2 * minute)
    with pytest.raises(LeadershipLost, match=r"\(a\)"):
        store.lead("b", AT + minute, AT + 3 * minute)
    store.lead("b", AT + 2 * minute, AT + 3 * minute)
    store.resign("a")
    with pytest.raises(LeadershipLost, match=r"\(b\)"):
        store.lead("a", AT + 2 * minute, AT + 3 * minute)
    store.resign("b")
    store.lead("a", AT + 2 * minute, AT + 3 * minute)
