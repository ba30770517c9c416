"""Slopes on both sides of a knot, and how often a straight trend looks like a bend."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.science.rate import bend, lower_bound

T = np.arange(9) * 0.22
"""Nine models, one every 0.22 years."""


def straight(noise: float, many: int = 40_000) -> np.ndarray:
    """A trend of 13.6 points a year, as in the example that the notes ask about."""
    rng = np.random.default_rng(0)
    return 13.6 * T + rng.normal(0, noise, (many, T.size))


@pytest.mark.parametrize(
    ("noise", "last", "best", "agree"),
    [(0.5, 0.000, 0.000, 0.000), (1.0, 0.013, 0.022, 0.000), (2.0, 0.135, 0.230, 0.006)],
)
def test_a_knot_chosen_afterwards_finds_a_bend_in_a_straight_trend_and_all_knots_do_not(
    noise: float, last: float, best: float, agree: float
) -> None:
    """The false alarms of `later >= 2 * earlier`: knot at the last but one, best of all knots, all knots agree."""
    y = straight(noise)
    ratios = np.stack([(fit := bend(T, y, T[k])).later / fit.earlier for k in range(2, 8)])
    found = [(ratios[-1] >= 2).mean(), (ratios.max(axis=0) >= 2).mean(), (ratios.min(axis=0) >= 2).mean()]
    assert found == pytest.approx([last, best, agree], abs=0.004)


def test_it_is_ordinary_least_squares() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, 5, 12), rng.normal(0, 1, 12)
    design = np.column_stack([np.ones(12), x, np.maximum(x - 2.0, 0)])
    b, *_ = np.linalg.lstsq(design, y, rcond=None)
    fit = bend(x, y, 2.0)
    assert (fit.earlier[0], fit.later[0]) == pytest.approx((b[1], b[1] + b[2]))
    off = y - design @ b
    own = (off @ off) / 9 * np.linalg.inv(design.T @ design)
    assert fit.covariance[0, 0, 0] == pytest.approx(own[1, 1])
    assert fit.covariance[0, 1, 1] == pytest.approx(own[1, 1] + 2 * own[1, 2] + own[2, 2])
    assert fit.dof == 9


def test_the_bound_holds_as_often_as_it_says() -> None:
    """Of trends that truly double at the knot, a 95 % bound lies above 2 in one of twenty."""
    rng = np.random.default_rng(2)
    x = np.arange(12.0)
    y = x + np.maximum(x - 6, 0) + rng.normal(0, 0.5, (20_000, 12))
    low = lower_bound(bend(x, y, 6.0), 0.95)
    assert np.isfinite(low).mean() > 0.999
    assert np.nanmean(low > 2) == pytest.approx(0.05, abs=0.006)


def test_a_bound_that_the_noise_does_not_give_is_none() -> None:
    flat = bend(np.arange(6.0), np.array([0.0, 1, -1, 0, 3, 6]), 3.0)
    assert np.isnan(lower_bound(flat, 0.95)).all()
    exact = bend(np.arange(3.0), np.array([0.0, 1, 3]), 1.0)
    assert exact.dof == 0
    assert np.isnan(lower_bound(exact, 0.95)).all()


@pytest.mark.parametrize(("x", "knot"), [([0, 1, 2], 0), ([0, 1, 2], 2), ([1, 1, 1], 1), ([0, 1], 0.5)])
def test_slopes_that_are_not_determined_are_refused(x: list[float], knot: float) -> None:
    with pytest.raises(ValueError, match="two different x up to it and one beyond it"):
        bend(np.array(x, dtype=float), np.zeros(len(x)), knot)
