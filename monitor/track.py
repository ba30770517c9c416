"""The track record: how sealed forecasts did on what really came, and what that is worth as evidence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Annotated

import numpy as np
from pydantic import Field

from checkpoints_db.records import Kind, Record, Tally, TrackRecord
from checkpoints_db.records.track import together
from monitor.science.coverage import limits

Share = Annotated[float, Field(ge=0, le=1)]


class Coverage(Record):
    """The share of results inside an interval, with 95 % limits of the probability behind it."""

    share: Share
    low: Share
    high: Share

    def wrong(self, nominal: float) -> bool:
        """Whether the limits leave out what the interval promises."""
        return not self.low <= nominal <= self.high


class Row(Record):
    """The track record of one family and one kind of metric."""

    family: str
    kind: Kind
    forecasts: int
    runs: int
    """How many runs the results are of; results of one run rise and fall together, and the limits know it."""
    inside_80: Coverage
    inside_95: Coverage
    pit: tuple[int, ...]
    """How many results fell into each tenth of their law; even where widths are honest."""
    crps: float
    """Mean CRPS, as a share of the metric's room."""
    skill: float | None
    """1 - mean absolute error / that of persistence."""


def rows(tallies: Iterable[Tally]) -> list[Row]:
    """One row a family and kind of metric, from the tallies of their runs; in order of name."""
    groups: dict[tuple[str, Kind], list[Tally]] = defaultdict(list)
    for each in tallies:
        if each.kind is not None and each.forecasts:
            groups[each.family, each.kind].append(each)
    return [_row(family, kind, each) for (family, kind), each in sorted(groups.items())]


def _row(family: str, kind: Kind, runs: list[Tally]) -> Row:
    whole = together(runs)
    return Row(
        family=family,
        kind=kind,
        forecasts=whole.forecasts,
        runs=len(runs),
        inside_80=_coverage([each.inside_80 for each in runs], runs),
        inside_95=_coverage([each.inside_95 for each in runs], runs),
        pit=whole.pit,
        crps=whole.mean_crps or 0.0,
        skill=whole.skill,
    )


def _coverage(hits: list[int], runs: list[Tally]) -> Coverage:
    n = np.array([float(each.forecasts) for each in runs])
    low, high = limits(np.array(hits, dtype=float), n)
    return Coverage(share=sum(hits) / float(n.sum()), low=low, high=high)


def in_80(own: TrackRecord | None, live: Tally | None) -> tuple[str, str]:
    """How many results fell into their 80 % interval, in two cells: on a series' own history, and of what was sealed.

    >>> in_80(TrackRecord(forecasts=5, inside_80=0.8), Tally(forecasts=2, inside_80=1))
    ('4 of 5', '1 of 2')
    """
    history = "–"
    if own is not None and own.forecasts and own.inside_80 is not None:
        history = f"{round(own.forecasts * own.inside_80)} of {own.forecasts}"
    return history, f"{live.inside_80} of {live.forecasts}" if live and live.forecasts else "–"
