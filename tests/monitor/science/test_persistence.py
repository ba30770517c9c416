"""The law of persistence and what is said of a ladder of one or two rungs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from monitor.science.persistence import Stay, last_value, persistence, spread_law

COST = np.array([1.0, 10.0, 100.0, 1000.0])


def test_persistence_is_a_t_of_past_steps() -> None:
    value = np.array([0.1, 0.3, 0.2, 0.5])
    near, far = persistence(value, COST, np.array([1e4, 1e7]), (None, None), logged=False)
    sd = np.sqrt(np.mean(np.diff(value) ** 2))
    assert near.quantile(0.9) == pytest.approx(0.5 + sd * stats.t.ppf(0.9, 3))
    assert far.quantile(0.9) == pytest.approx(0.5 + 2 * sd * stats.t.ppf(0.9, 3))


def test_steps_of_a_loss_are_those_of_its_logarithm() -> None:
    (law,) = persistence(np.array([8.0, 4.0, 2.0]), COST[:3], COST[3:], (0.0, None), logged=True)
    assert law.quantile(0.5) == pytest.approx(2.0)
    assert law.quantile(0.9) == pytest.approx(2 * np.exp(np.log(2) * stats.t.ppf(0.9, 2)))


def test_rungs_of_one_cost_are_averaged() -> None:
    assert last_value(np.array([1.0, 2.0, 4.0]), np.array([1.0, 9.0, 9.0])) == 3.0


def test_two_rungs_have_the_spread_of_the_ladder() -> None:
    law = spread_law(np.array([0.2, 0.4]), COST[:2], (0.0, 1.0), logged=False)
    assert law == Stay(0.4, pytest.approx(0.1), 3.0, False, 0.0, 1.0)
    assert spread_law(np.array([0.4]), COST[:1], (0.0, 1.0), logged=False).spread == pytest.approx(0.1)


def test_bounds_hold_what_lies_beyond_them() -> None:
    law = Stay(0.9, 0.5, 3.0, False, 0.0, 1.0)
    assert law.quantile(0.99) == 1.0
    assert law.sf(1.0) == pytest.approx(stats.t.sf(0.2, 3))
    assert law.cdf(1.0) == 1.0
    assert law.sf(0.0) == 1.0
    assert (law.cdf(-0.1), law.sf(1.1)) == (0.0, 0.0)


@pytest.mark.parametrize("p", [0.01, 0.4, 0.999])
def test_quantile_and_tails_are_inverse(p: float) -> None:
    law = Stay(0.3, 0.2, 4.0, True, 0.0, None)
    y = law.quantile(p)
    assert law.cdf(y) == pytest.approx(p)
    assert law.sf(y) == pytest.approx(1 - p)
    assert law.cdf(-1.0) == 0.0
