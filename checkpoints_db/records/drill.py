"""Fire drills: a break on paper that walks the real way, and how long each part of the way took."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from checkpoints_db.records.base import Instant, Record

DrillState = Literal["open", "passed", "failed"]


class DrillStep(Record):
    """One thing that a drill waits for, counted from the moment at which the file of its break lay there."""

    what: Literal["alert", "message", "gate", "stop"]
    to: str = ""
    """Of a message: the receiver."""
    seconds: float | None = None
    """None where it did not happen."""
    within: float
    """Seconds it may take."""
    said: str = ""
    """Why it did not happen, as far as that can be told."""
    do: str = ""
    """What to do about it."""

    @property
    def ok(self) -> bool:
        """Whether it happened in time."""
        return self.seconds is not None and self.seconds <= self.within


class FireDrill(Record):
    """One drill. Its family and run have a name of their own, and nothing of them counts beside real runs."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
    by: Annotated[str, Field(min_length=1, max_length=200)]
    at: Instant
    """When it began."""
    until: Instant
    """When it is over, whatever has happened by then."""
    within: float
    """Seconds that the alert, each message and the gate may take."""
    receivers: tuple[str, ...] | None = None
    """Who of those that its routes name is told; None for all of them, none for nobody."""
    trainer: bool = False
    """Whether a toy trainer has to stop."""
    dropped_at: Instant | None = None
    """When the file of the break lay there, whole."""
    state: DrillState = "open"
    ended_at: Instant | None = None
    steps: tuple[DrillStep, ...] = ()

    @property
    def family(self) -> str:
        """Name of the family, and of its run: nobody else's."""
        return f"fire-drill-{self.id}"

    @property
    def gate(self) -> str:
        """Its run as `family/run`."""
        return f"{self.family}/{self.family}"
