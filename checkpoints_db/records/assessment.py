"""What people state of a run beside its results: assessments, attestations of safeguards, stages; and its compute."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from checkpoints_db.records.base import Instant, Record
from checkpoints_db.records.evidence import Name, Positive

STAGES = ("pretrain", "sft", "rl", "tool_access", "internal_deployment", "release")
"""Stages of a run that everybody has; a policy may name others."""

EVERY = "*"
"""Every family, or every run of one: the scope of a safeguard that is not of one run."""

ComputeAxis = Literal["flop", "effective_compute"]


class Compute(Record):
    """How much training is behind a checkpoint, and how surely that is known."""

    flop: Positive
    also: Positive | None = None
    """The other count there is, 6 * parameters * tokens, where nothing says how `flop` were counted."""
    within: Annotated[float, Field(ge=0, le=1)] = 0.0
    """By what share of it a count may be off; 0 where it was stated, or counted by a declared convention."""
    counts: str = ""
    """What the FLOP count, in words: the convention. Empty where nobody says."""
    effective: Positive | None = None
    """Effective compute: FLOP times the factor that the catalogue declares; None where it declares none."""
    estimator: str = ""
    """Where that factor comes from; two estimators are never mixed."""

    @property
    def estimated(self) -> bool:
        """Whether the count may be off."""
        return self.within > 0

    @property
    def low(self) -> float:
        """The least it may be."""
        return min(self.flop, self.also or self.flop) / (1 + self.within)

    @property
    def high(self) -> float:
        """The most it may be."""
        return max(self.flop, self.also or self.flop) * (1 + self.within)

    def on(self, axis: ComputeAxis) -> float | None:
        """The figure on an axis of compute; None where effective compute is asked for and not declared."""
        return self.flop if axis == "flop" else self.effective


class Paper(Record):
    """What a named person states, once; rows are only added, a withdrawal is a row of its own."""

    id: Name
    by: Name
    at: Instant
    """When it was so: not after it was recorded."""
    recorded_at: Instant
    note: str = ""


class Assessment(Paper):
    """A checkpoint was assessed: by whom, when, how thoroughly, and with how much training behind it."""

    family: Name
    run: Name
    name: Name
    """Which assessment: `comprehensive`, `light`, `risk_report`, ... as the policy calls it."""
    checkpoint: Name
    compute: Compute | None = None
    """None where the compute of the checkpoint is not known: then nothing can be measured from it."""
    document: str = ""
    """Where its report is."""


class Attestation(Paper):
    """A safeguard is in place."""

    safeguard: Name
    family: Name = EVERY
    run: Name = EVERY
    expires: Instant | None = None
    document: str = ""


class StageEntry(Paper):
    """A run entered a stage of its training or use."""

    family: Name
    run: Name
    stage: Name


class Withdrawal(Paper):
    """An assessment, attestation or stage entry was wrong, or is so no longer."""

    of: Name
    """Id of what is withdrawn."""
