from __future__ import annotations

import numpy as np
import pytest

from monitor.science.law import Law
from monitor.science.scores import crps, inside, interval_score, pit, skill
from monitor.science.view import Ladder, view


def law(mean: float = 0.5, scale: float = 0.1) -> Law:
    x = np.array([1.0, 3.0, 9.0])
    seen = view(Ladder(x[:, None], x, np.array([0.3, 0.4, 0.5]), np.full(3, np.nan), 0.0, 1.0))
    return Law(seen, np.array([1.0]), np.array([mean]), np.array([scale]))


def test_pit_and_crps_of_a_law() -> None:
    own = law()
    assert pit(own, own.median) == pytest.approx(0.5, abs=1e-9)
    assert crps(own, own.median) < crps(own, own.median + 0.1)
    assert crps(law(scale=0.05), 0.5) == pytest.approx(crps(own, 0.5) / 2, rel=1e-3)
    assert crps(own, 0.9) < abs(0.9 - own.median)


def test_the_pit_of_a_point_mass_is_its_middle() -> None:
    own = law(mean=1.5, scale=0.01)  # all but certain to be moved onto the bound
    assert pit(own, 1.0) == pytest.approx(0.5, abs=1e-6)


def test_interval_score_is_width_and_penalty() -> None:
    assert interval_score(0.0, 1.0, 0.5, 0.1) == 1.0
    assert interval_score(0.0, 1.0, -1.0, 0.1) == pytest.approx(21.0)
    assert interval_score(0.0, 1.0, 2.0, 0.1) == pytest.approx(21.0)


def test_coverage_and_skill() -> None:
    assert inside(np.array([0.5, 0.001]), 0.95) == 0.5
    assert inside(np.array([0.1, 0.9]), 0.8) == 1.0
    assert skill(np.array([1.0]), np.array([0.0])) is None
    assert skill(np.zeros(0), np.zeros(0)) is None
    assert skill(np.array([3.0]), np.array([2.0])) == -0.5


@pytest.mark.parametrize("y", [-0.2, 0.1, 0.45, 0.5, 0.62, 1.3])
def test_the_integral_is_twice_the_mean_pinball_loss(y: float) -> None:
    # Gneiting & Raftery 2007, section 4.2, on many equal steps of the quantile function.
    own, levels = law(), 1999
    p = (np.arange(levels) + 0.5) / levels
    q = own.quantile(p)
    pinball = 2 * float(np.mean(np.maximum(p * (y - q), (p - 1) * (y - q))))
    assert crps(own, y, levels) == pytest.approx(pinball, rel=2e-3)
