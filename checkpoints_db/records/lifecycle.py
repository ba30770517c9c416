"""What people say about an alert: each a record of its own, bound to the evidence they saw, that nothing overwrites."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, StringConstraints, model_serializer, model_validator

from checkpoints_db.records.base import Instant, Record
from checkpoints_db.records.evidence import Name

AlertState = Literal[
    "pending",  # the gate says it already; nobody is told before it has lasted
    "firing",
    "acknowledged",
    "under_review",
    "confirmed",
    "false_alarm",
    "evidence_invalid",
    "waived",
    "superseded",  # a newer checkpoint of the run does not have it
    "withdrawn",  # it did not last
    "closed",
]
OVER: tuple[AlertState, ...] = ("waived", "superseded", "withdrawn", "closed")
"""States in which nobody has to do anything."""
FOUND: tuple[AlertState, ...] = ("confirmed", "false_alarm", "evidence_invalid")
"""What a review may find."""

Cause = Literal["noise", "evaluation_bug", "contamination", "harness_change", "wrong_form", "data_entry"]
"""Why an alert was false."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000)]
Link = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=r"^https?://[^\s/]+\S*$")]


class Acknowledgement(Record):
    """A named person has seen an alert; expires and changes nothing else."""

    alert: str
    by: Name
    comment: str = ""
    at: Instant
    expires: Instant
    episode: Annotated[int, Field(ge=0)] = 0
    """0 in records of versions that did not say."""
    evidence: str = ""
    """Digest of the evidence that the person saw."""

    @model_serializer(mode="wrap")
    def _as_told(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As the version that wrote it did: one of 0.1.0 has no evidence, and must come out of its ledger unchanged."""
        body: dict[str, Any] = handler(self)
        return {name: value for name, value in body.items() if name not in ("episode", "evidence") or value}


class AlertReview(Record):
    """One thing that a person said about one episode of an alert."""

    id: Name
    alert: str
    episode: Annotated[int, Field(ge=1)]
    by: Name
    at: Instant
    evidence: str
    """Digest of the evidence behind the alert, as the person saw it."""


class Transition(AlertReview):
    """A person moved an alert to another state."""

    to: Literal["under_review", "confirmed", "false_alarm", "evidence_invalid", "closed"]
    text: Text
    """The question of a review, the mitigation of what is confirmed, why an alert is false, what to run again."""
    reviewer: str = ""
    """Who is to answer the question; only of a review."""
    cause: Cause | None = None
    """Why it was false; of every false alarm, and of nothing else."""

    @model_validator(mode="after")
    def _whole(self) -> Transition:
        if (self.to == "false_alarm") != (self.cause is not None):
            raise ValueError("a false alarm has a cause, and nothing else has one")
        if (self.to == "under_review") != bool(self.reviewer):
            raise ValueError("a review has a reviewer, and nothing else has one")
        return self


class Comment(AlertReview):
    """What somebody thinks; it changes nothing."""

    text: Text


class Assignment(AlertReview):
    """Whose alert it is from now on."""

    to: str
    """A person; empty for nobody."""
    text: str = ""


class Attachment(AlertReview):
    """A link to what lies elsewhere; nothing is fetched."""

    title: Text
    url: Link
