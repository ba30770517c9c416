"""How often somebody may try to log in: seldom for one name, more for one address; forgotten when the door closes."""

from __future__ import annotations

import threading
from collections import deque
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=15)
PER_NAME, PER_ADDRESS = 5, 30
"""Failures within the window after which nobody is heard for that name from that address, or from that address."""
MOST = 10_000
"""Names and addresses that are remembered; beyond that the oldest is forgotten."""


ANY = "\0"
"""No name: all of an address together."""


class Attempts:
    """Failures, by name and address."""

    def __init__(self) -> None:
        self._failures: dict[tuple[str, str], deque[datetime]] = {}
        self._turn = threading.Lock()

    def wait(self, name: str, address: str, at: datetime) -> timedelta:
        """How long until an attempt is heard; no time at all where it is heard now."""
        with self._turn:
            return max(self._left(key, most, at) for key, most in _keys(name, address))

    def failed(self, name: str, address: str, at: datetime) -> None:
        """Remember a failure."""
        with self._turn:
            for key, most in _keys(name, address):
                self._failures.setdefault(key, deque(maxlen=most)).append(at)
                self._failures[key] = self._failures.pop(key)  # the newest last
            while len(self._failures) > MOST:
                del self._failures[next(iter(self._failures))]

    def passed(self, name: str, address: str) -> None:
        """Forget the failures of a name from an address: its person came in. Of those of the address, this one."""
        with self._turn:
            self._failures.pop((name[:80], address), None)
            if every := self._failures.get((ANY, address)):
                every.pop()

    def _left(self, key: tuple[str, str], most: int, at: datetime) -> timedelta:
        failures = self._failures.get(key)
        if failures is None or len(failures) < most:
            return timedelta()
        return max(failures[0] + WINDOW - at, timedelta())


def _keys(name: str, address: str) -> tuple[tuple[tuple[str, str], int], ...]:
    return ((name[:80], address), PER_NAME), ((ANY, address), PER_ADDRESS)
