"""Laws of a dense curve: asked for at a few anchors, interpolated in between."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from monitor.science.anchors import MOST, anchored
from monitor.science.levels import LEVELS
from monitor.science.persistence import Stay
from monitor.science.predict import Targets

AT = np.array(LEVELS)


def targets(n: int) -> Targets:
    u = np.linspace(0.1, 3.0, n)
    return Targets(u[:, None], 2 * u, np.zeros((1, n)))


def moving(at: Targets) -> Sequence[Stay]:
    assert np.allclose(at.c, 2 * at.u[:, 0])
    return [Stay(5 - u, 0.1 + 0.2 * u, 8.0, False, None, None) for u in at.u[:, 0]]


@pytest.mark.parametrize("n", [1, 3, MOST, MOST + 1, 300])
def test_quantiles_and_tails_of_every_target(n: int) -> None:
    asked = targets(n)
    got = anchored(asked, moving)
    assert len(got.laws) == min(n, MOST)
    u = asked.u[:, 0]
    exact = 5 - u[:, None] + (0.1 + 0.2 * u[:, None]) * stats.t.ppf(AT, 8)
    q = got.quantiles(AT)
    np.testing.assert_allclose(q, exact, rtol=1e-9)  # linear in u, so that nothing is lost in between
    for t in (-9.0, -1.0, 0.0, 2.0, 6.0):
        below, above = got.tails(5 - u + (0.1 + 0.2 * u) * t, q)
        np.testing.assert_allclose(below, stats.t.cdf(t, 8), rtol=0.05, atol=0.004)
        np.testing.assert_allclose(above, stats.t.sf(t, 8), rtol=0.05, atol=0.004)
        if abs(t) > 4:
            np.testing.assert_allclose(np.minimum(below, above), stats.t.sf(abs(t), 8), rtol=0.15)


def test_the_nearest_anchor() -> None:
    got = anchored(targets(300), moving)
    centre = np.linspace(0.1, 3.0, MOST)
    assert (np.abs(centre[got.nearest()] - targets(300).u[:, 0]) <= (centre[1] - centre[0]) / 2 + 1e-9).all()


def test_two_axes_are_never_interpolated() -> None:
    u = np.linspace(0.1, 3.0, 40)
    got = anchored(Targets(np.stack([u, u], axis=1), 2 * u, np.zeros((1, 40))), moving)
    assert len(got.laws) == 40
