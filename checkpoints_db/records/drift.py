"""Many small surprises one way."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from checkpoints_db.records.base import Record
from checkpoints_db.records.evidence import Name
from checkpoints_db.records.judgement import Share


class Drift(Record):
    """Whether the tasks of a suite, or of a part of it, moved one way together on one checkpoint."""

    family: Name
    run: Name
    checkpoint: Name
    domain: Name
    """The part of the suite: id of the rule that selects it."""
    tasks: Annotated[int, Field(ge=1)]
    """Questions that entered, each with one metric: the likelihood where it has one."""
    mean: float
    """Mean signed surprise, in standard deviations of a single question; positive is more capable than forecast."""
    effective: Annotated[float, Field(gt=0)]
    """Number of independent questions whose mean would scatter as much, by past rungs."""
    rungs: Annotated[int, Field(ge=0)]
    """Past rungs that this dependence was learnt from."""
    tail_above: Share
    """Probability of a mean at least as high on trend."""
    tail_below: Share
    furthest: tuple[str, ...] = ()
    """The questions that moved farthest that way, at most three."""
    sentence: str
    judgement_version: int
