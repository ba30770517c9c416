"""What people say when they do something: the bodies of the verbs."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from checkpoints_db.records import Cause, Record
from checkpoints_db.records.duration import Duration, parse_duration

Words = Annotated[str, Field(min_length=1, max_length=4000)]
Lasting = Annotated[Duration, Field(gt=timedelta(), le=timedelta(days=3660))]
Flop = Annotated[float, Field(gt=0)]


class Acknowledge(Record):
    """Somebody has seen it; it fires again after a while."""

    comment: Annotated[str, Field(max_length=4000)] = ""
    lasting: Lasting = parse_duration("4h")


class Waive(Record):
    """Let one finding of one rule pass for a while."""

    rule: Annotated[str, Field(min_length=1, max_length=500)]
    subject: Annotated[str, Field(max_length=500)] = ""
    reason: Words
    lasting: Lasting = parse_duration("7d")


class Vote(Record):
    """A vote on reopening a gate, bound to the evidence that was seen."""

    reason: Words
    evidence: Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")]
    max_flop: Flop | None = None


class Break(Record):
    """Go on alone, for a while and so far."""

    reason: Words
    lasting: Lasting | None = None
    max_flop: Flop | None = None


class Found(Record):
    """What a review found."""

    reason: Words


class Comment(Record):
    """Something that others should know of an alert."""

    text: Words


class Assign(Record):
    """Whose alert it is; nobody's, where it is empty."""

    to: Annotated[str, Field(max_length=500)]
    text: Annotated[str, Field(max_length=4000)] = ""


class Attach(Record):
    """Where more is to be read."""

    url: Annotated[str, Field(min_length=1, max_length=2000)]
    title: Annotated[str, Field(min_length=1, max_length=500)]


class Ask(Record):
    """Take an alert under review: the question, and who answers it where that is somebody else."""

    question: Words
    reviewer: Annotated[str, Field(max_length=500)] = ""


class Confirm(Record):
    """The alert was right; what is done about it."""

    mitigation: Words


class FalseAlarm(Record):
    """The alert was wrong, and why."""

    cause: Cause
    reason: Words


class Invalid(Record):
    """The evidence was wrong; what is run again."""

    rerun: Words


class Close(Record):
    """It is dealt with."""

    reason: Words
