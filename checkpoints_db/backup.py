"""Backups of a store that is in use, and stores that go on from one. Both are checked before they take a place.

A backup is one file that any SQLite tool reads. It is written beside its target, verified there, and moved into place
at once: what lies at a target is a whole backup, or what was there before.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from checkpoints_db.errors import LeadershipLost, NoStore, StoreError, StoreUnreadable
from checkpoints_db.ledger import Pin
from checkpoints_db.store import Store
from checkpoints_db.tables import Tables, translated

BESIDE = ("", "-wal", "-shm")
"""What a store consists of: the file, and what SQLite keeps beside it."""
ASIDE = ".before-restore"

Tick = Callable[[str, int, int], object]
"""Told what is being done, how much of it is done, and of how much."""


def silent(what: str, done: int, of: int) -> None:
    """Tell nobody."""


def backup(store: Store, target: Path, *, force: bool = False, tick: Tick = silent) -> Pin:
    """Copy a store that is in use to the file `target`, verify the copy, and return its head.

    Writers go on meanwhile; the copy is of one moment. Raises StoreError where `target` exists and not `force`,
    StoreUnreadable where it cannot be written, LedgerBroken where the ledger of the copy does not hold.
    """
    _free(target, force=force)
    part = target.with_name(f".{target.name}.part")
    try:
        with translated(target):
            part.parent.mkdir(parents=True, exist_ok=True)
            _gone(part)
        store._tables.copy_to(part, lambda done, of: tick("copying", done, of))
        head = _verified(part, tick)
        with translated(target):
            _placed(part, target)
    finally:
        with translated(target):
            _gone(part)
    return head


def restore(source: Path, target: Path, at: datetime, *, force: bool = False, tick: Tick = silent) -> Pin:
    """Put the store in the file `source` where a store is wanted, verified, and return its head; its chain goes on.

    Gates hold until a daemon has completed a cycle over it: what came since the backup is seen again first. With
    `force` a store at `target` is moved aside (`….before-restore`), never deleted. Raises NoStore without a source,
    StoreError where a store is in the way or in use, LedgerBroken where the ledger of the source does not hold.
    """
    _free(target, force=force)
    _unused(target, at)
    if not source.is_file():
        raise NoStore(str(source))
    part = target.with_name(f".{target.name}.part")
    try:
        with translated(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            _gone(part)
        with Tables.open(source, migrate=False) as tables:
            tables.copy_to(part, lambda done, of: tick("copying", done, of))
        head = _verified(part, tick)
        _doubted(part, head, at)
        with translated(target):
            _moved_aside(target)
            _placed(part, target)
    finally:
        with translated(target):
            _gone(part)
    return head


def _free(target: Path, *, force: bool) -> None:
    if target.is_dir():
        raise StoreError(f"{target}: is a folder; name the file to write, for example {target / 'holdpoint.db'}")
    if target.exists() and not force:
        raise StoreError(f"{target}: something is there already; name another file, or say --force to replace it")


def _unused(target: Path, at: datetime) -> None:
    """Refuse to replace a store under a daemon that leads it. One that cannot be read cannot be in good use."""
    try:
        with Tables.open(target, migrate=False) as tables:
            leader = Store(tables).leader()
    except (NoStore, StoreUnreadable):
        return
    if leader is not None and leader[1] > at:
        raise LeadershipLost(leader[0])


def _verified(part: Path, tick: Tick) -> Pin:
    with Tables.open(part, migrate=False) as tables:
        copy = Store(tables)
        rows = copy.ledger.head[0]
        seq, digest = copy.ledger.verify(tick=lambda seq: tick("verifying", seq, rows))
    return Pin(seq=seq, sha256=digest)


def _doubted(part: Path, head: Pin, at: datetime) -> None:
    """A restored store knows nothing of what came after it: no gate of it says GO before a daemon looked."""
    with Store(Tables.open(part, keep=False)) as copy, copy.transaction():
        for holder in [leader[0] for leader in [copy.leader()] if leader]:
            copy.resign(holder)
        copy.note(
            "fault", f"restored from a backup that ends at ledger row {head.seq}; a cycle must complete first", at
        )
        copy.note("cycle", "", datetime.fromtimestamp(0, at.tzinfo))


def _placed(part: Path, target: Path) -> None:
    """Move a finished file into place, durably."""
    with part.open("rb") as stream:
        os.fsync(stream.fileno())
    part.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _moved_aside(target: Path) -> None:
    """Move a store away, its file first: what SQLite keeps beside a file that is gone is no store, and holds."""
    for suffix in BESIDE:
        path = target.with_name(target.name + suffix)
        if path.exists():
            path.replace(target.with_name(target.name + ASIDE + suffix))


def _gone(part: Path) -> None:
    for suffix in (*BESIDE, "-journal"):
        part.with_name(part.name + suffix).unlink(missing_ok=True)
