"""Which alerts are asked for, and in which order they come, page by page."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NamedTuple

from checkpoints_db.errors import PolicyError
from checkpoints_db.records import OVER, Alert, AlertState, Answer
from checkpoints_db.records.base import stamp

RANK = "CASE answer WHEN 'PAUSE' THEN 0 WHEN 'HOLD' THEN 1 WHEN 'WARN' THEN 2 ELSE 3 END"
"""As the index has it, to the letter."""
WORST_FIRST = f"{RANK}, opened_at, fingerprint"
NOT_OVER = f"state not in ({', '.join(repr(state) for state in OVER)})"


class AlertFilter(NamedTuple):
    """What is asked for; what is left out asks for all."""

    states: tuple[AlertState, ...] = ()
    answers: tuple[Answer, ...] = ()
    family: str = ""
    run: str = ""
    rule: str = ""
    assigned: str | None = None
    """Whose they are; empty for those that are nobody's."""
    since: datetime | None = None
    """Only those that changed at this moment or later."""

    def test(self) -> tuple[str, list[Any]]:
        """As a test of rows, and its values."""
        tests, args = ["1 = 1"], list[Any]()
        for column, values in (("state", self.states), ("answer", [str(each) for each in self.answers])):
            if values:
                tests.append(f"{column} in ({', '.join('?' * len(values))})")
                args += values
        for column, value in (("family", self.family), ("run", self.run), ("rule", self.rule)):
            if value:
                tests.append(f"{column} = ?")
                args.append(value)
        if self.assigned is not None:
            tests.append("assigned = ?")
            args.append(self.assigned)
        if self.since is not None:
            tests.append("changed_at >= ?")
            args.append(stamp(self.since))
        return " and ".join(tests), args


EVERY_ALERT = AlertFilter()


class AlertPage(NamedTuple):
    """Some of the alerts that were asked for."""

    alerts: tuple[Alert, ...]
    total: int
    """How many there are on all pages."""
    next: str
    """The mark after which the next page begins; empty on the last one."""


def mark_of(row: dict[str, Any]) -> str:
    """The mark of one alert: its place in the order."""
    return f"{row['rank']}~{row['opened_at']}~{row['fingerprint']}"


def marked(mark: str) -> list[Any]:
    """The place that a mark names. Raises PolicyError where it is none."""
    rank, _, rest = mark.partition("~")
    opened, _, fingerprint = rest.partition("~")
    if not (rank.isascii() and rank.isdigit() and len(rank) == 1 and opened and fingerprint):
        raise PolicyError(f"{json.dumps(mark)} is no mark of a page; take the `next` of the page before it")
    return [int(rank), opened, fingerprint]
