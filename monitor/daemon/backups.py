"""Backups on a schedule, and the drill that shows that they are worth something."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from checkpoints_db import Store
from checkpoints_db import backup as copies
from checkpoints_db.backup import Tick, silent
from checkpoints_db.errors import LedgerBroken, StoreError
from checkpoints_db.ledger import Pin
from checkpoints_db.rebuild import rebuild
from checkpoints_db.records import Record
from monitor.clock import Clock
from monitor.daemon.depot import Depot, name_of
from monitor.settings import Backups, Settings

PREFIX = ".backup-"
"""Of folders beside the store that a copy is made in before it is uploaded."""
LEFT = 86400.0
"""Seconds after which nobody can still be at work in one."""


class Made(Record):
    """A backup that was made."""

    name: str
    url: str
    size: int
    head: Pin
    removed: tuple[str, ...]
    """Older ones that had to go."""


class Drilled(Record):
    """What came of restoring a backup into a folder of its own."""

    name: str
    url: str
    head: Pin
    seconds: float
    differences: int
    """Rows of its tables that its ledger does not say."""
    ours: bool
    """Whether the ledger of the store in use still goes on from it."""

    @property
    def sound(self) -> bool:
        """Whether one could go on from it."""
        return self.ours and not self.differences


def is_due(store: Store, terms: Backups, at: datetime) -> bool:
    """Whether the newest backup is older than the settings want; one dated ahead of the clock is none."""
    last = store.fact("backup")
    return last is None or not last[1] <= at < last[1] + terms.every


def make(store: Store, settings: Settings, terms: Backups, at: datetime, tick: Tick = silent) -> Made:
    """Copy the store while it is used, compress, upload and check the copy, remove what is too old or too many.

    What was done goes into the ledger. Raises StoreError where it cannot be written, LedgerBroken where the chain of
    the copy does not hold.
    """
    depot = Depot(terms.url, settings.base)
    _swept(store.path.parent, at)
    with TemporaryDirectory(dir=store.path.parent, prefix=PREFIX) as folder:
        copy = Path(folder) / "copy.db"
        head = copies.backup(store, copy, tick=tick)
        name = name_of(at, head.seq)
        size = depot.put(copy, name)
    removed = depot.prune(terms.keep, terms.max_age, at)
    made = Made(name=name, url=depot.url, size=size, head=head, removed=tuple(removed))
    with store.transaction():
        store.ledger.append("backup", name, made.body(), at)
        store.note("backup", name, at)
    return made


def fetched(source: str, base: Path, folder: Path) -> tuple[Path, str, str]:
    """The backup that `source` names, unpacked into `folder` where it is packed; and its URL and name.

    `source` is a file that `holdpoint backup FILE` wrote, a `.db.zst` of a depot, or a depot, of which it is the newest
    one. Raises StoreError where there is none.
    """
    local = base / source
    if "://" not in source and local.is_file() and not source.endswith(".zst"):
        return local, str(local.parent), local.name
    url, name = (
        (source.rpartition("/")[0] or ".", source.rpartition("/")[2]) if source.endswith(".zst") else (source, "")
    )
    depot = Depot(url, base)
    if not name:
        there = depot.all()
        if not there:
            raise StoreError(f"{depot.url}: no backup lies there; make one with `holdpoint backup --to {url}`")
        name = there[-1].name
    depot.fetch(name, folder / "fetched.db")
    return folder / "fetched.db", depot.url, name


def drill(store: Store, source: str, base: Path, clock: Clock, tick: Tick = silent) -> Drilled:
    """Restore a backup into a temporary folder, verify its ledger, rebuild all tables from it; say how long it took.

    The outcome goes into the ledger of the store in use. Raises StoreError where the backup cannot be had, LedgerBroken
    where its chain does not hold.
    """
    began = clock.now()
    with TemporaryDirectory() as folder:
        path, url, name = fetched(source, base, Path(folder))
        restored = Path(folder) / "restored.db"
        head = copies.restore(path, restored, began, tick=tick)
        with Store.open(restored) as opened:
            differences = rebuild(opened, Path(folder) / "rebuilt.db", lambda seq: tick("rebuilding", seq, head.seq))
    at = clock.now()
    drilled = Drilled(
        name=name,
        url=url,
        head=head,
        seconds=max(0.0, (at - began).total_seconds()),
        differences=len(differences),
        ours=_goes_on_from(store, head),
    )
    with store.transaction():
        store.ledger.append("drill", name, drilled.body(), at)
        store.note("drill", "sound" if drilled.sound else "failed", at)
    return drilled


def _swept(folder: Path, at: datetime) -> None:
    """Remove what backups that were killed in the middle left here."""
    for left in folder.glob(f"{PREFIX}*"):
        if at.timestamp() - left.stat().st_mtime > LEFT:
            shutil.rmtree(left, ignore_errors=True)


def _goes_on_from(store: Store, head: Pin) -> bool:
    try:
        return head.seq == 0 or store.ledger.entry(head.seq).sha256 == head.sha256
    except LedgerBroken:
        return False
