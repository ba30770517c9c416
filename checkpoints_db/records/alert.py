"""Alerts: decisions that want a human, and the messages that tell of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from checkpoints_db.records.base import Instant, Record
from checkpoints_db.records.evidence import Name
from checkpoints_db.records.finding import Answer, Finding
from checkpoints_db.records.lifecycle import OVER, AlertState


class Alert(Record):
    """A decision that wants a human; the same trouble is one alert."""

    id: str
    """First twelve characters of the fingerprint."""
    fingerprint: str
    family: str
    """Empty for alerts about files that could not be placed."""
    run: str
    rule: Name
    answer: Answer
    state: AlertState
    opened_at: Instant
    changed_at: Instant
    sentence: str
    findings: tuple[Finding, ...] = ()
    decision: str = ""
    """Digest of the newest decision behind it."""
    episode: Annotated[int, Field(ge=1)] = 1
    """Counts re-openings after a close."""
    domains: tuple[Name, ...] = ()
    """Domains of the tasks it speaks of, as the catalogue has them."""
    evidence: str = ""
    """Digest of the evidence behind it; of an alert about files and about ourselves, of what it says."""
    receded: bool = False
    """Whether it says less by now, or nothing. A flag: an alert of a pause stays as it is until that is released."""
    assigned: str = ""
    """Whose it is; empty while it is nobody's."""
    settled_by: str = ""
    """Who closed it; empty where nobody did, or the trouble went by itself."""
    drill: str = ""
    """The fire drill it is of, whose break was made on paper; empty for a real one."""

    @property
    def over(self) -> bool:
        """Whether nobody has to do anything about it."""
        return self.state in OVER


class Told(Record):
    """One further alert of a message about several, in short."""

    alert: str
    family: str
    run: str
    rule: Name
    answer: Answer
    state: AlertState
    sentence: str


EVERYBODY = "*"
"""Receiver of a message that has not been routed yet."""

MessageEvent = Literal[
    "opened",
    "changed",
    "acknowledged",
    "under_review",
    "confirmed",
    "false_alarm",
    "evidence_invalid",
    "closed",
    "reopened",
    "repeated",
    "escalated",
]


class Message(Record):
    """A message owed, written in the same transaction as its alert: first to everybody, then to each receiver."""

    id: str
    """Idempotency key: the same event to the same receiver has the same id."""
    receiver: Name
    """Name of a receiver in the settings, or `*` where the routes have not been asked yet."""
    event: MessageEvent
    alert: Alert
    """The worst alert it tells of."""
    at: Instant
    then: tuple[Name, ...] = ()
    """Who stands in when the receiver can never be reached; of a message to everybody, who is told without routes."""
    route: str = ""
    """Name of the route it goes by."""
    group: dict[str, str] = Field(default_factory=dict)
    """What its alerts are alike in."""
    topic: str = ""
    """Digest of route and group."""
    alerts: tuple[str, ...] = ()
    """Ids of the alerts it tells of, worst first."""
    others: tuple[Told, ...] = ()
    """The next worst of them, a few."""
    held_back: Annotated[int, Field(ge=0)] = 0
    """Consequences of its alert that nobody is told of while it is open."""
    bundle: str = ""
    """What is the same for all its receivers."""

    @property
    def count(self) -> int:
        """Number of alerts it tells of."""
        return max(len(self.alerts), 1)
