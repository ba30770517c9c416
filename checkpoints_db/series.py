"""Results to series: one metric of one task in one family, in order of scale."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from checkpoints_db.errors import Incomparable
from checkpoints_db.records import PLANE, Axis, Point, Result, Series, cost_of

AXES: tuple[Axis, ...] = ("flop", "params", "tokens")
"""Axes in order of preference: training FLOP says most about a run, a parameter count less. Effective compute orders
only the families that declare it."""

OFF_THE_LINE = 0.1
"""Nats by which rungs have to stand off a common line for two axes: rounding is less, one more token multiple more."""


def spans_plane(places: Iterable[tuple[float, ...]]) -> bool:
    """Whether places (parameters, tokens) vary on both axes, and apart from each other.

    They do where about the line that lies nearest to them in log-log they spread by OFF_THE_LINE nats (the smaller
    standard deviation of their principal axes): tokens that are twenty times the parameters of each model, or the same
    for all, are one axis.

    >>> spans_plane([(1e8, 2e9), (1e9, 2e10), (1e10, 2e11)])
    False
    >>> spans_plane([(1e8, 2e9), (1e8, 4e9), (1e9, 2e10), (1e9, 4e10)])
    True
    """
    logs = np.log(np.array(sorted(set(places))).reshape(-1, 2))
    if len(logs) < 3:  # two places lie on a line
        return False
    return bool(np.sqrt(max(float(np.linalg.eigvalsh(np.cov(logs.T, ddof=0))[0]), 0.0)) >= OFF_THE_LINE)


def best_axis(results: Sequence[Result]) -> Axis | None:
    """Two axes where every result has a place in the plane and together they span it, else the first axis on which
    every result has a position; None when there is no such axis."""
    plane = [result.checkpoint.place(PLANE) for result in results]
    known = [place for place in plane if place is not None]
    if known and len(known) == len(plane) and spans_plane(known):
        return PLANE
    for axis in AXES:
        if results and all(result.checkpoint.scale(axis) is not None for result in results):
            return axis
    return None


def make_series(results: Sequence[Result], axis: Axis | None = None) -> Series:
    """The series of `results`, which must all be of one series, oldest first.

    Results with remarks (a limit, an invalidated evaluation), those that state the metric otherwise than the first one
    (per cent among fractions) and those without a position on the axis are left out: they are kept in the store and
    shown, but train nothing. Raises Incomparable when two series are mixed, and
    ValueError when there is no result.
    """
    first = results[0] if results else None
    if first is None:
        raise ValueError("a series needs a result")
    for result in results:
        if result.series != first.series:
            raise Incomparable(result.checkpoint.id, result.task, result.metric.name, f"not of series {first.series}")
    return assembled(results, axis)


def point_of(result: Result, axis: Axis) -> Point | None:
    """The rung that a result is on an axis; None where it has no position there."""
    place = result.checkpoint.place(axis)
    if place is None:
        return None
    return Point(
        run=result.checkpoint.run,
        checkpoint=result.checkpoint.id,
        x=cost_of(place),
        plane=(place[0], place[1]) if len(place) == 2 else None,
        value=result.value,
        stderr=result.stderr,
        n=result.n,
        result=result.identity,
    )


def assembled(
    results: Sequence[Result], axis: Axis | None, point: Callable[[Result, Axis], Point | None] = point_of
) -> Series:
    """`make_series` of results that are known to be of one series; `point` is who makes a rung of a result."""
    first = results[0]
    usable = [result for result in results if not result.remarks and not result.metric.differs(first.metric)]
    chosen = axis or best_axis(usable) or best_axis(results) or "flop"
    points = [made for result in usable if (made := point(result, chosen)) is not None]
    return Series(
        id=first.series,
        family=first.checkpoint.family,
        task=first.task,
        metric=first.metric,
        stage=first.checkpoint.stage,
        conditions=first.conditions,
        axis=chosen,
        points=tuple(sorted(points, key=lambda point: (point.x, point.run, point.checkpoint))),
    )
