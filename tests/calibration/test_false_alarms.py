"""Seeded simulation: how often an honest ladder is called a break, and how often a planted break is seen.

Limits on paper: with N independent ladders and a true rate of at most q, the number of alarms exceeds
N q + 3 sqrt(N q (1 - q)) with probability below 0.5 %. Forecast as `monitor.forecasting` does it, with the shipped
prior: every link that may be right, its share, and the widening that the ladder's own past asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from monitor.prior import shipped
from monitor.science.backtest import backtest, blended, calibration
from monitor.science.blend import Blend
from monitor.science.predict import Targets, chosen, law_of, shares
from monitor.science.view import Ladder, views

N, TAIL = 250, 0.01
LIMIT = N * TAIL + 3 * np.sqrt(N * TAIL * (1 - TAIL))
X = np.exp(np.array([0.0, 0.8, 1.5, 2.2, 3.0, 3.6]))
STEP = 0.8

Curve = Callable[[np.ndarray | float], np.ndarray]


def forecast(own: Ladder, se2: float) -> Blend:
    seen = views(own)
    dictionaries = [shipped().of(v.category) for v in seen]
    kept = [chosen(v, d) for v, d in zip(seen, dictionaries, strict=True)]
    believed = shares(kept, dictionaries)
    history = blended([backtest(v, d) for v, d in zip(seen, dictionaries, strict=True)], believed)
    parts = []
    for v, d, own_atoms, share in zip(seen, dictionaries, kept, believed, strict=True):
        at = Targets(np.array([[STEP]]), np.array([STEP]), np.array([[v.noise_at(se2)]]))
        parts.append((float(share), law_of(v, d, own_atoms, at, calibration(history))[0]))
    return Blend(tuple(parts))


def laws(
    truth: Callable[[np.random.Generator], Curve], sd: float, lower: float | None, upper: float | None, falls: bool
) -> Iterator[tuple[Blend, float]]:
    rng = np.random.default_rng(20260101)
    for _ in range(N):
        curve = truth(rng)
        y = curve(X) + sd * rng.standard_normal(X.size)
        new = float(curve(X[-1] * np.exp(STEP)) + sd * rng.standard_normal())
        yield forecast(Ladder(X[:, None], X, y, np.full(X.size, sd**2), lower, upper, falls), sd**2), new


def logistic(rng: np.random.Generator) -> Curve:
    a, b = rng.uniform(-2, 0), rng.uniform(0.0, 0.5)
    return lambda x: 1 / (1 + np.exp(-(a + b * np.log(x))))


def power_law(rng: np.random.Generator) -> Curve:
    a, b, c = rng.uniform(1, 3), rng.uniform(0.5, 2), rng.uniform(0.1, 0.5)
    return lambda x: a + b * x**-c


def flat(rng: np.random.Generator) -> Curve:
    level = rng.uniform(0.2, 0.8)
    return lambda x: level + 0 * np.asarray(x)


@pytest.mark.parametrize(
    ("truth", "sd", "lower", "upper", "sign"),
    [(logistic, 0.015, 0.0, 1.0, 1), (power_law, 0.02, 0.0, None, -1), (flat, 0.02, 0.0, 1.0, 1)],
    ids=["logistic", "power law", "flat"],
)
def test_honest_ladders_rarely_alarm_and_breaks_are_seen(truth, sd, lower, upper, sign) -> None:  # type: ignore[no-untyped-def]
    alarms = planted = inside = 0
    for law, new in laws(truth, sd, lower, upper, sign < 0):
        tail = law.sf if sign > 0 else law.cdf
        low, high = law.quantile(np.array([0.1, 0.9]))
        alarms += float(tail(new)) < TAIL
        planted += float(tail(new + sign * 25 * sd)) < TAIL
        inside += bool(low <= new <= high)
    told = f"{alarms} alarms (at most {LIMIT:.1f}), {planted} breaks seen, {inside} inside 80 %, of {N}"
    assert alarms <= LIMIT, told
    assert planted >= 0.9 * N, told
    # 80 % nominal: conservative is allowed, overconfident by more than three standard errors is not.
    assert inside >= N * 0.8 - 3 * np.sqrt(N * 0.8 * 0.2), told
