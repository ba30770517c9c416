"""Tables of one SQLite file: four verbs, for one row or many, and a transaction.

The only door to SQL (with the steps of `migrations`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from checkpoints_db import upgrade
from checkpoints_db.errors import NoStore, SchemaTooNew, StoreError, StoreUnreadable
from checkpoints_db.migrations import schema
from checkpoints_db.sqlite import Database

WAIT = 5.0
"""Seconds to wait for another writer before giving up."""
CHUNK = 500
"""How many values one query asks for; SQLite has a limit on that."""
STEP = 1024
"""How many pages of the file are copied at a time."""
PAGE = 1000
"""How many rows of a long table are in memory at a time."""


class Tables:
    """One open SQLite file in WAL mode."""

    def __init__(self, db: Database, path: Path) -> None:
        self._db = db
        self.path = path

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        create: bool = False,
        wait: float = WAIT,
        read_only: bool = False,
        migrate: bool = True,
        keep: bool = True,
    ) -> Tables:
        """Open the file at `path`, bringing its schema up to date, after a copy of it was made unless not to `keep` it;
        `read_only`: without changing a byte of it; without `migrate` a schema of whatever age is left as it is, to be
        read or copied.

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
                    if create:  # heard only while the file is empty: pages that become free can be given back
                        db.execute("PRAGMA auto_vacuum=INCREMENTAL")
                    if migrate:
                        db.execute("PRAGMA journal_mode=WAL")
                    db.execute("PRAGMA synchronous=FULL")
                    db.execute("PRAGMA foreign_keys=ON")
                if migrate:
                    cls._migrate(db, path, read_only=read_only, keep=keep)
            except BaseException:
                connection.close()
                raise
            return cls(db, path)

    @staticmethod
    def _migrate(db: Database, path: Path, *, read_only: bool, keep: bool) -> None:
        applied = {step.name for step in schema.applied(db)}
        known = {step.name for step in schema._migrations}
        if applied - known:
            raise SchemaTooNew(str(path), sorted(applied - known))
        if known - applied and read_only:
            older = "its schema is older than this holdpoint; let `holdpoint ledger verify` bring it up to date first"
            raise StoreUnreadable(str(path), older)
        if known - applied:
            # One writer migrates; the other waits for the lock and then finds nothing left to do.
            db.execute("BEGIN IMMEDIATE")
            try:
                there = [step.name for step in schema.applied(db)]
                if keep and there and known - set(there):
                    upgrade.keep(path, there)
                schema.apply(db)
            except BaseException:
                db.rollback()
                raise
            db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Tables:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside happens, or nothing of it. Raises StoreUnreadable when another writer does not let go.

        An error, or the end of the process, at any point of it leaves what was there before.
        """
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
        try:
            with translated(self.path):
                self._db.conn.execute("COMMIT")
        except BaseException:  # a full disk: what is not committed must not linger, or the next one would commit it
            self._db.rollback()
            raise

    def copy_to(self, path: Path, tick: Callable[[int, int], object] = lambda done, of: None) -> None:
        """Copy the whole file, as of one moment, to a new one at `path`, while others go on writing; one file, no WAL.

        `tick` is told how many pages are copied, and of how many.
        """
        with translated(path), closing(sqlite3.connect(path, isolation_level=None)) as copy:
            # In one read transaction: otherwise every write of somebody else would make the copy start anew.
            self._db.conn.execute("BEGIN")
            try:
                self._db.conn.execute("SELECT 1 FROM ledger LIMIT 1").fetchall()
                self._db.conn.backup(copy, pages=STEP, progress=lambda _, left, of: tick(of - left, of))
            finally:
                self._db.rollback()
            copy.execute("PRAGMA journal_mode=DELETE")
            copy.execute("PRAGMA synchronous=FULL")

    def damage(self, *, deep: bool) -> list[str]:
        """What SQLite finds damaged in the file, at most a hundred lines; `deep`: indexes against their tables too."""
        with translated(self.path):
            found = self._db.execute(f"PRAGMA {'integrity_check' if deep else 'quick_check'}").fetchall()
        return [str(line) for (line,) in found if line != "ok"]

    def tidy(self, pages: int) -> None:
        """Move the write-ahead log into the file and cut it; give back free pages, so many at most.

        Where somebody reads or writes just now, that waits for the next time.
        """
        with translated(self.path):
            for _ in range(0, pages, STEP):
                if not self._db.execute("PRAGMA freelist_count").fetchone()[0]:
                    break
                # A script is stepped to its end; one statement would give back a single page.
                self._db.conn.executescript(f"PRAGMA incremental_vacuum({STEP})")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def rewrite(self) -> None:
        """Write the file anew without its free pages; from then on `tidy` gives them back. Nobody writes meanwhile."""
        with translated(self.path):
            self._db.execute("PRAGMA auto_vacuum=INCREMENTAL")
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def free(self) -> int:
        """Bytes of the file in free pages."""
        with translated(self.path):
            free, size = (self._db.execute(f"PRAGMA {what}").fetchone()[0] for what in ("freelist_count", "page_size"))
            return int(free) * int(size)

    def steps(self) -> list[str]:
        """Names of the steps of the schema that were taken, in order."""
        with translated(self.path):
            return [step.name for step in schema.applied(self._db)]

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
        query = f'select {select} from "{table}"'  # noqa: S608 - names are ours alone
        query += f" where {where}" if where else ""
        query += f" order by {order_by}" if order_by else ""
        query += f" limit {limit}" if limit is not None else ""
        with translated(self.path):
            # Spelled here: asked for rows, sqlite-utils first asks SQLite about the table, each time.
            cursor = self._db.execute(query, list(args))
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def sums(
        self, table: str, by: Sequence[str], sums: Mapping[str, str], family: str | None, *, but: str = ""
    ) -> list[dict[str, Any]]:
        """For each group of equal `by`, in their order: the sum of each expression of `sums`; of one family, or all.

        `but`: a test of our own that rows must pass where no family is named.
        """
        columns = ", ".join([*by, *(f"sum({what}) as {name}" for name, what in sums.items())])
        where = (f" where {but}" if but else "") if family is None else " where family = :family"
        group = ", ".join(by)
        with translated(self.path):
            query = f"select {columns} from {table}{where} group by {group} order by {group}"  # noqa: S608 - ours alone
            return list(self._db.query(query, {} if family is None else {"family": family}))

    def pages(
        self,
        table: str,
        key: str,
        where: str | None = None,
        args: Sequence[Any] = (),
        *,
        after: Any = None,
        select: str = "*",
    ) -> Iterator[list[dict[str, Any]]]:
        """Rows in order of the unique column `key`, page by page, those after `after` where it is given."""
        while True:
            tests = [test for test in (where, None if after is None else f"{key} > ?") if test]
            given = [*args, *([] if after is None else [after])]
            page = self.rows(table, " and ".join(tests) or None, given, order_by=key, limit=PAGE, select=select)
            if page:
                yield page
            if len(page) < PAGE:
                return
            after = page[-1][key]

    def names(self) -> list[str]:
        """Our tables, in order of name."""
        with translated(self.path):
            return sorted(name for name in self._db.table_names() if not name.startswith(("_", "sqlite_")))

    def key(self, table: str) -> str:
        """The column that is the key of a table."""
        with translated(self.path):
            return str(self._db.table(table).pks[0])

    def columns(self, table: str) -> list[tuple[str, str]]:
        """Name and type of each column of a table, in order."""
        with translated(self.path):
            return [(column.name, column.type.lower()) for column in self._db.table(table).columns]

    def with_column(self, column: str) -> list[str]:
        """Our tables other than the ledger that have a column of this name."""
        with translated(self.path):
            return [name for name in self.names() if name != "ledger" and column in self._db.table(name).columns_dict]

    def rows_among(self, table: str, column: str, values: Sequence[str | int]) -> list[dict[str, Any]]:
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

    def remove(self, table: str, where: str, args: Sequence[Any]) -> None:
        """Delete rows, of a table whose rows may go. Of most the store itself refuses it."""
        self.must_be_writing()
        with translated(self.path):
            self._db.table(table).delete_where(where, list(args))

    def last(self, table: str, column: str, where: str | None = None, args: Sequence[Any] = ()) -> Any:
        """The largest value of a column, found by its index; None in an empty table."""
        for row in self.rows(table, where, args, order_by=f"{column} desc", limit=1, select=column):
            return row[column]
        return None

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
