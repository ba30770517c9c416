from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import small

from monitor.science.backtest import FIRST_ORIGIN, MOST_ORIGINS, PATIENCE, Record, backtest, calibration
from monitor.science.dictionary import full
from monitor.science.predict import Targets
from monitor.science.scores import crps
from monitor.science.suite import laws
from monitor.science.view import Ladder, View, view

X = np.exp(np.linspace(0, 5, 7))
SMOOTH = np.array([0.2, 0.25, 0.31, 0.36, 0.4, 0.44, 0.48])


def ladder(y: np.ndarray, x: np.ndarray = X, se2: float = 1e-4) -> View:
    return view(Ladder(x[:, None], x, y, np.full(y.size, se2), 0.0, 1.0))


def record(seen: View) -> Record:
    return backtest(seen, full(seen.category))


def test_the_record_does_not_move_with_the_future() -> None:
    other = SMOOTH.copy()
    other[-1] = 0.9
    a, b = record(ladder(SMOOTH)), record(ladder(other))
    assert a.pit.size == X.size - FIRST_ORIGIN
    for name in ("pit", "miss", "miss_persistence", "crps"):
        np.testing.assert_allclose(getattr(a, name)[:-1], getattr(b, name)[:-1], rtol=1e-12)
        assert getattr(a, name)[-1] != getattr(b, name)[-1]


def test_misses_are_in_units_of_the_metric() -> None:
    found = record(ladder(SMOOTH))
    np.testing.assert_allclose(found.miss_persistence, np.diff(SMOOTH)[FIRST_ORIGIN - 1 :])
    x = view(Ladder(X[:, None], X, 100 * SMOOTH, np.full(7, 1.0), 0.0, 100.0))
    np.testing.assert_allclose(record(x).miss, 100 * found.miss, rtol=1e-9)
    np.testing.assert_allclose(record(x).crps, 100 * found.crps, rtol=1e-6)
    np.testing.assert_allclose(record(x).pit, found.pit, rtol=1e-9)
    # The score of a law is about its miss where it is narrow, and less where it is honestly wide.
    assert (found.crps < found.miss + 0.1).all()


@pytest.mark.parametrize("losses", [True, False])
def test_the_score_of_a_record_is_that_of_its_laws(losses: bool) -> None:
    y = 1 + np.exp(-SMOOTH) if losses else SMOOTH
    seen = view(Ladder(X[:, None], X, y, np.full(7, 1e-4), 0.0, None if losses else 1.0, falls=losses))
    dictionary = full(seen.category)
    last = view(Ladder(X[:6, None], X[:6], y[:6], np.full(6, 1e-4), 0.0, None if losses else 1.0, falls=losses))
    ahead = np.log(X[6:] / X[5])
    (law,) = laws(last, dictionary, Targets(ahead[:, None], ahead, np.array([[last.noise_at(1e-4)]])))
    assert record(seen).crps[-1] == pytest.approx(crps(law, float(y[6])), rel=0.02)


def test_an_even_trend_is_forecast_better_than_by_persistence() -> None:
    found = record(ladder(0.2 + 0.05 * np.arange(7.0), se2=1e-6))
    assert found.miss.mean() < 0.7 * found.miss_persistence.mean()
    assert calibration(found) == pytest.approx(1.0, abs=0.25)


def test_a_break_shows_in_the_record() -> None:
    y = SMOOTH.copy()
    y[-1] = 0.95
    found = record(ladder(y, se2=1e-6))
    assert found.pit[-1] > 0.995
    assert calibration(found) > calibration(record(ladder(SMOOTH, se2=1e-6)))


def test_long_curves_have_a_few_origins() -> None:
    x = np.exp(np.linspace(0, 5, 40))
    found = record(ladder(0.2 + 0.1 * np.log(x), x))
    assert found.pit.size == MOST_ORIGINS


@pytest.mark.parametrize(("n", "origins"), [(3, 1), (4, 1), (5, 2)])
def test_short_ladders_have_a_short_record(n: int, origins: int) -> None:
    found = record(ladder(SMOOTH[:n], X[:n]))
    assert found.pit.size == origins
    assert np.isfinite(found.pit).all()


@pytest.mark.parametrize("link", ["log", "score", "free"])
def test_a_ladder_that_never_moved_has_a_finite_record(link: str) -> None:
    lower, upper, falls = {"log": (0.0, None, True), "score": (0.0, 1.0, False), "free": (None, None, False)}[link]
    seen = view(Ladder(X[:, None], X, np.full(7, 0.4), np.full(7, np.nan), lower, upper, falls))
    found = record(seen)
    # Slopes lean to the better side, so what stays is a little below the middle.
    np.testing.assert_allclose(found.pit, 0.5, atol=0.1)
    assert (found.miss_persistence == 0).all()
    assert (found.miss < 0.01).all()
    assert calibration(found) == 1.0


def test_a_free_ladder_that_begins_to_move_is_judged_in_its_own_unit() -> None:
    """Three equal rungs, then a step of a thousandth of the level: no result is a billion widths away."""
    y = np.array([100.0, 100.0, 100.0, 100.1, 100.2, 100.25, 100.3])
    seen = view(Ladder(X[:, None], X, y, np.full(7, np.nan)))
    assert 1e-6 < record(seen).pit[0] < 1 - 1e-6


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12))
def test_calibration_only_widens_and_has_a_limit(pits: list[float]) -> None:
    own = np.array(pits)
    found = calibration(Record(own, 0 * own, 0 * own))
    # 4.75: the normal score of the 1e-6 at which a PIT is cut.
    assert 1.0 <= found <= np.sqrt((PATIENCE + own.size * 4.7535**2) / (PATIENCE + own.size))
    worse = np.where(own < 0.5, own / 2, (1 + own) / 2)
    assert calibration(Record(worse, 0 * own, 0 * own)) >= found


def test_an_exact_record_leaves_a_law_as_it_is() -> None:
    even = (np.arange(99) + 0.5) / 99
    assert calibration(Record(even, 0 * even, 0 * even)) == pytest.approx(1.0, abs=0.02)


def test_replicates_do_not_make_origins() -> None:
    twice = view(
        replace(Ladder(X[:, None], X, SMOOTH, np.full(7, 1e-4), 0.0, 1.0).only(np.repeat(np.arange(7), 2)), counts=None)
    )
    assert record(twice).pit.size == X.size - FIRST_ORIGIN


def test_on_two_axes_whole_sizes_are_hidden() -> None:
    """A checkpoint is no forecast of its neighbour in the same run: one origin a size, from the third on."""
    grid = [(n, d) for n in (1e7, 4e7, 1.6e8, 6.4e8) for d in (1e9, 4e9, 1.6e10)]
    scale = np.array(grid)
    value = 1.7 + 400 * scale[:, 0] ** -0.34 + 410 * scale[:, 1] ** -0.28
    seen = view(Ladder(scale, scale.prod(axis=1), value, np.full(12, 1e-4), lower=0.0, falls=True))
    record = backtest(seen, small(seen.category))
    assert record.pit.size == 2
    # From the costliest rung of the smaller sizes to the costliest of the size that was hidden.
    np.testing.assert_allclose(record.miss_persistence, [value[5] - value[8], value[8] - value[11]])
    two_sizes = view(Ladder(scale[:6], scale[:6].prod(axis=1), value[:6], np.full(6, 1e-4), lower=0.0, falls=True))
    assert backtest(two_sizes, small(seen.category)).pit.size == 3
