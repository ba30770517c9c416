"""NIST Statistical Reference Datasets, Norris: linear least squares, lower difficulty, certified to 15 digits."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.science.fit import View, fit_form
from monitor.science.forms import BY_NAME
from monitor.science.link import least_squares
from monitor.science.transforms import Transform

DATA = """
0.1 0.2 338.8 337.4 118.1 118.2 888.0 884.6 9.2 10.1 228.1 226.5 668.5 666.3 998.5 996.3 449.1 448.6
778.9 777.0 559.2 558.2 0.3 0.4 0.1 0.6 778.1 775.5 668.8 666.9 339.3 338.0 448.9 447.5 10.8 11.6
557.7 556.0 228.3 228.1 998.0 995.8 888.8 887.6 119.6 120.2 0.3 0.3 0.6 0.3 557.6 556.8 339.3 339.1
888.0 887.2 998.5 999.0 778.9 779.0 10.2 11.1 117.6 118.3 228.9 229.2 668.4 669.1 449.2 448.9 0.2 0.5
"""
Y, X = np.array(DATA.split(), dtype=float).reshape(-1, 2).T
INTERCEPT, INTERCEPT_SD = -0.262323073774029, 0.232818234301152
SLOPE, SLOPE_SD = 1.00211681802045, 0.000429796848199937
RESIDUAL_SD = 0.884796396144373


def test_least_squares_meets_the_certified_values() -> None:
    line = least_squares(X, Y)
    assert line.intercept == pytest.approx(INTERCEPT, rel=1e-10)
    assert line.slope == pytest.approx(SLOPE, rel=1e-12)
    assert line.residual_sd == pytest.approx(RESIDUAL_SD, rel=1e-10)
    assert line.intercept_sd == pytest.approx(INTERCEPT_SD, rel=1e-10)
    assert line.slope_sd == pytest.approx(SLOPE_SD, rel=1e-10)


def test_the_engine_fits_the_same_line() -> None:
    """With even noise the posterior mean of a flat prior is least squares; the prior on the noise moves only the
    width."""
    order = np.argsort(X, kind="stable")
    x, y = X[order], Y[order]
    view = View(Transform("identity"), x - x[-1], y, np.full(x.size, 1.0), 0.0, 1e9)
    batch = fit_form(BY_NAME["log_linear"], view, x.size)
    level, slope = batch.coefficients[0]
    assert slope == pytest.approx(SLOPE, rel=1e-9)
    assert level - slope * x[-1] == pytest.approx(INTERCEPT, rel=1e-6)
    # sigma^2 = (4 * 1 + RSS) / (4 + 34), RSS = 34 * RESIDUAL_SD^2: the conjugate answer on paper.
    sigma = np.sqrt((4 + 34 * RESIDUAL_SD**2) / 38)
    assert np.sqrt(batch.covariance[0, 1, 1]) == pytest.approx(SLOPE_SD * sigma / RESIDUAL_SD, rel=1e-6)
    assert batch.dof == 38
