"""Which axis a series has, and when it is an axis of two."""

from __future__ import annotations

import math

import pytest

from checkpoints_db import doctor
from checkpoints_db.records import PLANE, Axis, Checkpoint, Metric, Result, cost_of
from checkpoints_db.series import best_axis, make_series, spans_plane

LOSS = Metric(name="nll", kind="continuous", direction="lower", lower=0)


def result(params: float | None, tokens: float | None, run: str = "r", **more: float) -> Result:
    at = Checkpoint(family="f", run=run, model="m", params=params, tokens=tokens, **more)  # type: ignore[arg-type]
    return Result(checkpoint=at, task="t", metric=LOSS, value=1.0)


def test_what_spans_a_plane() -> None:
    sizes = [1e8 * 4**i for i in range(4)]
    assert spans_plane([(n, d) for n in sizes for d in (1e9, 1e10)])
    assert spans_plane([(n, 20 * n * k) for n in sizes for k in (1, 2)])
    assert not spans_plane([(n, 3e11) for n in sizes]), "tokens do not vary"
    assert not spans_plane([(1e8, d) for d in (1e9, 1e10, 1e11)]), "parameters do not vary"
    assert not spans_plane([(n, 20 * n) for n in sizes]), "one line in log-log"
    assert not spans_plane([(n, 20 * n * (1 + 0.05 * (i % 2))) for i, n in enumerate(sizes)]), "a line, rounded"
    assert not spans_plane([(1e8, 1e9), (1e9, 1e11)])
    assert not spans_plane([])


def test_the_line_is_judged_in_logs_whatever_the_units_order_or_repetitions() -> None:
    places = [(1e8, 2e9), (1e8, 2.5e9), (4e8, 8e9), (1.6e9, 3.2e10)]
    for factor, expected in ((1.0, False), (2.0, True)):
        these = [(n, d * (factor if i == 1 else 1)) for i, (n, d) in enumerate(places)]
        assert spans_plane(these) is expected
        assert spans_plane([*these, *these[:1] * 50][::-1]) is expected
        assert spans_plane([(n * 1e-6, d * 1e3) for n, d in these]) is expected


def test_the_axis_of_two_is_chosen_only_where_every_result_is_in_the_plane() -> None:
    grid = [result(n, d, f"{n:g}-{d:g}", flop=n * d) for n in (1e8, 1e9) for d in (1e9, 1e10)]
    assert best_axis(grid) == PLANE
    assert best_axis([*grid, result(1e8, None, flop=1.0)]) == "flop"
    assert best_axis([result(n, 20 * n, flop=n * n) for n in (1e8, 1e9, 1e10)]) == "flop"
    assert make_series(grid, "tokens").axis == "tokens"
    assert [p.plane for p in make_series(grid, "tokens").points] == [None] * 4
    assert make_series(grid).id == make_series(grid, "flop").id, "the axis is no part of what a series is"


def test_points_of_the_plane_are_ordered_by_flop_and_know_both_scales() -> None:
    grid = [result(n, d, f"{n:g}-{d:g}") for n in (1e9, 1e8) for d in (1e10, 1e9)]
    made = make_series([*grid, result(1e8, None, "lost")], PLANE)
    assert [p.place for p in made.points] == [(1e8, 1e9), (1e8, 1e10), (1e9, 1e9), (1e9, 1e10)]
    assert [p.x for p in made.points] == [6e17, 6e18, 6e18, 6e19]
    assert len(made.below(6e19).points) == 3


@pytest.mark.parametrize(
    ("axis", "place"),
    [(PLANE, (2.0, 3.0)), ("params", (2.0,)), ("tokens", (3.0,)), ("flop", None), ("effective_compute", None)],
)
def test_a_checkpoint_has_a_place_on_every_axis_it_knows(axis: Axis, place: tuple[float, ...] | None) -> None:
    at = Checkpoint(family="f", run="r", model="m", params=2.0, tokens=3.0)
    assert at.place(axis) == place
    assert at.scale(axis) == (None if place is None else cost_of(place))
    assert Checkpoint(family="f", run="r", model="m", params=2.0).place(PLANE) is None


def test_the_doctor_counts_checkpoints_where_they_are_the_rungs() -> None:
    acc = Metric(name="acc", kind="thresholded", lower=0, upper=1, chance=0.25)
    grid = [
        result(n, d, run, step=j).model_copy(update={"metric": acc, "n": 1000, "value": 0.25 if d < 1e10 else 0.6})
        for run, n in (("s0", 1e8), ("s1", 1e9))
        for j, d in enumerate((1e9, 2e9, 1e10))
    ]
    (short,) = doctor.shorts(grid, 4)
    assert short.telling == ("s0@2", "s1@2")
    assert short.at_chance == ("s0@0", "s0@1", "s1@0", "s1@1")
    assert math.isclose(make_series(grid).points[-1].x, 6e19)
