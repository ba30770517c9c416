"""What a rule asks of the forecasts or of the ladder, and what was found: one record a rule and series, as `Drift`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from checkpoints_db.records.base import Record
from checkpoints_db.records.evidence import Axis, Metric, Name, Positive
from checkpoints_db.records.judgement import Share, Why


class Asked(Record):
    """One metric of one task on one checkpoint, and the rule that asks about it."""

    rule: Name
    checkpoint: Name
    task: Name
    metric: Metric
    series: str
    why: Why = "ok"
    """Why nothing can be said, where nothing can."""
    sentence: str
    judgement_version: int


class Reach(Asked):
    """How probable it is that a metric reaches a level before the next assessment."""

    level: float
    forecast: str | None = None
    """Digest of the sealed forecast."""
    axis: Axis | None = None
    start: Positive | None = None
    """Scale of the checkpoint; on two axes 6 * parameters * tokens."""
    until: Positive | None = None
    """Scale at which the next assessment is due."""
    observed: float
    seen: Share | None = None
    """Probability, by the noise of the result, that it is there already; None where its noise is unknown."""
    rungs: Annotated[int, Field(ge=0)] = 0
    probability: Share | None = None
    """Of a result at the level or beyond, anywhere from `start` to `until`; None where no forecast says."""
    marginal: Share | None = None
    """The largest probability at any single scale on the way: what the other can never be less than."""


class Knot(Record):
    """Slopes on both sides of one registered knot, of the best continuous line of two pieces, toward capability."""

    name: Name
    x: float
    earlier: float
    """Slope before the knot, in units of the metric for each unit of x."""
    later: float
    ratio: float | None = None
    """later / earlier; None where there was no progress before the knot."""
    lower: float | None = None
    """Lower confidence bound of the ratio; None where none was asked for, or the noise cannot be told."""
    before: Annotated[int, Field(ge=0)]
    """Rungs up to the knot, itself included."""
    after: Annotated[int, Field(ge=0)]
    """Rungs beyond the knot."""


class Rate(Asked):
    """How much faster a series grows beyond registered knots than before them."""

    unit: str
    """What x is: `nats of flop`, `years`."""
    knots: tuple[Knot, ...] = ()
    unknown: tuple[str, ...] = ()
    """Registered knots that the series does not have."""


class Skilled(Record):
    """How forecasts of a series did on its own history, the largest rungs hidden (rolling origin)."""

    series: str
    forecasts: Annotated[int, Field(ge=0)]
    skill: float | None = None
    """1 - mean absolute error / that of persistence."""
