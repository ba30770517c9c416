"""CRPS, log score and PIT of laws against `scipy.integrate`: what the quantiles say is what the integrals are."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import beta
from scipy.stats import t as student

from monitor.science import levels
from monitor.science.law import DOF, Law
from monitor.science.persistence import Stay
from monitor.science.scores import crps, interval_score, pit
from monitor.science.view import Ladder, view

BOUNDS = {"log": (0.0, None, True), "score": (0.0, 1.0, False), "free": (None, None, False)}
X = np.exp(np.array([0.0, 1.0, 2.0, 3.0]))
PARTS = ((0.5, 0.1, 0.08), (0.3, 0.25, 0.03), (0.2, 0.3, 0.15))
"""Weight, middle and width of three components: two peaks and a tail, of which a part lies below 0."""
each_link = pytest.mark.parametrize("link", BOUNDS)


def law(link: str, parts: tuple[tuple[float, float, float], ...] = PARTS) -> Law:
    lower, upper, falls = BOUNDS[link]
    y = np.array([0.5, 0.4, 0.3, 0.2])
    weight, mean, scale = np.array(parts).T
    return Law(view(Ladder(X[:, None], X, y, np.full(4, 1e-4), lower, upper, falls)), weight, mean, scale)


def integral(of, low: float, high: float, *cuts: float) -> float:  # type: ignore[no-untyped-def]
    """Of a function of one number over an interval, cut where it has a corner and on a grid."""
    inner = [c for c in np.unique([*cuts, *np.linspace(low, high, 9)]) if low <= c <= high]
    return sum(quad(of, a, b, epsabs=1e-11, epsrel=1e-10, limit=200)[0] for a, b in pairwise(inner))


def ends(own: Law) -> tuple[float, float]:
    """Beyond these lies a billionth, or nothing at all."""
    lower, upper = own.seen.lower, own.seen.upper
    low, high = own.quantile(np.array([1e-9, 1 - 1e-9]))
    return (float(low) if lower is None else lower), (float(high) if upper is None else upper)


@each_link
@pytest.mark.parametrize("at", [0.003, 0.2, 0.5, 0.7, 0.98])
def test_crps_is_the_integral_of_the_squared_distance_of_two_steps(link: str, at: float) -> None:
    """CRPS = integral (F(x) - 1[x >= y])^2 dx (Gneiting & Raftery 2007, eq. 20); point masses on a bound are in F."""
    own = law(link)
    y, (low, high) = float(own.quantile(at)), ends(own)
    expected = integral(lambda x: float(own.cdf(x)) ** 2, low, y) + integral(
        lambda x: (1 - float(own.cdf(x))) ** 2, y, high
    )
    # 199 equal steps leave out what lies beyond 99.75 %, and round the corners.
    assert crps(own, y) == pytest.approx(expected, rel=3e-3, abs=1e-4 * float(np.ptp(own.quantile([0.1, 0.9]))))
    # Eleven quantiles do not know of two peaks between them.
    published = own.quantile(np.array(levels.LEVELS))
    assert levels.crps(published, y) == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("y", [-0.2, 0.1, 0.4])
def test_crps_of_one_component_is_the_closed_form_of_students_law(y: float) -> None:
    """s [z (2 F - 1) + 2 f (v + z^2) / (v - 1) - 2 sqrt(v) B(1/2, v - 1/2) / ((v - 1) B(1/2, v/2)^2)].

    Jordan, Krüger & Lerch 2019, appendix A.
    """
    own, s, m, v = law("free", ((1.0, 0.1, 0.08),)), 0.08, 0.1, DOF["free"]
    s, m = s * own.seen.unit, m * own.seen.unit
    z = (y - m) / s
    square = 2 * np.sqrt(v) / (v - 1) * beta(0.5, v - 0.5) / beta(0.5, v / 2) ** 2
    exact = s * (z * (2 * student.cdf(z, v) - 1) + 2 * student.pdf(z, v) * (v + z**2) / (v - 1) - square)
    assert crps(own, y) == pytest.approx(exact, rel=3e-3)


@each_link
def test_the_density_integrates_to_the_distribution(link: str) -> None:
    """PIT = integral of the density up to y, in link space where it has no point mass; the log score is its log."""
    own = law(link)
    for at in (0.01, 0.3, 0.6, 0.99):
        z = float(own.seen.forward(np.array([float(own.quantile(at))]))[0])
        inner = float(own.seen.back(np.array([z]))[0])
        if inner in (own.seen.lower, own.seen.upper):
            continue
        below = integral(lambda x: np.exp(own.log_density(x)), -30.0, z, 0.0, 0.1, 0.25, 0.3)
        assert pit(own, inner) == pytest.approx(below, abs=1e-9)
        mixed = sum(w * student.pdf(z, own.dof, m, s) for w, m, s in PARTS)
        assert own.log_density(z) == pytest.approx(float(np.log(mixed)), abs=1e-12)


def test_the_pit_on_a_bound_is_the_middle_of_what_lies_there() -> None:
    own = law("score")
    mass = integral(lambda z: np.exp(own.log_density(z)), -60.0, 0.0, -1.0, -0.2)
    assert 0.03 < mass < 0.2
    assert float(own.cdf(0.0)) == pytest.approx(mass, abs=1e-9)
    assert pit(own, 0.0) == pytest.approx(mass / 2, abs=1e-9)


@each_link
def test_pits_of_a_law_are_even_under_itself(link: str) -> None:
    """The mean PIT is a half and its variance a twelfth, exactly where there is no point mass: integrals over F."""
    own = law(link, ((0.7, 0.5, 0.02), (0.3, 0.55, 0.04)))
    low, high = -6.0, 6.0
    cuts = (0.3, 0.45, 0.5, 0.55, 0.7)
    each = [
        integral(
            lambda z, k=k: float(own.cdf(own.seen.back(np.array([z]))[0])) ** k * np.exp(own.log_density(z)),
            low,
            high,
            *cuts,
        )
        for k in (1, 2)
    ]
    np.testing.assert_allclose(each, [1 / 2, 1 / 3], atol=1e-6)


@pytest.mark.parametrize("logged", [False, True])
def test_the_law_of_persistence_is_scored_as_its_integral(logged: bool) -> None:
    own = Stay(np.log(0.4) if logged else 0.4, 0.05, 5.0, logged, 0.0, None)
    for y in (0.3, 0.4, 0.47):
        high = float(own.quantile(1 - 1e-9))
        expected = integral(lambda x: float(own.cdf(x)) ** 2, 0.0, y) + integral(
            lambda x: float(own.sf(x)) ** 2, y, high, 0.5, 0.6
        )
        assert levels.crps(own.quantile(np.array(levels.LEVELS)), y) == pytest.approx(expected, rel=0.03)


def test_the_interval_score_is_the_pinball_loss_of_its_ends() -> None:
    """2 / alpha (loss at alpha/2 + loss at 1 - alpha/2): the CRPS is the integral of such scores over alpha."""
    own = law("free")
    y = float(own.quantile(0.96))

    def score(alpha: float) -> float:
        low, high = own.quantile(np.array([alpha / 2, 1 - alpha / 2]))
        return interval_score(float(low), float(high), y, alpha) * alpha / 2

    expected = quad(score, 0, 1, points=[0.08], epsabs=1e-7, limit=200)[0]
    assert crps(own, y) == pytest.approx(expected, rel=3e-3)
