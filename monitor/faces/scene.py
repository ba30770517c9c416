"""What a chart shows, as plain numbers: the ladder, the fan of the forecast beyond it, the ranges of the axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from checkpoints_db.records import PLANE, Axis, Forecast, Metric, Place, Point, Series, Verdict, cost_of
from monitor.forecasting import laws_at
from monitor.rungs import sampling_variance

WIDTH, HEIGHT = 470, 300
"""Of the plot without its axes and margins, pixels."""

GAP = 17
"""Least distance of two labels in the margin, pixels."""

TAIL = 0.01
"""Tail of the break line where no verdict says which one the policy judges by."""

BANDS = (98, 80, 50)
"""Central predictive intervals, per cent, widest first so that the narrow ones are drawn on top."""


@dataclass(frozen=True)
class Frame:
    """Ranges of the plot; x is always logarithmic."""

    x: tuple[float, float]
    y: tuple[float, float]
    log_y: bool

    def pixel(self, value: float) -> float:
        """Pixels from the top of the plot to `value`, kept inside the plot."""
        low, high = self.y
        if self.log_y:
            low, high, value = math.log(low), math.log(high), math.log(max(value, low))
        return HEIGHT * (1 - min(max((value - low) / (high - low), 0.0), 1.0))

    def held(self, value: float) -> float:
        """`value`, or a place far outside the plot where it is too far out (or infinite) to be drawn."""
        low, high = self.y
        if self.log_y:
            return min(max(value, low / 1e6), high * 1e6)
        return min(max(value, low - 20 * (high - low)), high + 20 * (high - low))


@dataclass(frozen=True)
class Scene:
    """Everything a chart shows, as plain numbers."""

    ladder: tuple[Point, ...]
    later: tuple[Point, ...]
    fan: tuple[dict[str, float], ...]
    seen: Point | None
    metric: Metric
    axis: Axis
    tail: float
    through: float | None = None
    """Parameters for which the fan is drawn, on two axes: along it only the tokens grow."""

    def at_seen(self) -> dict[str, float] | None:
        """The quantiles at the observation, or at the end of the fan where nothing was observed beyond the ladder."""
        if not self.fan:
            return None
        if self.seen is None or self.seen.x < self.fan[0]["x"]:
            return self.fan[-1]
        at = self.seen.x
        return min(self.fan, key=lambda row: abs(math.log(row["x"] / at)))


def scene_of(
    series: Series, forecast: Forecast | None, verdict: Verdict | None, observed: Point | None, to: Place | None = None
) -> Scene:
    """Sorts the points into those the forecast learnt from, the one observed, and later ones; draws up the fan, where
    nothing was observed as far as `to`."""
    seen = observed or _named(series, forecast, verdict)
    goal = seen.place if seen else to
    others = [p for p in series.points if seen is None or p.result != seen.result]
    end = forecast.x_last * (1 + 1e-9) if forecast else math.inf
    tail = (1 - verdict.level) / 2 if verdict else TAIL
    return Scene(
        ladder=tuple(p for p in others if p.x <= end),
        later=tuple(p for p in others if p.x > end),
        fan=() if forecast is None else tuple(_fan(forecast, seen, goal, tail)),
        through=None if forecast is None or forecast.axis != PLANE else _through(forecast, goal),
        seen=seen,
        metric=series.metric,
        axis=series.axis,
        tail=tail,
    )


def _named(series: Series, forecast: Forecast | None, verdict: Verdict | None) -> Point | None:
    """The point a verdict is about: in the series, or rebuilt from the verdict's own distance."""
    if verdict is None:
        return None
    found = next((p for p in series.points if p.result == verdict.result), None)
    if found is not None or forecast is None or verdict.distance is None or forecast.axis == PLANE:
        return found  # a distance in FLOP does not say how many of them are parameters
    return Point(
        run=verdict.run,
        checkpoint=verdict.checkpoint,
        x=forecast.x_last * math.exp(verdict.distance),
        value=verdict.observed,
        stderr=verdict.stderr,
        n=verdict.n,
        result=verdict.result,
    )


def _through(forecast: Forecast, goal: Place | None) -> float:
    """Parameters of what the fan leads to, or of the costliest rung where that is nothing."""
    if goal is not None and len(goal) == 2:
        return goal[0]
    return max(forecast.ladder, key=lambda rung: rung.cost).scale[0]


def _at(forecast: Forecast, goal: Place | None, x: float) -> Place:
    """The place at `x` along the fan."""
    if forecast.axis != PLANE:
        return (x,)
    params = _through(forecast, goal)
    return params, x / (6 * params)


def noise_of(metric: Metric, point: Point) -> float:
    """Squared standard error of `point` in units of the metric squared; 0 where nothing is known of it."""
    return sampling_variance(metric, point.value, point.stderr, point.n) or 0.0


