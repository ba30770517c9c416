"""Before the schema of a store changes: a copy of it as it is, beside it, checked.

`holdpoint.db.m015_outliers` is the store as it was when that was its last step. The version that wrote it opens it.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from checkpoints_db.chain import GENESIS, link
from checkpoints_db.errors import LedgerBroken, StoreUnreadable

logger = logging.getLogger("holdpoint.store")

SPARE = 1 << 20
"""Bytes that stay free beside the copy."""


def keep(path: Path, steps: Sequence[str]) -> Path:
    """Copy the store at `path`, whose schema has these steps, beside itself; returns where. Nobody may write meanwhile.

    The copy is verified: SQLite finds no damage, and the chain of its ledger holds. One of the same step that is there
    already is replaced. Raises StoreUnreadable where the disk has no room for it, LedgerBroken where the chain does
    not hold; then nothing was changed.
    """
    target = path.with_name(f"{path.name}.{steps[-1]}")
    part = target.with_name(f".{target.name}.part")
    _must_fit(path)
    try:
        part.unlink(missing_ok=True)
        source = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(source, uri=True)) as old, closing(sqlite3.connect(part)) as copy:
            old.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            rows = _verified(copy)
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    logger.warning(
        "%s is brought up to date from schema %s; as it was (%d ledger rows, verified) it lies in %s: remove that when "
        "you are content, or put it back to return to the version before",
        path,
        steps[-1],
        rows,
        target,
    )
    return target


def _must_fit(path: Path) -> None:
    """Raise StoreUnreadable where a copy of the store would fill its disk."""
    parts = [path, path.with_name(f"{path.name}-wal")]
    needed = sum(part.stat().st_size for part in parts if part.exists()) + SPARE
    disk = os.statvfs(path.resolve().parent)
    free = disk.f_bavail * disk.f_frsize
    if free < needed:
        why = (
            f"its schema is older than this holdpoint, which copies it before it changes anything, and the disk is too "
            f"full for a copy: {needed:,} bytes are needed, {free:,} are free"
        )
        raise StoreUnreadable(str(path), why)


def _verified(copy: sqlite3.Connection) -> int:
    """Number of rows in the ledger of the copy. Raises LedgerBroken, or sqlite3.DatabaseError."""
    found = [str(line) for (line,) in copy.execute("PRAGMA integrity_check") if line != "ok"]
    if found:
        raise sqlite3.DatabaseError(f"malformed: {found[0]}")
    seq, previous = 0, GENESIS
    for row in copy.execute("SELECT seq, at, kind, subject, body, previous, digest FROM ledger ORDER BY seq"):
        seq += 1
        if row[0] != seq or row[5] != previous or link(*row[:6]) != row[6]:
            raise LedgerBroken(seq, "it does not hold, and a store is not brought up to date over a broken ledger")
        previous = row[6]
    return seq
