"""NIST Statistical Reference Datasets, Norris: linear least squares, lower difficulty, certified to 15 digits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from monitor.science.dictionary import Category, full
from monitor.science.discrepancy import Noise
from monitor.science.fit import LEVEL, group, moments, posterior
from monitor.science.link.line import least_squares
from monitor.science.view import View

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


def engine(wander: float) -> tuple[float, float, float, float]:
    """Intercept and slope of the one atom of a dictionary that knows a straight line only, and their spreads.

    Two axes of which only the first matters: its plane (1, 0) is a line without a bend or a parameter.
    """
    order = np.argsort(X, kind="stable")
    x, y = X[order], Y[order]
    category = Category("free", 2, dense=False)
    u = np.stack([x - x[-1], np.zeros(x.size)], axis=1)
    seen = View(category, u, u[:, 0], y, np.zeros(x.size), False, np.ones(x.size), 1.0, None, None, False)
    line = replace(
        full(category),
        shapes=(("plane", (1.0, 0.0)),),
        shape_weights=(1.0,),
        slopes=((1e6, 0.0),),
        slope_weights=(1.0,),
        noises=(Noise(wander, 0.0, 1.0, 1.0),),
        noise_weights=(1.0,),
    )
    # Where x = 0, and a thousand beyond the last x.
    targets = np.array([[-x[-1], 0.0], [1000.0, 0.0]])
    atom = np.zeros((1, 1), dtype=np.intp)
    found = moments(posterior(group([seen], line), targets), atom, atom, atom, 1.0)
    (low, high), (low_variance, high_variance) = found.mean[0, 0], found.variance[0, 0] - wander**2
    return low, (high - low) / (x[-1] + 1000.0), np.sqrt(low_variance), np.sqrt(high_variance)


def test_the_engine_fits_the_same_line() -> None:
    """With noise far below the spread of the level's prior the posterior mean is least squares, to eleven digits."""
    intercept, slope, _, _ = engine(1e-3)
    assert slope == pytest.approx(SLOPE, rel=1e-13)
    assert intercept == pytest.approx(INTERCEPT, rel=1e-10)


def test_the_prior_of_the_level_costs_what_it_says() -> None:
    """At the certified residual the level at the last x is pulled to the mean of y, LEVEL spreads wide.

    To first order the intercept moves by Cov(intercept, level) (mean y - level) / s0^2 = 1.1e-6 of 0.26: the intercept
    keeps five digits, the slope eight, and the spreads are the certified ones to nine.
    """
    intercept, slope, intercept_sd, far_sd = engine(RESIDUAL_SD)
    from_mean = X.max() - X.mean()
    together = RESIDUAL_SD**2 / X.size - X.mean() * from_mean * SLOPE_SD**2
    pull = -together * SLOPE * from_mean / (LEVEL * (Y.std() + 0.1)) ** 2
    assert intercept - INTERCEPT == pytest.approx(pull, rel=1e-3)
    assert slope == pytest.approx(SLOPE, rel=1e-8)
    assert intercept_sd == pytest.approx(INTERCEPT_SD, rel=1e-9)
    # Var(a + b x) = s^2 / n + (x - mean)^2 Var(b), at x = last + 1000.
    expected = np.sqrt(RESIDUAL_SD**2 / X.size + (from_mean + 1000.0) ** 2 * SLOPE_SD**2)
    assert far_sd == pytest.approx(expected, rel=1e-8)
