"""NIST Statistical Reference Datasets that our forms contain: certified answers, met by the forms and by the engine.

Each model is level + slope x basis of a form, in the coordinate that makes it so. Models without a level have one
point more that they must go through, where the basis is at its end; to the engine it is a rung that averages WEIGHT
results. No form contains Chwirut, Kirby, Thurber, Hahn (quotients), Lanczos, Gauss, ENSO (more terms), Nelson or Rat43.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import least_squares

from monitor.science.dictionary import Category, Dictionary, full
from monitor.science.discrepancy import Noise
from monitor.science.fit import evidence, group, moments, posterior
from monitor.science.forms import BY_NAME
from monitor.science.forms.base import span
from monitor.science.view import View

Array = npt.NDArray[np.float64]
FILES = Path(__file__).parent / "nist"

WEIGHT = 1e7
"""Lighter, and the curve misses its point by a part in WEIGHT; heavier, and the sums over rungs lose digits to it."""


@dataclass(frozen=True)
class Case:
    """One model: as NIST writes it, and as a form has it."""

    model: Callable[[Array, Array], Array]
    """(x, b) -> y, of the file."""
    form: str
    coordinate: Callable[[Array, Array], Array]
    """(x, b) -> u."""
    shape: Callable[[Array, Array], tuple[float, ...]]
    """(b, u of the ladder) -> parameters of the form."""
    linear: Callable[[Array], tuple[float, float]]
    """b -> level and slope."""
    through: float | None
    """The u at which the model is 0 whatever its slope; None where its level is free."""
    far: float
    """The u at which the model is as `end` says."""
    end: Callable[[Array], float]


def saturating(exponent: Callable[[Array], float], coordinate: Callable[[Array, Array], Array], far: float) -> dict:  # type: ignore[type-arg]
    """Of y = b1 (1 - exp(-c u))."""
    return {
        "form": "power",
        "coordinate": coordinate,
        "shape": lambda b, _: (exponent(b),),
        "linear": lambda b: (0.0, b[0] * exponent(b)),
        "through": 0.0,
        "far": far,
        "end": lambda b: b[0],
    }


CASES = {
    "DanWood": Case(
        model=lambda x, b: b[0] * x ** b[1],
        form="power",
        coordinate=lambda x, _: np.log(x),
        shape=lambda b, _: (-b[1],),
        linear=lambda b: (b[0], b[0] * b[1]),
        through=-60.0,
        far=0.0,
        end=lambda b: b[0],
    ),
    "Misra1a": Case(
        model=lambda x, b: b[0] * (1 - np.exp(-b[1] * x)), **saturating(lambda b: b[1], lambda x, _: x, 1e6)
    ),
    "BoxBOD": Case(
        model=lambda x, b: b[0] * (1 - np.exp(-b[1] * x)), **saturating(lambda b: b[1], lambda x, _: x, 1e3)
    ),
    "Misra1b": Case(
        model=lambda x, b: b[0] * (1 - (1 + b[1] * x / 2) ** -2),
        **saturating(lambda _: 2.0, lambda x, b: np.log1p(b[1] * x / 2), 60.0),
    ),
    "Misra1c": Case(
        model=lambda x, b: b[0] * (1 - (1 + 2 * b[1] * x) ** -0.5),
        **saturating(lambda _: 0.5, lambda x, b: np.log1p(2 * b[1] * x), 90.0),
    ),
    "Misra1d": Case(
        model=lambda x, b: b[0] * b[1] * x / (1 + b[1] * x),
        **saturating(lambda _: 1.0, lambda x, b: np.log1p(b[1] * x), 60.0),
    ),
    "Bennett5": Case(
        model=lambda x, b: b[0] * (b[1] + x) ** (-1 / b[2]),
        form="power",
        coordinate=lambda x, b: np.log1p(x / b[1]),
        shape=lambda b, _: (1 / b[2],),
        linear=lambda b: (b[0] * b[1] ** (-1 / b[2]), -b[0] * b[1] ** (-1 / b[2]) / b[2]),
        through=60.0,
        far=0.0,
        end=lambda b: b[0] * b[1] ** (-1 / b[2]),
    ),
    "Rat42": Case(
        model=lambda x, b: b[0] / (1 + np.exp(b[1] - b[2] * x)),
        form="logistic",
        coordinate=lambda x, _: x,
        shape=lambda b, u: (b[1] / b[2] / span(u), 1 / b[2]),
        linear=lambda b: (0.0, b[0]),
        through=-1000.0,
        far=1000.0,
        end=lambda b: b[0],
    ),
    # Both axes are x: the sum of two powers, as Chinchilla has it, with a ratio below 0.
    "MGH17": Case(
        model=lambda x, b: b[0] + b[1] * np.exp(-b[3] * x) + b[2] * np.exp(-b[4] * x),
        form="joint_power",
        coordinate=lambda x, _: x,
        shape=lambda b, _: (b[3], b[4], b[2] / b[1]),
        linear=lambda b: (b[0], -b[1] - b[2]),
        through=None,
        far=1e5,
        end=lambda b: b[0],
    ),
}
each_case = pytest.mark.parametrize("name", CASES)


@dataclass(frozen=True)
class Certified:
    """A file."""

    start: Array
    b: Array
    sd: Array
    rss: float
    residual_sd: float
    freedom: int
    y: Array
    x: Array


def certified(name: str) -> Certified:
    lines = [line.split() for line in (FILES / f"{name}.dat").read_text().splitlines() if line[0] != "#"]
    at = next(i for i, line in enumerate(lines) if line[0] == "residual")
    start, b, sd = np.array([line[1:] for line in lines[:at]], dtype=float).T
    y, x = np.array(lines[at + 1 :], dtype=float).T
    return Certified(start, b, sd, float(lines[at][1]), float(lines[at][2]), int(lines[at][3]), y, x)


def columns(case: Case, u: Array) -> Array:
    return np.repeat(np.atleast_1d(u)[:, None], BY_NAME[case.form].axes, axis=1)


def curve(case: Case, x: Array, b: Array) -> Array:
    """As the form has it."""
    u = columns(case, case.coordinate(x, b))
    level, slope = case.linear(b)
    return np.asarray(level + slope * BY_NAME[case.form].basis(u, np.array([case.shape(b, u)]), u)[0])


@each_case
def test_the_form_is_the_model(name: str) -> None:
    case, known = CASES[name], certified(name)
    for b in (known.start, known.b):
        np.testing.assert_allclose(curve(case, known.x, b), case.model(known.x, b), rtol=1e-12)


@each_case
def test_least_squares_of_the_form_meets_the_certified_values(name: str) -> None:
    """From the second start of NIST: parameters to 8 digits, residuals to 9, standard deviations to 7.

    Bennett5 has a condition of 1e12 after scaling; double precision leaves its parameters 6 digits.
    """
    case, known = CASES[name], certified(name)
    # In units of the start, so that the steps of the numerical Jacobian fit every parameter.
    found = least_squares(
        lambda b: curve(case, known.x, b * known.start) - known.y,
        np.ones_like(known.start),
        jac="3-point",
        method="lm",
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
        max_nfev=20_000,
    )
    loose = name == "Bennett5"
    np.testing.assert_allclose(found.x * known.start, known.b, rtol=1e-6 if loose else 1e-8)
    rss = 2 * float(found.cost)
    assert rss == pytest.approx(known.rss, rel=2e-10)
    assert np.sqrt(rss / known.freedom) == pytest.approx(known.residual_sd, rel=2e-10)
    sd = np.sqrt(np.diag(np.linalg.inv(found.jac.T @ found.jac)) * rss / known.freedom) * np.abs(known.start)
    np.testing.assert_allclose(sd, known.sd, rtol=1e-4 if loose else 1e-7)


def engine(
    case: Case, u: Array, y: Array, shape: tuple[float, ...], wander: tuple[float, ...]
) -> tuple[View, Dictionary]:
    """One shape, no discrepancy, a slope that may be anything; the last rung is the point the model goes through."""
    anchored = case.through is not None
    u = np.append(u, case.through) if anchored else u
    at = columns(case, u)
    count = np.ones(u.size)
    count[u.size - anchored :] = WEIGHT
    z = np.append(y, 0.0) if anchored else y
    category = Category("free", at.shape[1], dense=False)
    # Equal costs: shapes then rise by 1 over the ladder.
    seen = View(category, at, np.zeros(u.size), z, np.zeros(u.size), False, count, 1.0, None, None, False)
    one = replace(
        full(category),
        shapes=((case.form, shape),),
        shape_weights=(1.0,),
        slopes=((1e7, 0.0),),
        slope_weights=(1.0,),
        noises=tuple(Noise(w, 0.0, 1.0, 1.0) for w in wander),
        noise_weights=(1 / len(wander),) * len(wander),
    )
    return seen, one


@each_case
def test_the_engine_finds_the_same_curve_and_residuals(name: str) -> None:
    """At the certified non-linear parameters, with next to no noise: its mean is the certified curve.

    Where the level is free the evidence says so too: under flat priors its logarithm is
    const - (n - p) log w - RSS / (2 w^2), so that two noises tell RSS.
    """
    case, known = CASES[name], certified(name)
    u = case.coordinate(known.x, known.b)
    w = np.array([1e-3, 2e-3]) * known.residual_sd
    whole = columns(case, np.append(u, case.through) if case.through is not None else u)
    seen, one = engine(case, u, known.y, case.shape(known.b, whole), tuple(w))
    targets = columns(case, np.append(u, case.far))
    p = posterior(group([seen], one), targets)
    assert p.good.all()
    atom = np.zeros((1, 1), dtype=np.intp)
    mean = moments(p, atom, atom, atom, 1.0).mean[0, 0]
    np.testing.assert_allclose(mean[:-1], case.model(known.x, known.b), rtol=1e-8)
    assert mean[-1] == pytest.approx(case.end(known.b), rel=1e-8)
    rss = float(((known.y - mean[:-1]) ** 2).sum())
    # A part in WEIGHT of what the point costs.
    assert rss == pytest.approx(known.rss, rel=2e-7)
    assert np.sqrt(rss / known.freedom) == pytest.approx(known.residual_sd, rel=1e-7)
    if case.through is None:
        told, n = evidence(p, 1.0)[0, :, 0, 0], known.y.size - 2
        rss = 2 * (told[0] - told[1] - n * np.log(w[1] / w[0])) / (1 / w[1] ** 2 - 1 / w[0] ** 2)
        assert rss == pytest.approx(known.rss, rel=1e-8)


@pytest.mark.parametrize(
    ("x", "y", "slope", "slope_sd", "residual_sd"),
    [
        (np.arange(60.0, 71), np.arange(130.0, 141), 2.07438016528926, 0.0165289256198347, 3.56753034006338),
        (np.array([4.0, 5, 6]), np.array([3.0, 4, 4]), 0.727272727272727, 0.0420827318078432, 0.369274472937998),
    ],
    ids=["NoInt1", "NoInt2"],
)
def test_a_line_through_the_origin(x: Array, y: Array, slope: float, slope_sd: float, residual_sd: float) -> None:
    """Linear least squares without intercept, certified to 15 digits: the plane, by the engine."""
    case = replace(CASES["MGH17"], form="plane", through=0.0)
    wander = 1e-3 * residual_sd
    seen, one = engine(case, x, y, (1.0, 0.0), (wander,))
    p = posterior(group([seen], one), np.array([[x[-1], x[-1]]]))
    atom = np.zeros((1, 1), dtype=np.intp)
    found = moments(p, atom, atom, atom, 1.0)
    assert float(found.mean[0, 0, 0]) / x[-1] == pytest.approx(slope, rel=1e-7)
    spread = np.sqrt(float(found.variance[0, 0, 0]) - wander**2) / x[-1]
    assert 1e3 * spread == pytest.approx(slope_sd, rel=1e-7)
