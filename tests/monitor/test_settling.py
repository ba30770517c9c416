"""What would let a forecast see, asked of the engine."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ladders import EXACT, LIKELIHOOD, series

from checkpoints_db.records import Forecast
from monitor.forecasting import forecast, law_at
from monitor.prior import shipped
from monitor.science.blend import Blend
from monitor.settling import Settles, settles
from monitor.verdicts import detectable

X = (1e18, 1e19, 1e20, 1e21, 1e22)
TO = 1e23


def ask(made: Forecast, size: float) -> Settles:
    def law(variance: float | None) -> Blend:
        return law_at(made, TO, variance)

    ahead = math.log(TO / made.x_last)
    return settles(made, law, np.array([ahead]), ahead, size, shipped())


def seen(made: Forecast, variance: float | None = None) -> float:
    low, median, up = (float(q) for q in law_at(made, TO, variance).quantile(np.array([0.01, 0.5, 0.99])))
    return detectable(made.metric, low, median, up)


def test_items_are_enough_and_a_wider_forecast_has_no_number() -> None:
    noisy = forecast(series(EXACT, X, (0.3, 0.37, 0.44, 0.51, 0.58), n=60))
    now, best = seen(noisy), seen(noisy, 0.0)
    assert best < now
    told = ask(noisy, 0.5 * (now + best))
    assert told.seen == pytest.approx(now)
    assert told.items is not None
    share = law_at(noisy, TO, None).median
    assert seen(noisy, share * (1 - share) / told.items) <= told.size
    assert f"{told.items:,} items on every rung, or a rung at" in str(told)
    none = ask(noisy, 0.9 * best)
    assert none.items is None
    assert "no number of items would do" in str(none)


def test_a_rung_between_helps_and_lies_between() -> None:
    made = forecast(series(EXACT, X, (0.3, 0.37, 0.44, 0.51, 0.58), n=2000))
    easy, hard = ask(made, 0.95 * seen(made)), ask(made, 0.01)
    assert 1 < easy.rung < hard.rung < TO / X[-1]
    assert easy.then <= easy.size
    assert hard.then > hard.size
    assert "would do (" in str(easy)
    assert "would do most (" in str(hard)


def test_of_a_likelihood_nobody_knows_the_items() -> None:
    made = forecast(series(LIKELIHOOD, X, (-3.0, -2.6, -2.3, -2.05, -1.9), stderr=[0.01] * 5))
    told = ask(made, 0.5 * seen(made))
    assert not told.counted
    assert "items" not in str(told)
    assert told.then < told.seen
