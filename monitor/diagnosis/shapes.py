"""The shape of a metric over the ladder of a task, and this checkpoint on it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from checkpoints_db.records import PLANE, Point, Series, Shape, Verdict
from monitor.rungs import RESOLVED, sampling_variance
from monitor.science import shape as science

LEAST = 3
"""Rungs below this have no shape."""

WANDER = 0.005
"""Rungs wander about any trend by so much of the range (of a metric without two bounds: of its span) beside sampling:
a fall of one per cent over a hundred thousand items is real, and is no shape."""


def shape_of(v: Verdict, history: Mapping[str, Series]) -> Shape | None:
    """Shape of the smaller rungs and this one; None on two axes, where nothing is before or after, or with too few."""
    series = history.get(v.series)
    if series is None or series.axis == PLANE or len(series.points) + 1 < LEAST or v.metric.differs(series.metric):
        return None
    points = sorted(series.points, key=lambda p: p.x)
    y = [p.value for p in points] + [v.observed]
    x = [math.log(p.x) for p in points]
    # Where the checkpoint stands matters only for how long the last step is.
    x.append(x[-1] + max(v.distance or (x[-1] - x[0]) / max(len(x) - 1, 1), 1e-9))
    noise = _noise(v, points, np.array(y))
    runs = [p.run for p in points] + [v.run]
    found = science.shape(np.array(x), v.metric.sign * np.array(y), noise)
    words = _sentence(v, found, np.array(y), noise, runs)
    return Shape(task=v.task, metric=v.metric.name, name=found.name, rungs=len(y), sentence=words)


def dipped(v: Verdict, history: Mapping[str, Series], later: Mapping[str, Series]) -> str | None:
    """Why a rung below its forecast is a dip, where two or more larger rungs are back on the trend; else None."""
    before, after = history.get(v.series), later.get(v.series)
    if before is None or after is None or before.axis == PLANE:
        return None
    points = [*sorted(before.points, key=lambda p: p.x), *sorted(after.points, key=lambda p: p.x)]
    at = len(before.points)
    if len(after.points) < BACK or at < LEAST - 1:
        return None
    y = np.array([p.value for p in points[:at]] + [v.observed] + [p.value for p in points[at:]])
    noise = np.insert(_noise(v, points, np.delete(y, at)), at, 0.0)
    noise[at] = noise[:at].mean()
    better = v.metric.sign * y
    if science.dip_at(better, noise) != at or better[at + 1 :].min() <= better[:at].max():
        return None
    return f"{len(after.points)} larger rungs are back above every smaller one ({y[at + 1]:.3g} at {points[at].run})"


BACK = 2
"""Larger rungs that must be back on the trend before a fall is called a dip."""


def _noise(
    v: Verdict, points: list[Point], y: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    bounded = v.metric.lower is not None and v.metric.upper is not None
    width = (v.metric.upper or 0.0) - (v.metric.lower or 0.0) if bounded else float(np.ptp(y))
    known = [sampling_variance(v.metric, p.value, p.stderr, p.n) for p in points]
    if y.size > len(points):
        known.append(sampling_variance(v.metric, v.observed, v.stderr, v.n))
    unknown = (0.5 * RESOLVED * width) ** 2
    return np.array([unknown if k is None else k for k in known]) + (WANDER * width) ** 2


def _sentence(
    v: Verdict,
    found: science.Found,
    y: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    noise: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    runs: list[str],
) -> str:
    head = f"{v.metric.name} over {y.size} rungs of {v.family}: {found.name}"
    if found.name == "degenerate":
        return f"{head}, {y[0]:.3g} at every one: the score tells no models apart"
    told = []
    for pair, sd, what in ((found.rise, found.rise_sd, "rise"), (found.fall, found.fall_sd, "fall")):
        if pair is not None:
            i, j = pair
            told.append(f"largest {what} {y[i]:.3g} at {runs[i]} to {y[j]:.3g} at {runs[j]}, {sd:.1f} standard errors")
    if found.name == "dip":
        at = science.dip_at(v.metric.sign * y, noise)
        told.append("" if at is None else f"without {runs[at]} nothing falls")
    if found.name in ("rising", "sudden") and found.last_step is not None:
        told.append(f"{found.last_step:.0%} of the gain in the last step")
    if not told:
        told.append("no rise or fall is larger than its noise")
    return f"{head} ({'; '.join(t for t in told if t)})"
