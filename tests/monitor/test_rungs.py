"""Which points of a series train a forecast."""

from __future__ import annotations

import math

import numpy as np
import pytest

from checkpoints_db.records import Point, cost_of
from monitor.rungs import MOST_RUNGS, extent, telling, thinned


def point(*place: float, name: str = "r") -> Point:
    plane = (place[0], place[1]) if len(place) == 2 else None
    return Point(run=name, checkpoint=f"f/{name}", x=cost_of(place), plane=plane, value=0.5, result="r")


def test_extent_counts_places_and_spans_flop() -> None:
    assert extent([]) == (0, 0.0)
    assert extent([point(1.0), point(1.0), point(math.e)]) == (2, pytest.approx(1.0))
    # Equal FLOP, and yet two places.
    assert extent([point(2.0, 8.0), point(4.0, 4.0), point(4.0, 4.0)]) == (2, pytest.approx(0.0))
    assert extent([point(1.0, 1.0), point(math.e, math.e)]) == (2, pytest.approx(2.0))


def test_on_one_axis_the_bottom_and_the_top_tell_nothing() -> None:
    points = [point(float(i + 1), name=f"r{i}") for i in range(6)]
    low, high = [True, True, False, True, False, False], [False, False, False, False, False, True]
    assert [p.run for p in telling(points, low, high)] == ["r2", "r3", "r4"]
    assert telling(points, [True] * 6, [False] * 6) == []
    # Replicates of one scale stay together, in whatever order they stand.
    twice = [point(1.0, name="a"), point(1.0, name="b"), point(2.0, name="c")]
    assert (
        telling(twice, [True, False, False], [False] * 3) == telling(twice, [False, True, False], [False] * 3) == twice
    )
    assert telling([], [], []) == []


def test_on_two_axes_the_corner_below_the_take_off_tells_nothing() -> None:
    """Only the largest size left chance, halfway: cheaper rungs of it are below the take-off, the others beside it."""
    places = [(n, d) for n in (1.0, 2.0, 4.0) for d in (1.0, 2.0, 4.0)]
    risen = {(4.0, 2.0), (4.0, 4.0), (2.0, 4.0)}
    points = [point(*place) for place in places]
    kept = telling(points, [place not in risen for place in places], [False] * 9)
    assert {p.plane for p in kept} == risen
    # A rung at chance that is larger than one that has left it is no plateau.
    kept = telling(points, [place != (2.0, 2.0) for place in places], [False] * 9)
    assert {p.plane for p in kept} == {(2.0, 2.0), (2.0, 4.0), (4.0, 2.0), (4.0, 4.0)}
    kept = telling(points, [False] * 9, [place in risen for place in places])
    assert {p.plane for p in kept} == set(places) - risen


def test_long_runs_are_thinned_evenly_in_log_tokens() -> None:
    points = sorted((point(n, float(t + 1)) for n in (1e6, 1e7, 1e8) for t in range(500)), key=lambda p: p.x)
    kept = thinned(points)
    assert len(kept) <= MOST_RUNGS
    assert kept == sorted(kept, key=lambda p: p.x)
    assert kept[-1] is points[-1]
    for size in (1e6, 1e7, 1e8):
        tokens = np.log([p.place[1] for p in kept if p.place[0] == size])
        assert tokens.size >= 20
        assert (tokens.min(), tokens.max()) == pytest.approx((0.0, math.log(500)))
        assert np.diff(np.sort(tokens)).max() < 0.75


def test_sizes_with_few_rungs_keep_all_of_them() -> None:
    few = [point(1e6, float(t)) for t in (1, 2, 3)]
    points = sorted([*few, *(point(1e7, float(t + 1)) for t in range(500))], key=lambda p: p.x)
    kept = thinned(points)
    assert set(few) <= set(kept)
    assert MOST_RUNGS - 30 <= len(kept) <= MOST_RUNGS


def test_hundreds_of_sizes_stay_within_the_bound() -> None:
    points = sorted((point(1e6 * 1.01**i, 1e9 * 1.5**j) for i in range(300) for j in range(3)), key=lambda p: p.x)
    kept = thinned(points)
    assert len(kept) == MOST_RUNGS
    assert kept[-1] is points[-1]


def test_nothing_is_thinned_along_one_axis_or_where_there_is_room() -> None:
    line = [point(float(i + 1)) for i in range(500)]
    assert thinned(line) == line
    plane = [point(1e6, float(t + 1)) for t in range(MOST_RUNGS)]
    assert thinned(plane) == plane
    assert thinned([]) == []
