"""The inbox: alerts that want a person, worst first, by filters, page by page."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from checkpoints_db import Store
from checkpoints_db.alert_page import AlertFilter
from checkpoints_db.records import OVER, Alert, AlertState, Answer, Record

PAGE = 50
"""Alerts on a page."""
STATES: tuple[AlertState, ...] = get_args(AlertState)
OPEN = tuple(state for state in STATES if state not in OVER)


class Asked(Record):
    """Which alerts are asked for; what is empty filters nothing."""

    state: Literal["open", "all"] | AlertState = "open"
    answer: Answer | Literal[""] = ""
    family: str = ""
    rule: str = ""
    whose: Literal["", "mine", "nobody"] = ""
    after: Annotated[str, Field(max_length=200)] = ""
    """The mark that the page begins after; empty for the first one."""

    def filter(self, me: str) -> AlertFilter:
        """As the store is asked, by somebody of this name."""
        states = OPEN if self.state == "open" else () if self.state == "all" else (self.state,)
        return AlertFilter(
            states=states,
            answers=(Answer(self.answer),) if self.answer else (),
            family=self.family,
            rule=self.rule,
            assigned={"": None, "mine": me, "nobody": ""}[self.whose],
        )


class Inbox(Record):
    """One page of the alerts that were asked for."""

    asked: Asked
    alerts: tuple[Alert, ...]
    total: int
    states: dict[str, int]
    """How many alerts are in each state, whatever state was asked for."""
    next: str
    """The mark that the next one does; empty on the last."""


def inbox(store: Store, asked: Asked, me: str) -> Inbox:
    """One page of alerts, worst and oldest first. Raises PolicyError where what it begins after is no mark."""
    wanted = asked.filter(me)
    found = store.actions.alerts_page(wanted, asked.after, PAGE)
    states = store.actions.alert_counts(wanted)
    return Inbox(asked=asked, alerts=found.alerts, total=found.total, states=states, next=found.next)
