from __future__ import annotations

from dataclasses import replace

import numpy as np

from monitor.science.dictionary import Category, Dictionary, full
from monitor.science.discrepancy import Noise
from monitor.science.suite import FEWEST, MOST_TAUGHT, Question, ask, laws, taught
from monitor.science.view import Ladder, view

X = np.exp(np.array([0.0, 1.0, 2.0, 3.0, 4.0]))
Y = np.array([0.2, 0.3, 0.35, 0.5, 0.52])


def question(n: int = 5, noise: float = np.nan, se2: float = 1e-4) -> Question:
    own = Ladder(X[:n, None], X[:n], Y[:n], np.full(n, se2), 0.0, 1.0)
    far = np.array([2.0, 10.0]) * X[n - 1]
    return Question(own, far[:, None], far, np.array([np.nan, noise]))


def small(category: Category) -> Dictionary:
    return replace(
        full(category),
        shapes=(("power", (1e-6,)), ("power", (0.75,))),
        shape_weights=(0.5, 0.5),
        slopes=((0.0, 0.0), (0.05, 1.0)),
        slope_weights=(0.5, 0.5),
        noises=(Noise(0.01, 0.0, 1.0, 1.0),),
        noise_weights=(1.0,),
        arrivals=(0.0, 1.0),
        arrival_weights=(0.5, 0.5),
    )


def test_one_rung_is_not_asked_and_two_are() -> None:
    assert ask(question(FEWEST - 1)) is None
    assert ask(question(FEWEST)) is not None


def test_replicates_are_one_rung() -> None:
    q = question(2)
    assert ask(replace(q, ladder=q.ladder.only(np.array([1, 1, 1])))) is None


def test_targets_are_measured_from_the_largest_rung() -> None:
    asked = ask(question(noise=4e-4))
    assert asked is not None
    seen, at = asked
    assert seen.z.size == 5
    np.testing.assert_allclose(at.u[:, 0], np.log([2.0, 10.0]))
    np.testing.assert_allclose(at.c, np.log([2.0, 10.0]))
    # The noise of the first is not known and taken to be that of the last rung.
    np.testing.assert_allclose(at.variance, [[1e-4, 4e-4]])


def test_unknown_noise_is_none() -> None:
    asked = ask(question(se2=np.nan))
    assert asked is not None
    assert (asked[1].variance == 0).all()


def test_a_law_a_target() -> None:
    asked = ask(question())
    assert asked is not None
    seen, at = asked
    near, far = laws(seen, full(seen.category), at)
    assert Y[-1] - 0.05 < near.median <= far.median
    assert np.ptp(far.quantile([0.1, 0.9])) > np.ptp(near.quantile([0.1, 0.9]))


def test_every_category_learns_for_itself() -> None:
    score = [view(question().ladder) for _ in range(3)]
    free = [view(replace(question().ladder, lower=None, upper=None)) for _ in range(2)]
    prior = {v.category: small(v.category) for v in (score[0], free[0])}
    told: list[tuple[int, int]] = []
    found = taught([*score, *free], prior, 1.0, lambda i, of: told.append((i, of)))
    assert set(found) == {score[0].category, free[0].category}
    assert sorted(told) == [(i, 5) for i in range(1, 6)]
    for category, d in found.items():
        assert d.category == category
        assert d.temper == prior[category].temper
        assert d.shape_weights != prior[category].shape_weights


def test_the_temper_that_forecasts_best_stays() -> None:
    """Of ladders that one shape fits exactly the evidence is to be believed; of the others of the prior, less so."""
    rng = np.random.default_rng(3)
    x = np.exp(np.arange(9.0))
    straight = [
        view(Ladder(x[:, None], x, 0.2 + a * np.arange(9.0) + 0.003 * rng.standard_normal(9), np.full(9, np.nan), 0, 1))
        for a in rng.uniform(0.02, 0.08, 12)
    ]
    category = straight[0].category
    cautious = {category: replace(full(category), temper=0.05)}
    found = taught(straight, cautious, 3.0, None, (1.0, 20.0))[category]
    assert found.temper == 1.0
    assert taught(straight, cautious, 3.0)[category].temper == 0.05


def test_more_ladders_than_teach_say_the_same_again() -> None:
    v = view(question().ladder)
    told: list[int] = []
    taught([v] * (MOST_TAUGHT + 5), {v.category: small(v.category)}, 1.0, lambda i, of: told.append(of))
    assert told == [MOST_TAUGHT] * MOST_TAUGHT


def test_nothing_teaches_nothing() -> None:
    assert taught([], {}, 1.0) == {}
