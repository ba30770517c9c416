"""How sealed forecasts did on what really came, added up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from checkpoints_db.records.base import Record
from checkpoints_db.records.evidence import Kind

BINS = 10
"""Bins of the PIT histogram, of equal width."""

Count = Annotated[int, Field(ge=0)]
Sum = Annotated[float, Field(ge=0)]


class Tally(Record):
    """Sealed forecasts that were followed by a result: counts and sums, so that tallies of parts add up."""

    family: str = ""
    kind: Kind | None = None
    """Kind of the metrics; None where it holds both."""
    run: str = ""
    """The run whose results these are; empty where it holds several."""
    series: str = ""
    """The series they are of; empty where it holds several."""
    forecasts: Count = 0
    inside_80: Count = 0
    """How many results fell into their central 80 % interval."""
    inside_95: Count = 0
    crps: Sum = 0.0
    """Sum of CRPS, each as a share of its metric's room, so that metrics can be added up."""
    miss: Sum = 0.0
    """Sum of |median - observed|, each as a share of its metric's room."""
    persistence_miss: Sum = 0.0
    """Sum of |last value - observed|, each as a share of its metric's room."""
    pit: tuple[Count, ...] = (0,) * BINS
    """How many results fell into each tenth of their law."""

    @property
    def skill(self) -> float | None:
        """1 - mean absolute error / that of persistence; None where persistence never missed."""
        return 1 - self.miss / self.persistence_miss if self.persistence_miss > 0 else None

    @property
    def mean_crps(self) -> float | None:
        """Mean CRPS as a share of the metric's room; None without a forecast."""
        return self.crps / self.forecasts if self.forecasts else None


def together(tallies: Iterable[Tally], **named: str | None) -> Tally:
    """The sum of tallies, named as the caller says.

    >>> together([Tally(forecasts=2, inside_80=1), Tally(forecasts=3, inside_80=3)], family="f").inside_80
    4
    """
    every = list(tallies)
    sums = ("forecasts", "inside_80", "inside_95", "crps", "miss", "persistence_miss")
    added = {name: sum(getattr(each, name) for each in every) for name in sums}
    pit = tuple(sum(each.pit[i] for each in every) for i in range(BINS))
    return Tally.model_validate({**added, "pit": pit, **named})
