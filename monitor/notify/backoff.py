"""How long to wait before the next attempt."""

from __future__ import annotations

import hashlib
from datetime import timedelta

FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(hours=1)
"""Pause before the second attempt, doubled each time up to the longest."""
LONGEST_HOLD = timedelta(minutes=5)
"""Longest time in which a receiver that cannot be reached is not tried at all: once it is back it hears within this."""
LONGEST_ASKED = timedelta(days=1)
"""A receiver may ask for this much patience (Retry-After), not for more."""
GIVE_UP = timedelta(days=5)
"""A message that could not be sent for so long goes to the next receiver."""


def wait_before(key: str, attempts: int, asked: float | None = None) -> timedelta:
    """Pause after `attempts` attempts have failed: doubled each time, cut at the longest, shortened by up to half.

    What it is shortened by follows from `key` and the number of attempts alone, by their digest, so that messages that
    failed together do not come back together. `asked`: seconds that the receiver asked for at least.

    >>> FIRST_WAIT / 2 <= wait_before("a", 1) <= FIRST_WAIT, wait_before("a", 40) >= LONGEST_WAIT / 2
    (True, True)
    >>> wait_before("a", 1, asked=120) >= timedelta(seconds=120)
    True
    """
    longest = min(FIRST_WAIT * 2 ** min(max(attempts, 1) - 1, 20), LONGEST_WAIT)
    drawn = int.from_bytes(hashlib.sha256(f"{key} {attempts}".encode()).digest()[:8], "big") / 2**64
    least = timedelta(0) if asked is None else min(timedelta(seconds=max(asked, 0.0)), LONGEST_ASKED)
    shortened: timedelta = longest * (0.5 + drawn / 2)
    return max(shortened, least)
