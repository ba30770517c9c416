"""The points of a series: what noise each has, and which a forecast learns from."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from checkpoints_db.records import Metric, Point
from monitor.science.transforms import binomial_variance

MOST_RUNGS = 96
"""Rungs of the plane that a forecast learns from: neighbours of one training run are not independent, and the work
grows with their cube."""

SAME = 1e-6
"""Nats within which two scales are one."""

RESOLVED = 0.01
"""Share of the range taken as two standard errors where a result states neither standard error nor item count."""

Array = npt.NDArray[np.float64]


def sampling_variance(metric: Metric, value: float, stderr: float | None, n: int | None) -> float | None:
    """Squared standard error of one result, in units of the metric squared; None where nothing is known of it.

    A thresholded metric between two bounds is a share of n items: at 0 of n the harness says 0, the truth is not
    that sure.
    """
    if stderr is not None and stderr > 0:
        return stderr**2
    if n is not None and metric.kind == "thresholded" and metric.lower is not None and metric.upper is not None:
        width = metric.upper - metric.lower
        share = np.array((value - metric.lower) / width)
        return float(binomial_variance(share, np.array(float(n)))) * width**2
    # A standard error of 0 without an item count says that somebody did not know it.
    return None if stderr is None or n is None else stderr**2


def floor_of(metric: Metric) -> float | None:
    """Chance, or for thresholded metrics the bound on the incapable side; None where neither is known."""
    worst = metric.lower if metric.sign > 0 else metric.upper
    return metric.chance if metric.chance is not None else worst if metric.kind == "thresholded" else None


def on_floor(points: list[Point], metric: Metric) -> bool:
    """Whether no rung has left chance, or the worst possible value, by more than two standard errors.

    Only asked of metrics whose floor is known: chance, or for thresholded metrics the bound on the incapable side.
    """
    floor = floor_of(metric)
    if floor is None:
        return False
    width = 1.0 if metric.lower is None or metric.upper is None else metric.upper - metric.lower
    for p in points:
        variance = sampling_variance(metric, p.value, p.stderr, p.n)
        margin = RESOLVED * width if variance is None else 2 * math.sqrt(variance)
        if metric.sign * (p.value - floor) > margin:
            return False
    return True


def on_ceiling(point: Point, metric: Metric) -> bool:
    """Whether a rung is within two standard errors of the best possible value of a metric with two bounds."""
    if metric.lower is None or metric.upper is None or on_floor([point], metric):
        return False
    best = metric.upper if metric.sign > 0 else metric.lower
    variance = sampling_variance(metric, point.value, point.stderr, point.n)
    margin = RESOLVED * (metric.upper - metric.lower) if variance is None else 2 * math.sqrt(variance)
    return abs(best - point.value) <= margin


def extent(points: Sequence[Point]) -> tuple[int, float]:
    """Distinct places, and the nats of scale (of FLOP, on two axes) that they span."""
    if not points:
        return 0, 0.0
    places = np.unique(np.round(_logs(points) / SAME), axis=0)
    x = np.log([p.x for p in points])
    if places.shape[1] == 1:  # a chain of places each near to the next is one place
        return int((np.diff(np.sort(x)) > SAME).sum()) + 1, float(np.ptp(x))
    return len(places), float(np.ptp(x))


def telling(points: Sequence[Point], on_floor: Sequence[bool], on_ceiling: Sequence[bool]) -> list[Point]:
    """Without the rungs below a take-off and the saturated ones at the top: they train nothing.

    A rung stays where some rung that is no larger on any axis (itself, perhaps) has left the floor, and some rung that
    is no smaller on any axis has not reached the ceiling.
    """
    if not points:
        return []
    place = _logs(points)
    risen, below = ~np.array(on_floor), ~np.array(on_ceiling)
    if place.shape[1] == 1:
        low, high = place[risen].min(initial=np.inf), place[below].max(initial=-np.inf)
        return [p for p, x in zip(points, place[:, 0].tolist(), strict=True) if low <= x <= high]
    no_larger = (place[None] <= place[:, None]).all(axis=2)  # [i, j]: j is no larger than i
    stays = np.logical_and((no_larger & risen).any(axis=1), (no_larger.T & below).any(axis=1))
    return [points[int(i)] for i in np.flatnonzero(stays)]


def thinned(points: Sequence[Point]) -> list[Point]:
    """`points`, or at most MOST_RUNGS of them where they lie in a plane, in the same order.

    Each size keeps its smallest and largest number of tokens and what lies evenly between them in log tokens; sizes
    that have few keep all. The largest FLOP is always kept.
    """
    if len(points) <= MOST_RUNGS or points[0].plane is None:
        return list(points)
    place = _logs(points)
    _, size = np.unique(place[:, 0], return_inverse=True)
    counts = np.bincount(size)
    each = _share(counts)
    kept = np.concatenate([_evenly(np.flatnonzero(size == s), place[:, 1], each) for s in range(counts.size)])
    kept = np.sort(kept)
    if kept.size > MOST_RUNGS:  # hundreds of sizes
        kept = kept[np.linspace(0, kept.size - 1, MOST_RUNGS).round().astype(int)]
    return [points[i] for i in kept]


def _share(counts: npt.NDArray[np.intp]) -> int:
    # The most rungs a size may keep, so that all together stay within the bound.
    return max((n for n in range(2, int(counts.max()) + 1) if np.minimum(counts, n).sum() <= MOST_RUNGS), default=2)


def _evenly(rungs: npt.NDArray[np.intp], tokens: Array, most: int) -> npt.NDArray[np.intp]:
    if rungs.size <= most:
        return rungs
    ordered = rungs[np.argsort(tokens[rungs], kind="stable")]
    own = tokens[ordered]
    wanted = np.linspace(own[0], own[-1], most)
    near = np.unique(np.abs(own[None] - wanted[:, None]).argmin(axis=1))
    return np.asarray(np.union1d(ordered[near], ordered[-1:]), dtype=np.intp)


def _logs(points: Sequence[Point]) -> Array:
    return np.asarray(np.log(np.array([p.place for p in points], dtype=float)), dtype=float)
