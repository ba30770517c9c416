"""The life of an alert: which state may follow which, by whom. The one table of it; nothing here reaches the gate.

People take an alert, ask a question about it, answer it and close it. Events make it fire, let it go, bring it back.
An event never ends an open review but by something worse: who has a question to answer keeps the alert.
"""

from __future__ import annotations

from collections.abc import Mapping

from checkpoints_db.errors import PolicyError
from checkpoints_db.records import FOUND, AlertState

PEOPLE: Mapping[AlertState, tuple[AlertState, ...]] = {
    "pending": ("acknowledged", "under_review"),
    "firing": ("acknowledged", "under_review"),
    "acknowledged": ("acknowledged", "under_review"),
    "under_review": ("under_review", *FOUND),
    "confirmed": ("under_review", "closed"),
    "false_alarm": ("under_review", "closed"),
    "evidence_invalid": ("under_review", "closed"),
    "waived": ("under_review",),
    "superseded": ("under_review",),
    "withdrawn": ("under_review",),
    "closed": ("under_review",),
}
"""What people may do; what is over can be looked into, and is over again when it is closed."""

EVENTS: Mapping[AlertState, tuple[AlertState, ...]] = {
    "pending": ("firing", "withdrawn", "waived", "superseded", "closed"),
    "firing": ("waived", "superseded", "closed"),
    "acknowledged": ("firing", "waived", "superseded", "closed"),
    "under_review": ("firing",),
    "confirmed": ("firing", "waived", "superseded", "closed"),
    "false_alarm": ("firing", "waived", "superseded", "closed"),
    "evidence_invalid": ("firing", "waived", "superseded", "closed"),
    "waived": ("pending", "firing", "superseded", "closed"),
    "superseded": ("pending", "firing"),
    "withdrawn": ("pending", "firing"),
    "closed": ("pending", "firing"),
}
"""What may happen by itself."""

NEW_EPISODE: tuple[AlertState, ...] = ("superseded", "withdrawn", "closed")
"""What was in these states and fires again is another episode of the same alert."""

COMMANDS: Mapping[AlertState, str] = {
    "acknowledged": "ack",
    "under_review": "review",
    "confirmed": "confirm",
    "false_alarm": "false-alarm",
    "evidence_invalid": "invalid",
    "closed": "close",
}
"""How a person asks for a state."""


def may(here: AlertState, to: AlertState, *, person: bool) -> bool:
    """Whether an alert that is `here` may go `to`, by a person or by itself.

    >>> may("firing", "false_alarm", person=True), may("under_review", "false_alarm", person=True)
    (False, True)
    """
    return to in (PEOPLE if person else EVENTS)[here]


def must(alert: str, here: AlertState, to: AlertState) -> None:
    """Raise PolicyError where a person may not move an alert from `here` to `to`; it says where to instead."""
    if may(here, to, person=True):
        return
    allowed = ", ".join(f"{state} (`holdpoint alert {COMMANDS[state]} {alert}`)" for state in PEOPLE[here])
    raise PolicyError(f"alert {alert} is {here} and cannot become {to}; from here it may become: {allowed}")


def episode(here: AlertState, number: int) -> int:
    """The number of the episode of an alert that was `here` and fires again."""
    return number + 1 if here in NEW_EPISODE else number