def _fan(forecast: Forecast, seen: Point | None, goal: Place | None, tail: float) -> list[dict[str, float]]:
    """Quantiles from just beyond the ladder to the goal, a little beyond an observation, one dictionary a scale."""
    u_goal = math.log(cost_of(goal) / forecast.x_last) if goal else 0.0
    told = goal is not None and forecast.beyond(goal)
    # An early checkpoint of a larger model is beyond the ladder with less FLOP than its last rung.
    u_first = min(1e-3, u_goal - 0.1) if told and u_goal < 1e-3 else 1e-3
    u_end = max(1.12 * u_goal, 0.3 * math.log(forecast.x_last / forecast.x_first), 0.7)
    if told and seen is None:
        u_end = u_goal
    along = sorted({*np.linspace(u_first, u_end, 28).tolist(), *([u_goal] if told else [])})
    # With a little less FLOP, such a checkpoint may be no larger than a rung.
    places = [place for u in along if forecast.beyond(place := _at(forecast, goal, forecast.x_last * math.exp(u)))]
    # As in the verdict: the noise of a typical rung, or the observation's own where that is larger.
    noise = max(noise_of(forecast.metric, seen) if seen else 0.0, forecast.target_variance)
    edge = 1 - tail if forecast.metric.sign > 0 else tail
    shares = [0.5, edge, *(q for band in BANDS for q in (0.5 - band / 200, 0.5 + band / 200))]
    names = ["median", "edge", *(f"{end}{band}" for band in BANDS for end in ("low", "high"))]
    fan = []
    for place, law in zip(places, laws_at(forecast, places, noise), strict=True):
        quantiles = dict(zip(names, law.quantile(np.array(shares)).tolist(), strict=True))
        fan.append({"x": cost_of(place), **quantiles})
    return fan


def frame_of(scene: Scene, ceiling: float | None, trigger: float | None = None) -> Frame:
    """Ranges that show every point with its error bar, ceiling and trigger, and the fan as far as it leaves them
    readable."""
    points = [*scene.ladder, *scene.later, *([scene.seen] if scene.seen else [])]
    xs = [*(p.x for p in points), *(row["x"] for row in scene.fan), *([trigger] if trigger else [])] or [1.0]
    values = [] if ceiling is None else [ceiling]
    for p in points:
        error = 2 * math.sqrt(noise_of(scene.metric, p))
        values += [p.value, *(v for v in (p.value - error, p.value + error) if scene.metric.holds(v))]
    at = scene.at_seen()
    band = [] if at is None else [at["median"], at["edge"], at["low80"], at["high80"]]
    log_y = min(values + band, default=0.0) > 0 and scene.metric.upper is None and max(values) > 12 * min(values)
    pad = (max(xs) / min(xs)) ** 0.04 if max(xs) > min(xs) else 1.5
    return Frame((min(xs) / pad, max(xs) * pad), _span(values, band, scene.metric, log_y), log_y)


def _span(values: list[float], band: list[float], metric: Metric, log_y: bool) -> tuple[float, float]:
    """Range of the y axis: all values, and the band as far as twice their spread, within the metric's bounds."""
    low, high = min(values + band, default=0.0), max(values + band, default=1.0)
    if log_y:
        return low / 1.2, high * 1.3
    if values:
        spread = 2 * (max(values) - min(values)) + 0.1 * max(map(abs, values)) + 1e-9
        low, high = max(low, min(values) - spread), min(high, max(values) + spread)
    margin = 0.07 * (high - low) or 0.5
    low, high = low - margin, high + margin
    # Half a margin beyond a bound keeps a point that sits on it whole.
    low = low if metric.lower is None else max(low, metric.lower - margin / 2)
    return low, high if metric.upper is None else min(high, metric.upper + margin / 2)


def ticks_of(span: tuple[float, float]) -> list[float]:
    """Powers of ten inside the span; with 3 (or 2 and 5) between them where there are few."""
    low, high = math.floor(math.log10(span[0])), math.ceil(math.log10(span[1]))
    for steps in ((1,), (1, 3), (1, 2, 5)):
        ticks = [s * 10.0**p for p in range(low, high + 1) for s in steps if span[0] <= s * 10.0**p <= span[1]]
        if len(ticks) >= 3:
            break
    return ticks[:: math.ceil(len(ticks) / 8)] if ticks else list(span)


def is_share(metric: Metric) -> bool:
    """Whether the metric counts answers, 0 to 1, and reads best in per cent."""
    return metric.kind == "thresholded" and (metric.lower, metric.upper) == (0, 1)


def apart(places: Sequence[float]) -> list[float]:
    """Sorted pixels moved as little as needed to lie GAP apart and inside the plot.

    >>> apart([10.0, 12.0, 200.0])
    [10.0, 27.0, 200.0]
    >>> apart([299.0, 300.0])
    [283.0, 300.0]
    """
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + GAP) if moved else place)
    limit = float(HEIGHT)
    for i in reversed(range(len(moved))):
        moved[i] = min(moved[i], limit)
        limit = moved[i] - GAP
    return moved
