"""What the published quantiles tell: score and tails, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from monitor.science import levels

AT = np.array(levels.LEVELS)


@pytest.mark.parametrize("y", [-2.0, 0.0, 0.7, 3.0])
def test_crps_of_a_normal_law(y: float) -> None:
    # Gneiting & Raftery 2007, eq. 21
    exact = y * (2 * stats.norm.cdf(y) - 1) + 2 * stats.norm.pdf(y) - 1 / np.sqrt(np.pi)
    assert levels.crps(stats.norm.ppf(AT), y) == pytest.approx(exact, abs=2e-3)


@pytest.mark.parametrize("y", [-4.0, -1.0, 0.3, 2.7])
def test_tails_of_a_normal_law_are_exact(y: float) -> None:
    below, above = levels.tails(AT, 2 + 3 * stats.norm.ppf(AT), 2 + 3 * y)
    assert below == pytest.approx(stats.norm.cdf(y), rel=1e-9)
    assert above == pytest.approx(stats.norm.sf(y), rel=1e-9)


def test_a_point_mass_counts_on_both_sides() -> None:
    q = np.maximum(stats.norm.ppf(AT), 0.0)
    below, above = levels.tails(AT, q, 0.0)
    assert above == 1.0
    assert below == pytest.approx(0.5)
    assert levels.tails(AT, q, -0.1) == (0.0, 1.0)
    assert levels.tails(AT, np.zeros(AT.size), 0.0) == (1.0, 1.0)
    assert levels.tails(AT, np.zeros(AT.size), 0.1) == (1.0, 0.0)
