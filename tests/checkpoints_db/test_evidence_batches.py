"""Many sightings and files at once leave what one after the other leaves."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from checkpoints_db import File, Store
from checkpoints_db.errors import StoreError, StoreUnreadable
from checkpoints_db.tables import CHUNK

AT = datetime(2026, 11, 23, tzinfo=UTC)
MANY = 2 * CHUNK + 1


def file(i: int) -> File:
    return File(sha256=f"{i:064x}", path=f"run/{i}", size=i, status="arrived", seen_at=AT, seen_after=0, changed_at=AT)


def test_many_sightings_keep_the_moment_each_was_first_seen(store: Store) -> None:
    """More than one query can ask for: every one of them is found again."""
    later = AT + timedelta(hours=1)
    with store.transaction():
        store.evidence.sight_all({f"f{i}": (i, i, "") for i in range(MANY)}, AT)
        store.ledger.append("seal", "s", {}, AT)
        again = store.evidence.sight_all({f"f{i}": (i, i, f"d{i}") for i in range(MANY + 1)}, later)
    assert {(again[f"f{i}"].seen_at, again[f"f{i}"].seen_after) for i in range(MANY)} == {(AT, 0)}
    assert (again[f"f{MANY}"].seen_at, again[f"f{MANY}"].seen_after) == (later, 1)
    assert len(store.evidence.looks()) == MANY + 1
    assert store.evidence.sighting("f7") == again["f7"]


def test_many_files_are_one_chain_in_their_order(store: Store) -> None:
    with store.transaction():
        store.evidence.put_files([file(i) for i in range(MANY)], AT)
        store.evidence.put_file(file(3).model_copy(update={"status": "read"}), AT)
    assert store.ledger.verify()[0] == MANY + 1
    assert [entry.subject for entry in store.ledger.entries("file")] == [file(i).sha256 for i in (*range(MANY), 3)]
    assert len(store.evidence.files("arrived")) == MANY - 1
    assert store.evidence.unknown([file(1).sha256, "other"]) == {"other"}


def test_nothing_at_all_is_written_down_too(store: Store) -> None:
    with store.transaction():
        store.evidence.put_files([], AT)
        assert store.evidence.sight_all({}, AT) == {}
    assert store.ledger.head[0] == 0


def test_many_are_only_written_inside_a_transaction_and_doubles_are_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="inside a transaction"):
        store.evidence.put_files([file(1)], AT)
    row = {"seq": 1, "at": "", "kind": "", "subject": "", "body": "", "previous": "", "digest": ""}
    with pytest.raises(StoreUnreadable) as refused, store.transaction():
        store.ledger._tables.insert_all("ledger", [row, row])
    assert isinstance(refused.value.__cause__, sqlite3.IntegrityError)
    assert store.ledger.head[0] == 0
