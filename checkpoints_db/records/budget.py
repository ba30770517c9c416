"""What the size of a suite costs in false alarms, and what was spent of what a policy allows."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from checkpoints_db.records.base import Record
from checkpoints_db.records.evidence import Name
from checkpoints_db.records.judgement import Share

BudgetMethod = Literal["none", "harmonic", "holm", "by", "e_average", "e_process"]


class Look(Record):
    """What an earlier checkpoint of a run showed."""

    checkpoint: Name
    surprises: dict[str, Share] = Field(default_factory=dict)
    """Question to its p-value, where that was small; what is left out counts as no surprise at all."""


class Budget(Record):
    """The account of one decision: how many tests were made, what they may cost, and what that took back."""

    method: BudgetMethod
    per: Literal["checkpoint", "run"]
    nominal: Share
    """Probability of any false pause that the policy allows itself, per checkpoint or per run."""
    spent: Share
    """What the tests of this look and those before it used up; 0 where there is no budget."""
    left: Share
    tests: Annotated[int, Field(ge=0)]
    """Questions that were tested or will be when their results are here; a question counts once, whatever it is
    measured by."""
    looks: Annotated[int, Field(ge=1)]
    """Checkpoints of the run so far, this one included."""
    smallest: Share | None = None
    """Smallest p-value of a question; None where nothing was tested."""
    limit: Share | None = None
    """A question whose p-value is at most this stands alone, whatever the others say; None without a budget."""
    by_chance: Share | None = None
    """Share of checkpoints of as many independent tests on trend that show a p-value as small."""
    taken_back: tuple[str, ...] = ()
    """Questions whose pause became a warning."""
    sentence: str
