"""Hints of contamination: what they find when it is planted, and how rarely they speak when nothing is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.science.contamination import FEWEST, jumps, order_effect, unlikely_rise

Array = NDArray[np.float64]


def ladder(rng: np.random.Generator, n: int, rungs: int, kind: str) -> Array:
    """Likelihoods of a ladder that nobody contaminated."""
    base = rng.normal(-6, 2.5, n)
    if kind == "memorised":  # items are learnt one by one, wholly
        when = rng.uniform(0, 1.2, n)
        rows = np.array([np.where(when < at, -0.1, base) for at in np.linspace(0, 1, rungs) ** 2])
    else:
        slopes = np.exp(rng.normal(0, 0.5, n)) if kind == "slopes" else np.ones(n)
        steps = np.linspace(0, 1, rungs) * rng.uniform(1, 5)
        if kind == "lesson":  # all of it at one rung
            steps = 5 / (1 + np.exp(-6 * (steps - rng.uniform(1, 4))))
        rows = base + slopes * steps[:, None]
    return np.asarray(-np.logaddexp(0, -(rows + 0.4 * rng.standard_t(4, rows.shape))))


@pytest.mark.parametrize("kind", ["same", "slopes", "lesson", "memorised"])
def test_without_contamination_each_hint_comes_in_at_most_one_of_a_hundred(kind: str) -> None:
    rng, times = np.random.default_rng(7), 400
    found = np.zeros(3)
    for _ in range(times):
        n = int(rng.integers(50, 400))
        rows = ladder(rng, n, int(rng.integers(3, 8)), kind)
        marks = (np.exp(rows[-2:]) > 0.5) | (rng.random((2, n)) < np.exp(rows[-2:]))
        hints = jumps(rows), order_effect(rows, np.arange(n)), unlikely_rise(rows[-2], *marks)
        found += [hint.found for hint in hints]
    # Three standard errors above one in a hundred.
    assert (found <= times * 0.01 + 3 * np.sqrt(times * 0.01)).all(), found


def test_a_few_planted_items_are_named() -> None:
    rng = np.random.default_rng(8)
    rows = ladder(rng, 300, 5, "same")
    planted = np.argsort(rows[-2])[:60:4]  # unlikely ones, now known by heart
    rows[-1, planted] = -0.02
    hint = jumps(rows)
    assert hint.found
    assert set(hint.items[:10].tolist()) <= set(planted.tolist())
    assert len(set(hint.items.tolist()) & set(planted.tolist())) >= 10


def test_two_items_or_most_of_them_are_no_hint() -> None:
    rng = np.random.default_rng(9)
    few, many = ladder(rng, 300, 5, "same"), ladder(rng, 300, 5, "same")
    few[-1, np.argsort(few[-2])[:2]] = -0.02
    many[-1] = -0.02
    assert not jumps(few).found
    assert not jumps(many).found


def test_a_file_learnt_from_its_beginning_is_seen_and_its_own_order_is_not_blamed() -> None:
    rng = np.random.default_rng(10)
    rows = ladder(rng, 300, 5, "same")
    rows[-1, :100] = np.minimum(rows[-1, :100] + 1.5, -0.01)
    hint = order_effect(rows, np.arange(300))
    assert hint.found
    assert hint.numbers["correlation"] < -0.1
    sorted_file = np.argsort(rows[0])  # easy ones last: an order, and none that this step alone has
    assert not order_effect(ladder(rng, 300, 5, "same")[:, sorted_file], np.arange(300)).found


def test_new_right_answers_among_the_unlikely_are_seen_and_among_the_likely_are_not() -> None:
    lls = np.linspace(-9, -1, 100)
    was = np.zeros(100, dtype=bool)
    low, high = was.copy(), was.copy()
    low[:30], high[-30:] = True, True
    assert unlikely_rise(lls, was, low).found
    assert unlikely_rise(lls, was, low).items[0] == 0
    assert not unlikely_rise(lls, was, high).found
    assert not unlikely_rise(np.full(100, -3.0), was, low).found


def test_too_few_items_or_rungs_say_nothing() -> None:
    rows = np.full((5, FEWEST - 1), -5.0)
    rows[-1, :5] = -0.1
    assert not jumps(rows).found
    assert not order_effect(rows, np.arange(FEWEST - 1)).found
    assert not jumps(np.full((2, 200), -5.0)).found
