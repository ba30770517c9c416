"""The only door to time: what the clock says, and waiting."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Anything that tells the time and can wait."""

    def now(self) -> datetime:
        """This moment, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """This moment, in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def monotonic(self) -> float:
        """Seconds since some moment, whatever anybody does to the clock."""
        return time.monotonic()


class VirtualClock:
    """A clock that stands still until it is told to move; sleeping moves it. For replay and tests.

    >>> clock = VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))
    >>> clock.sleep(90); clock.now().isoformat()
    '2026-01-01T00:01:30+00:00'
    """

    def __init__(self, at: datetime) -> None:
        self._at = at
        self._slept = 0.0

    def now(self) -> datetime:
        """The moment it was set to."""
        return self._at

    def sleep(self, seconds: float) -> None:
        """Move on without waiting."""
        self._at += timedelta(seconds=seconds)
        self._slept += seconds

    def monotonic(self) -> float:
        """Seconds slept so far."""
        return self._slept
