"""Monte Carlo under the model's own assumptions: ladders drawn from a dictionary, forecast by the same dictionary.

What a dictionary believes of a series is a normal law for each of its atoms. The engine forecasts with Student-t laws
of 8 degrees of freedom of the same middles and scales. One noise and no trend make one component; of a normal result
of the same scale it covers

    P(|Z| <= t8 quantile) = 2 Phi(t8^-1((1 + p) / 2)) - 1 = .520, .838, .979 at p = .5, .8, .95.

The share inside, of N independent ladders each covered with probability q, has standard deviation sqrt(q (1 - q) / N):
it lies within three of them with probability 99.7 %, and the seed is fixed.

With slopes every predicted change is blurred by SMOOTH of it besides, which only widens: no less than those shares is
expected, and no more than ROOM besides. Where a change is as wide as five scales, the blur doubles the variance, and
.520 becomes P(|Z| <= .706 sqrt 2) = .682: the most that ROOM may have to be is .162; the changes here are smaller.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import ndtr, stdtrit

from monitor.science.dictionary import Category, Dictionary, full
from monitor.science.discrepancy import Noise, correlation
from monitor.science.fit import group, shapes
from monitor.science.law import DOF, Law
from monitor.science.predict import Targets, mixtures
from monitor.science.view import View

Array = npt.NDArray[np.float64]

N = 1500
SHARES = (0.5, 0.8, 0.95)
ON_PAPER = {p: float(2 * ndtr(stdtrit(DOF["free"], (1 + p) / 2)) - 1) for p in SHARES}
ROOM = 0.1
"""How much wider the blurred changes may make a law, in coverage."""

ONE = np.array([-4.0, -3.1, -2.3, -1.5, -0.7, 0.0, 0.8])[:, None]
TWO = np.array([[n, d] for n in (-3.0, -1.5, 0.0) for d in (-2.0, -0.9, 0.0)] + [[1.2, 0.6]])
SCALES = {1: ONE, 2: TWO}
SHAPES = {
    1: (("power", (0.1,)), ("power", (0.75,)), ("logistic", (-0.3, 0.5)), ("take_off", (-0.33,))),
    2: (("plane", (1.0, 0.5)), ("plane", (0.0, 1.0)), ("joint_power", (0.35, 0.2, 0.6))),
}
SLOPES = ((0.03, 0.0), (0.1, 1.0))
NOISES = (Noise(0.01, 0.0, 1.0, 1.0), Noise(0.01, 4.0, 1.5, 1.0), Noise(0.04, 2.0, 3.0, 1.0))


def sparse(
    axes: int, slopes: tuple[tuple[float, float], ...] = SLOPES, noises: tuple[Noise, ...] = NOISES
) -> Dictionary:
    """A few atoms with uneven weights; every predicted change arrives, the evidence counts in full."""
    found = SHAPES[axes]
    return replace(
        full(Category("free", axes, dense=False)),
        shapes=found,
        shape_weights=tuple(np.arange(1.0, len(found) + 1) / sum(range(1, len(found) + 1))),
        slopes=slopes,
        slope_weights=(1 / len(slopes),) * len(slopes),
        noises=noises,
        noise_weights=(1 / len(noises),) * len(noises),
        arrivals=(1.0,),
        arrival_weights=(1.0,),
        temper=1.0,
    )


def blank(axes: int) -> View:
    u = SCALES[axes][:-1]
    none = np.zeros(len(u))
    c = u.sum(axis=1) - u.sum(axis=1).max()
    return View(Category("free", axes, dense=False), u, c, none, none, False, none + 1, 1.0, None, None, False)


def drawn(d: Dictionary, rng: np.random.Generator) -> tuple[Array, Array]:
    """N ladders (N, n) and what comes next (N,): an atom by its weight, then level, slope and discrepancy.

    Drawn from the covariance that monitor.science.fit's first lines have, whole, without its algebra. The level is
    anywhere within a few units: its prior is free.
    """
    u = SCALES[d.category.axes]
    here, ahead, sane = shapes(group([blank(d.category.axes)], d), u[-1:])
    assert sane.all()
    phi = np.concatenate([here, ahead], axis=1)
    roots = [
        np.linalg.cholesky(w.wander**2 * (np.eye(len(u)) + w.ratio**2 * correlation(u, u, w.length))) for w in d.noises
    ]
    h, k, t = (
        rng.choice(len(w), N, p=np.array(w) / sum(w)) for w in (d.noise_weights, d.shape_weights, d.slope_weights)
    )
    size, lean = np.array(d.slopes)[t].T
    slope = lean * size + np.where(lean > 0, 0.5 * size, size) * rng.standard_normal(N)
    z = rng.uniform(-1, 1, (N, 1)) + slope[:, None] * phi[k]
    z += np.einsum("nij,nj->ni", np.stack(roots)[h], rng.standard_normal((N, len(u))))
    return z[:, :-1], z[:, -1]


def pits(d: Dictionary, seed: int, believed: Dictionary | None = None) -> Array:
    """P(Y <= what came) of each ladder of `d`, under the law of `believed` (d itself) with every atom kept."""
    z, came = drawn(d, np.random.default_rng(seed))
    seen, u = blank(d.category.axes), SCALES[d.category.axes]
    at = Targets(u[-1:], np.array([u[-1].sum()]), np.zeros((N, 1)))
    mixed = mixtures(group([replace(seen, z=row) for row in z], believed or d), 1.0, at, 10**6)
    laws = [Law(seen, mixed.weight[i, 0], mixed.mean[i, 0], mixed.scale[i, 0]) for i in range(N)]
    return np.array([float(law.cdf(y)) for law, y in zip(laws, came, strict=True)])


def inside(found: Array, share: float) -> float:
    return float(np.mean(np.abs(found - 0.5) <= share / 2))


def error(q: float) -> float:
    return 3 * float(np.sqrt(q * (1 - q) / N))


@pytest.mark.parametrize("noise", NOISES, ids=["white", "near", "far"])
@pytest.mark.parametrize("axes", [1, 2])
def test_without_a_trend_coverage_is_that_of_a_t_law_of_normal_results(axes: int, noise: Noise) -> None:
    found = pits(sparse(axes, ((0.0, 0.0),), (noise,)), 20260101 + axes)
    for share, q in ON_PAPER.items():
        assert inside(found, share) == pytest.approx(q, abs=error(q)), share
    # Neither side is favoured: a half of them lies below the median.
    assert float(np.mean(found < 0.5)) == pytest.approx(0.5, abs=error(0.5))


@pytest.mark.parametrize("axes", [1, 2])
def test_with_trends_coverage_is_no_less_and_hardly_more(axes: int) -> None:
    found = pits(sparse(axes), 20260301 + axes)
    for share, q in ON_PAPER.items():
        assert q - error(q) <= inside(found, share) <= min(q + ROOM + error(q), 1.0), share
    assert float(np.mean(found < 0.5)) == pytest.approx(0.5, abs=error(0.5))


@pytest.mark.parametrize("axes", [1, 2])
def test_who_does_not_know_of_the_discrepancy_is_too_sure(axes: int) -> None:
    """That these checks can fail: the same ladders, forecast as if every rung were independent of the others."""
    far = Noise(0.01, 6.0, 3.0, 1.0)
    d, naive = (sparse(axes, noises=(noise,)) for noise in (far, replace(far, ratio=0.0)))
    assert inside(pits(d, 20260301 + axes), 0.8) >= ON_PAPER[0.8] - error(ON_PAPER[0.8])
    assert inside(pits(d, 20260301 + axes, naive), 0.8) < ON_PAPER[0.8] - error(ON_PAPER[0.8])
