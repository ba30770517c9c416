"""Student's law with 8 degrees of freedom: printed tables, exact fractions, its far tail."""

from __future__ import annotations

from fractions import Fraction
from math import gamma, pi, sqrt

import numpy as np
import pytest

from monitor.science.law import Law, quantiles, t_cdf
from monitor.science.view import Ladder, view

# Abramowitz & Stegun, table 26.10, row 8: upper tail -> t.
TABLE = {0.25: 0.706, 0.1: 1.397, 0.05: 1.860, 0.025: 2.306, 0.01: 2.896, 0.005: 3.355, 0.001: 4.501, 0.0005: 5.041}


def law(mean: float, scale: float) -> Law:
    x = np.array([1.0, 3.0, 9.0])
    seen = view(Ladder(x[:, None], x, np.array([-1.0, 0.0, 1.0]), np.full(3, np.nan)))
    return Law(seen, np.array([1.0]), np.array([mean]), np.array([scale]))


@pytest.mark.parametrize("tail", TABLE)
def test_quantiles_are_the_printed_ones(tail: float) -> None:
    both = quantiles(np.array([1.0]), np.array([3.0]), np.array([2.0]), np.array([tail, 1 - tail]))
    np.testing.assert_allclose(both, [3 - 2 * TABLE[tail], 3 + 2 * TABLE[tail]], atol=1.01e-3)


@pytest.mark.parametrize(("t", "root"), [(1, 3), (Fraction(7, 2), Fraction(9, 2)), (Fraction(31, 4), Fraction(33, 4))])
def test_the_distribution_is_an_exact_fraction_where_its_root_is_one(t: Fraction, root: Fraction) -> None:
    """P(|T| <= t) = sin(a) (1 + c/2 + 3 c^2/8 + 5 c^3/16), tan(a) = t / sqrt(8), c = cos(a)^2 (A & S 26.7.4)."""
    assert t * t + 8 == root * root
    c = Fraction(8) / (root * root)
    exact = Fraction(1, 2) + t / root / 2 * (1 + c / 2 + 3 * c**2 / 8 + 5 * c**3 / 16)
    assert float(t_cdf(np.array([float(t)]))[0]) == pytest.approx(float(exact), abs=2e-16)
    assert quantiles(np.array([1.0]), np.zeros(1), np.ones(1), np.array([float(exact)]))[0] == pytest.approx(
        float(t), rel=1e-9
    )


@pytest.mark.parametrize("t", [1e3, 1e5])
def test_the_far_tail_is_a_power(t: float) -> None:
    """sf(t) = K 8^(7/2) t^-8 (1 - 144 / (5 t^2) + ...), K = gamma(9/2) / (gamma(4) sqrt(8 pi)); next term 4e2 / t^4."""
    K = gamma(4.5) / (gamma(4) * sqrt(8 * pi))
    expected = K * 8**3.5 * t**-8 * (1 - 144 / 5 / t**2)
    own = law(0.0, 1.0)
    y = own.seen.unit * t
    assert float(own.sf(y)) == pytest.approx(expected, rel=1e-9)
    assert float(own.cdf(-y)) == pytest.approx(expected, rel=1e-9)
