"""Limits of counts against scipy's own, and the set of settings that may cost least on the edges of what is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, chi2

from monitor.science.cheapest import Counts, contenders, poisson_limits, resampled, share_limits


@pytest.mark.parametrize("events", [0, 1, 7, 40])
def test_garwood_is_chi_square(events: int) -> None:
    low, high = poisson_limits(events)
    assert low == pytest.approx(0 if events == 0 else chi2.ppf(0.05, 2 * events) / 2)
    assert high == pytest.approx(chi2.ppf(0.95, 2 * events + 2) / 2)


@pytest.mark.parametrize(("hits", "of"), [(0, 5), (3, 9), (9, 9)])
def test_clopper_pearson_is_scipys(hits: int, of: int) -> None:
    exact = binomtest(hits, of).proportion_ci(0.9, method="exact")
    assert share_limits(hits, of) == pytest.approx((exact.low, exact.high))


def test_runs_that_hang_together_are_drawn_together() -> None:
    """Ten runs of ten checkpoints that pause all or none: the spread is that of ten, not of a hundred."""
    false = np.array([[10.0]] * 2 + [[0.0]] * 8)
    nothing = np.zeros((10, 1))
    drawn, _ = resampled(np.random.default_rng(0), Counts(false, np.full(10, 10.0), nothing, np.ones(10)), 4000)
    assert drawn.std() == pytest.approx(np.sqrt(0.2 * 0.8 / 10), rel=0.05)


def test_what_never_happened_is_not_taken_as_impossible() -> None:
    """Two settings without any false pause differ by less than one event: neither is out."""
    cost, drawn = np.array([0.5, 0.0]), np.tile([0.5, 0.0], (100, 1))
    assert contenders(cost, drawn, 1.0, 0.9).all()
    assert contenders(cost, drawn, 0.01, 0.9).tolist() == [False, True]
