"""The inbox: alerts that want a person, worst first, by filters, page by page."""

from __future__ import annotations

from typing import Literal

from checkpoints_db import Store
from checkpoints_db.records import Alert, Answer, Record

PAGE = 50
"""Alerts on a page."""

States = Literal["open", "firing", "acknowledged", "closed", "all"]


class Asked(Record):
    """Which alerts are asked for; what is empty filters nothing."""

    state: States = "open"
    answer: Answer | Literal[""] = ""
    family: str = ""
    rule: str = ""
    text: str = ""
    """Words that the sentence, the run or the id has."""


class Inbox(Record):
    """One page of the alerts that were asked for."""

    asked: Asked
    alerts: tuple[Alert, ...]
    count: int
    page: int
    pages: int
    families: tuple[str, ...]
    rules: tuple[str, ...]


def inbox(store: Store, asked: Asked, page: int = 1) -> Inbox:
    """One page of alerts, worst and oldest first."""
    every = store.actions.alerts()
    found = sorted(
        (alert for alert in every if _wanted(alert, asked)),
        key=lambda a: (a.state == "closed", -a.answer.rank, a.opened_at),
    )
    pages = max(1, -(-len(found) // PAGE))
    page = min(max(page, 1), pages)
    return Inbox(
        asked=asked,
        alerts=tuple(found[(page - 1) * PAGE : page * PAGE]),
        count=len(found),
        page=page,
        pages=pages,
        families=tuple(sorted({alert.family for alert in every} - {""})),
        rules=tuple(sorted({alert.rule for alert in every})),
    )


def _wanted(alert: Alert, asked: Asked) -> bool:
    if asked.state == "open" and alert.state == "closed":
        return False
    if asked.state not in ("open", "all", alert.state):
        return False
    text = f"{alert.id} {alert.family}/{alert.run} {alert.sentence}".lower()
    return (
        asked.answer in ("", alert.answer)
        and asked.family in ("", alert.family)
        and asked.rule in ("", alert.rule)
        and asked.text.lower() in text
    )
