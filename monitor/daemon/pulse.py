"""What this process has seen of itself since it started: when its jobs ran, what it took in, what it reloaded.

Nothing is decided by it; it is what metrics and health are told from.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from monitor.watch import Walked

OUTCOMES = ("new", "same", "aside", "conflicting", "unplaced", "quarantined", "waiting")
"""What becomes of a result, or, the last two, of a whole file."""


class Pulse:
    """Written by the one who works, read by the one who is asked; safe between their threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ingested = Counter(dict.fromkeys(OUTCOMES, 0))
        self._began: dict[str, datetime] = {}
        self._period: dict[str, timedelta] = {}
        self._missed = 0
        self._failed = Counter[str]()
        self.cycle_lasted: timedelta | None = None
        """How long the newest complete cycle took here; None where none was completed yet."""
        self.reloaded: datetime | None = None
        """When settings, policy and catalogue were last read again on request."""
        self.reload_refused = ""
        """Why the last request to read them again was refused; empty where it was not."""

    def begins(self, job: str, period: timedelta, at: datetime) -> None:
        """A job begins; it is due again after its period."""
        with self._lock:
            self._began[job], self._period[job] = at, period

    def failed(self, job: str) -> None:
        """A job failed."""
        with self._lock:
            self._failed[job] += 1

    def missed(self) -> None:
        """The scheduler could not start a job when it was due."""
        with self._lock:
            self._missed += 1

    def took_in(self, walked: Walked) -> None:
        """Count what a walk took in."""
        with self._lock:
            for outcome in OUTCOMES:
                told = getattr(walked, outcome)
                self._ingested[outcome] += told if isinstance(told, int) else len(told)

    @property
    def ingested(self) -> Mapping[str, int]:
        """Outcome -> how many, since the start."""
        with self._lock:
            return dict(self._ingested)

    @property
    def missed_jobs(self) -> int:
        """How often a job could not start when it was due, since the start."""
        return self._missed

    @property
    def failures(self) -> Mapping[str, int]:
        """Job -> how often it failed since the start; every job that ever began."""
        with self._lock:
            return {job: self._failed[job] for job in self._began}

    def lag(self, at: datetime) -> timedelta | None:
        """By how much the job that is most overdue is late; None where no job ever began here."""
        with self._lock:
            due = [began + self._period[job] for job, began in self._began.items()]
        return max([at - each for each in due] + [timedelta(0)]) if due else None
