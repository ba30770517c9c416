"""The plan: what each series could see at checkpoints that nobody has trained yet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from checkpoints_db.errors import ForecastError
from checkpoints_db.records import Axis, Forecast, Metric, Record, Series, Tally, TrackRecord
from monitor.forecasting import forecast, laws_at
from monitor.prior import Prior
from monitor.science.blend import Blend
from monitor.verdicts import detectable
from policies.schema import Judging

Sight = Literal["blind", "plateau", "too_few", "none", "sees", "reached"]
"""What a series can do at a target: `sees` a break of the size the policy asks for, or why not; `none`: there is no
forecast; `reached`: the target is not larger than the ladder."""

CANNOT: tuple[Sight, ...] = ("none", "too_few", "plateau", "blind")
"""The sights that would hold a gate, worst first."""


@dataclass(frozen=True)
class Goal:
    """A target as the plan asks about it: `at` on whatever axis a series has, or `scales` by name of the axis."""

    name: str
    family: str | None = None
    """Only series of this family."""
    scales: Mapping[str, float] | None = None
    at: tuple[float, ...] = ()
    due: date | None = None
    where: str = ""
    """Where it is declared, for messages."""

    def place(self, axis: Axis) -> float | str:
        """Position on an axis, or why it has none, in words."""
        if self.scales is None:
            if len(self.at) == 1:
                return self.at[0]
            return f"{len(self.at)} numbers, and the ladder has one axis ({axis})"
        if axis in self.scales:
            return self.scales[axis]
        known = ", ".join(f"{name} {x:g}" for name, x in self.scales.items())
        return f"the ladder is ordered by {axis}, and {self.where or self.name} gives {known}; add {axis} to it"


class Prospect(Record):
    """What one series could see at one target."""

    target: str
    due: date | None = None
    family: str
    task: str
    metric: Metric
    series: str
    stage: str = ""
    axis: Axis
    x: float | None = None
    sight: Sight
    sentence: str
    median: float | None = None
    lower_80: float | None = None
    upper_80: float | None = None
    lower_95: float | None = None
    upper_95: float | None = None
    persistence: float | None = None
    """The value of the largest rung again."""
    detectable: Annotated[float, Field(ge=0)] | None = None
    """Smallest break it could see, in units of the metric."""
    share: Annotated[float, Field(ge=0)] | None = None
    """`detectable` as a share of the metric's room."""
    resolve: float
    """The share that the policy in force asks for."""
    own: TrackRecord | None = None
    """On the series' own history."""
    live: Tally | None = None
    """What really came of its sealed forecasts; None where nothing came yet."""


def prospects(
    sealed: Forecast, goals: Sequence[Goal], judging: Judging, live: Tally | None = None
) -> Iterator[Prospect]:
    """What the series of one sealed forecast could see at each goal that is of its family."""
    mine = [(goal, goal.place(sealed.axis)) for goal in goals if goal.family in (None, sealed.family)]
    ahead = [x for _, x in mine if not isinstance(x, str) and math.log(x / sealed.x_last) > 1e-9]
    laws = dict(zip(ahead, laws_at(sealed, ahead), strict=True)) if ahead else {}
    named = {name: getattr(sealed, name) for name in ("family", "task", "metric", "series", "stage", "axis")}
    for goal, x in mine:
        common = {**named, "target": goal.name, "due": goal.due, "resolve": judging.resolve}
        common |= {"persistence": sealed.last_value, "own": sealed.track, "live": live}
        if isinstance(x, str):
            yield Prospect(**common, sight="none", sentence=f"no place on its ladder: {x}")
        elif x not in laws:
            words = f"not larger than its ladder: {x:.4g}, and the largest rung has {sealed.x_last:.4g}"
            yield Prospect(**common, x=x, sight="reached", sentence=words)
        else:
            yield Prospect(**common, x=x, **_seen(sealed, laws[x], judging))


def without(series: Series, goals: Iterable[Goal], judging: Judging, prior: Prior) -> Iterator[Prospect]:
    """The same of a series of which no forecast is sealed: why there is none."""
    mine = [goal for goal in goals if goal.family in (None, series.family)]
    if not mine:
        return
    words, sight = "a forecast is possible and not sealed yet; the daemon does it at its next cycle", "none"
    try:
        forecast(series, prior)
    except ForecastError as error:
        words, sight = str(error), "too_few"
    named = {name: getattr(series, name) for name in ("family", "task", "metric", "stage", "axis")}
    for goal in mine:
        yield Prospect(
            **named,
            series=series.id,
            target=goal.name,
            due=goal.due,
            sight=sight,
            sentence=words,
            resolve=judging.resolve,
        )


def ordered(every: Iterable[Prospect]) -> list[Prospect]:
    """What cannot see first, the blindest of it before the rest; what sees after it, what is reached last."""
    rank = {**dict.fromkeys(CANNOT, 0), "sees": 1, "reached": 2}

    def key(p: Prospect) -> tuple[object, ...]:
        share = math.inf if p.share is None else p.share
        return rank[p.sight], -share, p.target, p.family, p.task, p.metric.name, p.stage, p.series

    return sorted(every, key=key)


def _seen(sealed: Forecast, law: Blend, judging: Judging) -> dict[str, object]:
    q = law.quantile(np.array([judging.tail, 0.025, 0.1, 0.5, 0.9, 0.975, 1 - judging.tail]))
    low, low_95, low_80, median, up_80, up_95, high = (float(each) for each in q)
    if not np.isfinite(q).all():
        return {"sight": "blind", "sentence": "the forecast has no finite numbers this far beyond its ladder"}
    least = detectable(sealed.metric, low, median, high)
    share = least / sealed.room
    sight, words = _sight(sealed, least, share, judging)
    return {
        "sight": sight,
        "sentence": words,
        "median": median,
        "lower_80": low_80,
        "upper_80": up_80,
        "lower_95": low_95,
        "upper_95": up_95,
        "detectable": least,
        "share": share,
    }


def _sight(sealed: Forecast, least: float, share: float, judging: Judging) -> tuple[Sight, str]:
    rungs = len(sealed.rungs)
    if rungs < judging.min_rungs:
        return "too_few", f"{rungs} rungs, the policy asks for {judging.min_rungs}: the gate would hold"
    if sealed.plateau:
        return "plateau", "no rung has left its floor, and a flat history says nothing about a take-off"
    part = f"{share:.0%} of its room; the policy asks for {judging.resolve:.0%}"
    if share > judging.resolve:
        return "blind", f"a break of up to {least:.3g} could hide ({part}): the gate would hold"
    return "sees", f"a break of {least:.3g} or more would be seen ({part})"
