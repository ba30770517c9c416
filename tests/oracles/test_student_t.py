"""Quantiles of Student-t laws that have a closed form: nu = 1 (Cauchy), 2 and 4."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.science.predict import Component, predict


def cauchy(p: float) -> float:
    return float(np.tan(np.pi * (p - 0.5)))


def two(p: float) -> float:
    return float((2 * p - 1) / np.sqrt(2 * p * (1 - p)))


def four(p: float) -> float:
    a = 4 * p * (1 - p)
    q = np.cos(np.arccos(np.sqrt(a)) / 3) / np.sqrt(a)
    return float(np.sign(p - 0.5) * 2 * np.sqrt(q - 1))


@pytest.mark.parametrize(("dof", "closed"), [(1.0, cauchy), (2.0, two), (4.0, four)])
@pytest.mark.parametrize("p", [1e-6, 0.01, 0.1, 0.5, 0.9, 0.99])
def test_quantiles(dof: float, closed, p: float) -> None:  # type: ignore[no-untyped-def]
    law = predict([Component("constant", "identity", 1.0, 0.0, (3.0,), ((0.0,),), 4.0, dof)], 1.0, 0.0)
    assert float(law.quantile(p)) == pytest.approx(3 + 2 * closed(p), rel=1e-7, abs=1e-7)


def test_far_tail_of_two_degrees_of_freedom() -> None:
    """sf(t) = 1/2 - t / (2 sqrt(2 + t^2)) = 1 / (sqrt(2 + t^2) (sqrt(2 + t^2) + t))."""
    law = predict([Component("constant", "identity", 1.0, 0.0, (0.0,), ((0.0,),), 1.0, 2.0)], 1.0, 0.0)
    root = np.sqrt(2 + 1e10)
    assert float(law.sf(1e5)) == pytest.approx(1 / (root * (root + 1e5)), rel=1e-10)
    assert float(law.cdf(-1e5)) == pytest.approx(1 / (root * (root + 1e5)), rel=1e-10)
