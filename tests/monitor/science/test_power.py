"""What a forecast could see, against the engine itself and against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import stdtrit

from monitor.science import power, suite
from monitor.science.dictionary import Category, full
from monitor.science.law import Law
from monitor.science.power import extra_rung, items_needed, smallest_break
from monitor.science.predict import Targets
from monitor.science.view import Ladder, View, view

SCORE = full(Category("score", 1, dense=False))


def seen(value: list[float], noise: float = 1e-4) -> View:
    cost = np.exp(np.arange(len(value), dtype=float))
    return view(Ladder(cost[:, None], cost, np.array(value), np.full(len(value), noise), 0.0, 1.0))


def at(ahead: float, variance: float = 1e-4) -> Targets:
    return Targets(np.array([[ahead]]), np.array([ahead]), np.array([[variance]]))


@pytest.mark.parametrize("wanted", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("better", [1.0, -1.0])
def test_a_break_of_the_smallest_size_is_flagged_as_often_as_it_says(wanted: float, better: float) -> None:
    law = Law(seen([0.4, 0.45, 0.5, 0.55]), np.ones(1), np.array([0.6]), np.array([0.02]))
    edge = float(law.quantile(0.99 if better > 0 else 0.01))
    size = smallest_break(law.median, edge, better, wanted, 0.015**2)
    came = law.median + better * size + 0.015 * np.random.default_rng(0).standard_normal(40_000)
    flagged = (law.sf(came) if better > 0 else law.cdf(came)) < 0.01
    assert float(flagged.mean()) == pytest.approx(wanted, abs=4 * np.sqrt(wanted * (1 - wanted) / 40_000))


def test_at_even_odds_it_is_the_distance_of_the_edge() -> None:
    law = Law(seen([0.4, 0.45, 0.5, 0.55]), np.ones(1), np.array([0.6]), np.array([0.02]))
    edge = float(law.quantile(0.99))
    assert smallest_break(law.median, edge, 1.0) == pytest.approx(0.02 * stdtrit(law.dof, 0.99))
    assert smallest_break(law.median, edge, 1.0, 0.5, 0.5) == pytest.approx(edge - law.median)
    assert smallest_break(1.0, 1.0, 1.0) == 0


def smallest(ladder: View, ahead: float, variances: power.Array) -> power.Array:
    m = variances.size
    targets = Targets(np.full((m, 1), ahead), np.full(m, ahead), variances[None])
    laws = suite.laws(ladder, SCORE, targets)
    return np.array([smallest_break(law.median, float(law.quantile(0.99)), 1.0) for law in laws])


def test_items_are_as_many_as_the_engine_needs_and_no_fewer() -> None:
    ladder = seen([0.3, 0.36, 0.42, 0.48, 0.54])
    least = smallest(ladder, 0.5, np.array([0.0]))[0]
    size = 1.3 * least
    n = items_needed(size, 0.25, lambda v: smallest(ladder, 0.5, v))
    assert n is not None
    assert smallest(ladder, 0.5, np.array([0.25 / n]))[0] <= size
    assert smallest(ladder, 0.5, np.array([0.25 / (0.95 * n)]))[0] > size


def test_no_number_of_items_makes_a_wide_forecast_narrow() -> None:
    ladder = seen([0.3, 0.36, 0.42, 0.48, 0.54])
    least = smallest(ladder, 0.5, np.array([0.0]))[0]
    assert items_needed(0.9 * least, 0.25, lambda v: smallest(ladder, 0.5, v)) is None
    assert items_needed(1.0, 0.25, lambda v: smallest(ladder, 0.5, v)) == 1


def test_an_extra_rung_narrows_and_a_nearer_one_narrows_more() -> None:
    ladder, target = seen([0.3, 0.36, 0.39, 0.46, 0.5]), at(2.0)
    most = extra_rung(ladder, SCORE, target)
    assert 0 < most.way < 1
    assert most.then < most.now
    law = suite.laws(ladder, SCORE, target)[0]
    assert most.now == pytest.approx(float(law.quantile(0.99)) - law.median)
    easy, hard = (extra_rung(ladder, SCORE, target, share * most.now) for share in (0.9, 0.5))
    assert easy.way < hard.way
    assert easy.then <= 0.9 * most.now
    assert hard.then <= 0.5 * most.now


def test_what_no_rung_can_do_gets_the_rung_that_does_most() -> None:
    ladder, target = seen([0.3, 0.36, 0.39, 0.46, 0.5]), at(2.0)
    assert extra_rung(ladder, SCORE, target, 1e-6) == extra_rung(ladder, SCORE, target)


def test_the_promise_of_an_extra_rung_is_kept_by_a_ladder_that_has_it() -> None:
    """The rung comes in at the median of its law; the forecast from the longer ladder is as narrow as promised."""
    ladder, target = seen([0.3, 0.36, 0.39, 0.46, 0.5]), at(2.0)
    promised = extra_rung(ladder, SCORE, target)
    rung = suite.laws(ladder, SCORE, at(2.0 * promised.way))[0].median
    cost = np.exp(np.array([0.0, 1, 2, 3, 4, 4 + 2.0 * promised.way]))
    value = np.array([0.3, 0.36, 0.39, 0.46, 0.5, rung])
    longer = view(Ladder(cost[:, None], cost, value, np.full(6, 1e-4), 0.0, 1.0))
    law = suite.laws(longer, SCORE, at(2.0 * (1 - promised.way)))[0]
    assert float(law.quantile(0.99)) - law.median == pytest.approx(promised.then, rel=0.35)
    assert abs(float(law.quantile(0.99)) - law.median - promised.then) < 0.2 * promised.now


def test_losses_break_downwards() -> None:
    cost = np.exp(np.arange(5.0))
    loss = view(Ladder(cost[:, None], cost, 1 + 2 * cost**-0.3, np.full(5, 1e-4), 0.0, None, falls=True))
    found = extra_rung(loss, full(loss.category), at(1.5, 1e-5))
    assert 0 < found.then < found.now
