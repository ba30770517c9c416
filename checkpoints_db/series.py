"""Results to series: one metric of one task in one family, in order of scale."""

from __future__ import annotations

from collections.abc import Sequence

from checkpoints_db.errors import Incomparable
from checkpoints_db.records import Axis, Point, Result, Series

AXES: tuple[Axis, ...] = ("flop", "params", "tokens")
"""Axes in order of preference: training FLOP says most about a run, a parameter count less. Effective compute orders
only the families that declare it."""


def best_axis(results: Sequence[Result]) -> Axis | None:
    """The first axis on which every result has a position; None when there is no such axis."""
    for axis in AXES:
        if results and all(result.checkpoint.scale(axis) is not None for result in results):
            return axis
    return None


def make_series(results: Sequence[Result], axis: Axis | None = None) -> Series:
    """The series of `results`, which must all be of one series.

    Results with remarks (a limit, an invalidated evaluation) and results without a position on the axis are left
    out: they are kept in the store and shown, but train nothing. Raises Incomparable when two series are mixed, and
    ValueError when there is no result.
    """
    first = results[0] if results else None
    if first is None:
        raise ValueError("a series needs a result")
    for result in results:
        if result.series != first.series:
            raise Incomparable(result.checkpoint.id, result.task, result.metric.name, f"not of series {first.series}")
    usable = [result for result in results if not result.remarks]
    chosen = axis or best_axis(usable) or best_axis(results) or "flop"
    points = [
        Point(
            run=result.checkpoint.run,
            checkpoint=result.checkpoint.id,
            x=x,
            value=result.value,
            stderr=result.stderr,
            n=result.n,
            result=result.identity,
        )
        for result in usable
        if (x := result.checkpoint.scale(chosen)) is not None
    ]
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
