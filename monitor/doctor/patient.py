"""Who is examined, and what a check says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from checkpoints_db import Store
from checkpoints_db.errors import StoreError
from checkpoints_db.ledger import Pin
from checkpoints_db.records import Record
from monitor.clock import Clock
from monitor.settings import Settings


class Checked(Record):
    """What one check found."""

    name: str
    state: Literal["ok", "warn", "fail"]
    found: str
    do: str = ""
    """What to do next; empty where nothing is to be done, or where `found` says it."""


@dataclass(frozen=True)
class Patient:
    """An installation under examination: nothing of it is changed, and no message leaves it unless `send`."""

    settings: Settings
    clock: Clock
    opened: Store | None
    """The store, read-only; None where it cannot be opened."""
    why: StoreError | None = None
    """Why it cannot."""
    pins: tuple[Pin, ...] = ()
    deep: bool = False
    send: bool = False
    tell: Callable[[str, int, int], object] = lambda what, done, of: None
    """Told how far a check is that takes long."""

    @property
    def path(self) -> Path:
        """Where the store lies."""
        return self.settings.at(self.settings.store)


def roughly(length: timedelta) -> str:
    """A length of time in one number that a person takes in.

    >>> roughly(timedelta(seconds=75.3)), roughly(timedelta(hours=30)), roughly(timedelta(days=9))
    ('75 s', '30.0 h', '9.0 days')
    """
    seconds = length.total_seconds()
    for unit, size, least in (("days", 86400, 2), ("h", 3600, 2), ("min", 60, 2)):
        if abs(seconds) >= least * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
