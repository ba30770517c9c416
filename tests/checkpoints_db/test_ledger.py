"""The ledger: append-only, chained, and a flipped byte in any column of any row is found."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from checkpoints_db import Store
from checkpoints_db.errors import LedgerBroken, StoreError
from checkpoints_db.ledger import GENESIS

AT = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def written(store: Store) -> Store:
    with store.transaction():
        for i in range(4):
            store.ledger.append("note", f"subject {i}", {"n": i, "word": "straße"}, AT + timedelta(seconds=i))
    return store


def rewrite(path: Path, sql: str, *args: object) -> None:
    """Change the file as somebody without our code would."""
    with sqlite3.connect(path) as connection:
        for trigger in ("ledger_refuses_update", "ledger_refuses_delete"):
            connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        connection.execute(sql, args)
    connection.close()


def test_a_written_ledger_holds(written: Store) -> None:
    seq, head = written.ledger.verify()
    assert seq == 4
    assert head == written.ledger.entry(4).sha256
    assert written.ledger.entry(1).previous == GENESIS
    assert written.ledger.entry(2).value() == {"n": 1, "word": "straße"}


@pytest.mark.parametrize("seq", [1, 2, 3, 4])
@pytest.mark.parametrize("column", ["at", "kind", "subject", "body", "previous", "digest"])
def test_one_flipped_byte_is_found(written: Store, column: str, seq: int) -> None:
    row = next(row for row in written.ledger._tables.rows("ledger", "seq = ?", [seq]))
    text = row[column]
    flipped = text[:-2] + chr(ord(text[-2]) ^ 1) + text[-1]
    rewrite(written.path, f"UPDATE ledger SET {column} = ? WHERE seq = ?", flipped, seq)  # noqa: S608
    with pytest.raises(LedgerBroken, match=f"ledger row {seq}"):
        written.ledger.verify()


def test_a_removed_row_in_the_middle_is_found(written: Store) -> None:
    rewrite(written.path, "DELETE FROM ledger WHERE seq = 2")
    with pytest.raises(LedgerBroken, match="row is missing"):
        written.ledger.verify()


def test_a_row_replaced_with_a_matching_digest_breaks_the_chain(written: Store) -> None:
    last = written.ledger.entry(2)
    at = last.at.isoformat(timespec="microseconds")
    forged = written.ledger.link(2, at, "note", "subject 1", '{"n":9}', last.previous)
    rewrite(written.path, "UPDATE ledger SET body = ?, digest = ? WHERE seq = 2", '{"n":9}', forged)
    with pytest.raises(LedgerBroken, match="ledger row 3"):
        written.ledger.verify()


def test_the_store_refuses_update_and_delete(written: Store) -> None:
    with sqlite3.connect(written.path) as connection:
        for sql in ("UPDATE ledger SET kind = 'x'", "DELETE FROM ledger"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(sql)
    connection.close()


def test_nothing_is_appended_outside_a_transaction(store: Store) -> None:
    with pytest.raises(StoreError, match="transaction"):
        store.ledger.append("note", "x", {}, AT)


def test_a_failed_transaction_leaves_no_row(store: Store) -> None:
    with pytest.raises(RuntimeError), store.transaction():  # noqa: PT012
        store.ledger.append("note", "x", {}, AT)
        raise RuntimeError
    assert store.ledger.head == (0, GENESIS)
