"""The plan: what each series could see at checkpoints that nobody has trained yet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal, cast, get_args

import numpy as np
from pydantic import Field

from checkpoints_db.errors import ForecastError, TooFewPoints
from checkpoints_db.records import PLANE, Axis, Forecast, Metric, Place, Record, Series, Tally, TrackRecord, cost_of
from monitor.forecasting import forecast, laws_at
from monitor.prior import Prior
from monitor.science.blend import Blend
from monitor.standing import forbids
from monitor.verdicts import detectable, held
from policies.terms import Judging

Sight = Literal[
    "none", "too_few", "plateau", "blind", "saturated", "trend_unstable", "forms_disagree", "too_far", "sees", "reached"
]
"""What a series can do at a target: `sees` a break of the size the policy asks for, or why not; `none`: there is no
forecast; `reached`: the ladder is there already. The others are a verdict's, for a result inside the forecast."""

CANNOT: tuple[Sight, ...] = get_args(Sight)[:-2]
"""The sights that would hold a gate."""


@dataclass(frozen=True)
class Goal:
    """A target as the plan asks about it: `at` on whatever axes a series has, or `scales` by name of the axis."""

    name: str
    family: str | None = None
    """Only series of this family."""
    scales: Mapping[str, float] | None = None
    at: tuple[float, ...] = ()
    due: date | None = None
    where: str = ""
    """Where it is declared, for messages."""

    def place(self, axis: Axis) -> Place | str:
        """Position on an axis, or on both of two, or why it has none, in words."""
        axes = axis.split(",")
        if self.scales is None:
            if len(self.at) == len(axes):
                return _finite(self.at)
            example = "7e9,2e12" if len(axes) > 1 else "7e23"
            return f"--at {self.name} is no place on {axis}, by which the ladder is ordered; write it as {example}"
        missing = [each for each in axes if each not in self.scales]
        if not missing:
            return _finite(tuple(self.scales[each] for each in axes))
        known = ", ".join(f"{name} {x:g}" for name, x in self.scales.items())
        ordered = " and ".join(axes)
        return (
            f"the ladder is ordered by {ordered}, and {self.where or self.name} gives {known}; "
            f"add {' and '.join(missing)} to it"
        )


def _finite(place: Place) -> Place | str:
    if math.isfinite(cost_of(place)):
        return place
    return "its FLOP, 6 * params * tokens, are no number; give a smaller one"


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
    """Where the target lies on the axis; on two axes its FLOP, with `params` and `tokens`."""
    params: float | None = None
    tokens: float | None = None
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
    ahead = [place for _, place in mine if not isinstance(place, str) and sealed.beyond(place)]
    laws = dict(zip(ahead, laws_at(sealed, ahead), strict=True)) if ahead else {}
    named = {name: getattr(sealed, name) for name in ("family", "task", "metric", "series", "stage", "axis")}
    for goal, place in mine:
        common = {**named, "target": goal.name, "due": goal.due, "resolve": judging.resolve}
        common |= {"persistence": sealed.last_value, "own": sealed.track, "live": live}
        if isinstance(place, str):
            yield Prospect(**common, sight="none", sentence=f"no place on its ladder: {place}")
            continue
        common["x"] = cost_of(place)
        if sealed.axis == PLANE:
            common["params"], common["tokens"] = place
        if place in laws:
            yield Prospect(**common, **_seen(sealed, laws[place], place, judging))
        elif sealed.axis == PLANE:
            words = "not larger than its ladder: a rung has at least as many parameters and at least as many tokens"
            yield Prospect(**common, sight="reached", sentence=words)
        else:
            words = f"not larger than its ladder: {place[0]:.4g}, and the largest rung has {sealed.x_last:.4g}"
            yield Prospect(**common, sight="reached", sentence=words)


def without(series: Series, goals: Iterable[Goal], judging: Judging, prior: Prior) -> Iterator[Prospect]:
    """The same of a series of which no forecast is sealed: why there is none."""
    mine = [goal for goal in goals if goal.family in (None, series.family)]
    if not mine:
        return
    words, sight = "a forecast is possible and not sealed yet; the daemon does it at its next cycle", "none"
    try:
        forecast(series, prior)
    except TooFewPoints as error:
        words, sight = str(error).removeprefix(f"series {series.id}: "), "too_few"
    except ForecastError as error:
        words = str(error).removeprefix(f"series {series.id}: ")
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


def _seen(sealed: Forecast, law: Blend, place: Place, judging: Judging) -> dict[str, object]:
    q = law.quantile(np.array([judging.tail, 0.025, 0.1, 0.5, 0.9, 0.975, 1 - judging.tail]))
    low, low_95, low_80, median, up_80, up_95, high = (float(each) for each in q)
    if not np.isfinite(q).all():
        return {"sight": "blind", "sentence": "the forecast has no finite numbers this far beyond its ladder"}
    least = detectable(sealed.metric, low, median, high)
    share = least / sealed.room
    sight, words = _sight(sealed, law, place, least, judging)
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


def _sight(sealed: Forecast, law: Blend, place: Place, least: float, judging: Judging) -> tuple[Sight, str]:
    rungs, share = len(sealed.rungs), least / sealed.room
    if rungs < judging.min_rungs:
        return "too_few", f"{rungs} rungs, the policy asks for {judging.min_rungs}"
    doubt = forbids(sealed, law, math.log(cost_of(place) / sealed.x_last))
    why = held(sealed, share, judging, doubt)
    part = f"{share:.0%} of its room; the policy asks for {judging.resolve:.0%}"
    if why == "ok":
        return "sees", f"a break of {least:.3g} or more would be seen ({part})"
    if why == "plateau":
        told = next((each for each in sealed.standing.doubts if each.name == "plateau"), None)
        words = "too few rungs have left their floor, and a flat history says nothing about a take-off"
        return "plateau", f"{told.sentence}; to settle it: {told.settles}" if told else words
    if doubt is None or why != doubt[0]:
        return "blind", f"a break of up to {least:.3g} could hide ({part})"
    return cast("Sight", why), f"{doubt[1].sentence}; to settle it: {doubt[1].settles}"
