"""Tables of one SQLite file: four verbs, for one row or many, and a transaction.

The only door to SQL (with the steps of `migrations`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from checkpoints_db.errors import NoStore, SchemaTooNew, StoreError, StoreUnreadable
from checkpoints_db.migrations import schema

WAIT = 5.0
"""Seconds to wait for another writer before giving up."""
CHUNK = 500
"""How many values one query asks for; SQLite has a limit on that."""


class Tables:
    """One open SQLite file in WAL mode."""

    def __init__(self, db: Database, path: Path) -> None:
        self._db = db
        self.path = path

    @classmethod
    def open(cls, path: Path, *, create: bool = False, wait: float = WAIT, read_only: bool = False) -> Tables:
        """Open the file at `path`, bringing its schema up to date; `read_only`: without changing a byte of it.

        Raises NoStore when there is none and `create` is false, SchemaTooNew when a newer holdpoint wrote it, and
        StoreUnreadable when the file is locked for longer than `wait` seconds, damaged, not ours to read, or, where it
        must not be changed, of an older schema.
        """
        if not create and not path.is_file():
            raise NoStore(str(path))
        with translated(path):
            if create:
                path.parent.mkdir(parents=True, exist_ok=True)
            name = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rwc'}"
            connection = sqlite3.connect(name, uri=True, timeout=wait, isolation_level=None, check_same_thread=False)
            try:
                # Plugins of sqlite-utils are left out: nothing runs in a safety gate that no reviewed file names.
                db = Database(connection, execute_plugins=False)
                if read_only:
                    db.execute("PRAGMA query_only=ON")
                else:
                    db.execute("PRAGMA journal_mode=WAL")
                    db.execute("PRAGMA synchronous=FULL")
                    db.execute("PRAGMA foreign_keys=ON")
                cls._migrate(db, path, read_only=read_only)
            except BaseException:
                connection.close()
                raise
            return cls(db, path)

    @staticmethod
    def _migrate(db: Database, path: Path, *, read_only: bool) -> None:
        pending = {step.name for step in schema.pending(db)}
        applied = {step.name for step in schema.applied(db)}
        newest = applied - {step.name for step in schema._migrations}
        if newest:
            raise SchemaTooNew(str(path), sorted(newest))
        if pending and read_only:
            older = "its schema is older than this holdpoint; let `holdpoint ledger verify` bring it up to date first"
            raise StoreUnreadable(str(path), older)
        if pending:
            schema.apply(db)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Tables:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside happens, or nothing of it. Raises StoreUnreadable when another writer does not let go."""
        if self._db.conn.in_transaction:
            with self._db.atomic():
                yield
            return
        with translated(self.path):
            # IMMEDIATE takes the write lock at once: a deferred transaction that read first can fail later.
            self._db.conn.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.rollback()
            raise
        with translated(self.path):
            self._db.conn.execute("COMMIT")

    def must_be_writing(self) -> None:
        """Raise StoreError outside of `transaction()`: half a walk must never be written."""
        if not self._db.conn.in_transaction:
            raise StoreError("this is only written inside a transaction; use `with store.transaction():`")

    def rows(
        self,
        table: str,
        where: str | None = None,
        args: Sequence[Any] = (),
        *,
        order_by: str | None = None,
        limit: int | None = None,
        select: str = "*",
    ) -> list[dict[str, Any]]:
        """Rows of a table as dictionaries, whole or only the columns named in `select`."""
        with translated(self.path):
            found = self._db.table(table).rows_where(where, list(args), order_by=order_by, limit=limit, select=select)
            return list(found)

    def sums(self, table: str, by: Sequence[str], sums: Mapping[str, str], family: str | None) -> list[dict[str, Any]]:
        """For each group of equal `by`, in their order: the sum of each expression of `sums`; of one family, or all."""
        columns = ", ".join([*by, *(f"sum({what}) as {name}" for name, what in sums.items())])
        where = "" if family is None else " where family = :family"
        group = ", ".join(by)
        with translated(self.path):
            query = f"select {columns} from {table}{where} group by {group} order by {group}"  # noqa: S608 - ours alone
            return list(self._db.query(query, {} if family is None else {"family": family}))

    def rows_among(self, table: str, column: str, values: Sequence[str]) -> list[dict[str, Any]]:
        """Rows whose `column` has one of many `values`, in no order."""
        found = []
        for start in range(0, len(values), CHUNK):
            part = values[start : start + CHUNK]
            found += self.rows(table, f"{column} in ({', '.join('?' * len(part))})", part)
        return found

    def insert(self, table: str, row: dict[str, Any]) -> None:
        """Insert one row; a double key is an error."""
        self.insert_all(table, [row])

    def insert_all(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows, many for the price of a few; a double key is an error."""
        self.must_be_writing()
        with translated(self.path):
            self._db.table(table).insert_all(rows)

    def upsert(self, table: str, row: dict[str, Any]) -> None:
        """Insert one row, or change the row with its key. Never used on the ledger."""
        self.upsert_all(table, [row])

    def upsert_all(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows, or change those with their keys. Never used on the ledger."""
        self.must_be_writing()
        with translated(self.path):
            self._db.table(table).upsert_all(rows, pk=self._db.table(table).pks[0])

    def count(self, table: str, where: str | None = None, args: Sequence[Any] = ()) -> int:
        """Number of rows."""
        with translated(self.path):
            return int(self._db.table(table).count_where(where, list(args)))


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreUnreadable(str(path), str(error)) from error
    except OSError as error:
        raise StoreUnreadable(str(path), error.strerror or str(error)) from error
