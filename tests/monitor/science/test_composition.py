from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from monitor.science.composition import bounds, excess, per_step, wilson
from monitor.science.transforms import binomial_variance


def test_the_bounds_are_those_of_the_worst_dependence() -> None:
    """Two parts on ten items: laid apart as far as they go, and one within the other."""
    a, b = np.arange(10) < 7, np.arange(10) >= 4
    told = bounds(np.array([a.mean(), b.mean()]), np.ones(2))
    assert float(told.lower) == pytest.approx(float((a & b).mean()))
    assert float(told.upper) == pytest.approx(float((a & (np.arange(10) < 6)).mean()))
    assert float(told.independent) == pytest.approx(0.42)


def test_the_bounds_hold_for_many_ladders_at_once() -> None:
    share = np.array([[0.9, 0.5], [0.2, 0.3]])
    told = bounds(share, np.array([2.0, 1.0]))
    assert told.independent == pytest.approx([0.405, 0.012])
    assert told.lower == pytest.approx([0.3, 0.0])
    assert told.upper == pytest.approx([0.5, 0.2])


@pytest.mark.parametrize(("p", "steps", "whole"), [(0.9, 5, 0.59049), (0.5, 5, 0.03125), (0.99, 20, 0.8179069)])
def test_steps_in_series(p: float, steps: int, whole: float) -> None:
    assert float(bounds(np.array([p]), np.array([float(steps)])).independent) == pytest.approx(whole)
    assert float(per_step(np.array([whole]), steps)[0]) == pytest.approx(p)


@pytest.mark.parametrize("n", [20, 200, 2000])
@pytest.mark.parametrize("p", [0.02, 0.5, 0.9])
def test_a_composite_as_good_as_its_parts_is_seldom_called_better(n: int, p: float) -> None:
    """Under the null at its edge no more than 1.8 % at a nominal 1 %: small counts are coarse."""
    rng = np.random.default_rng(n)
    draws = 1500
    whole, parts = rng.binomial(n, p, draws) / n, rng.binomial(n, p, (draws, 2)) / n
    many = np.full((draws, 2), float(n))
    v, own = binomial_variance(parts, many), binomial_variance(whole, many[:, 0])
    every = [excess(w, s, np.ones(2), a, b) for w, s, a, b in zip(whole, parts, v, own, strict=True)]
    limit = float(binom.ppf(0.999, draws, 0.018)) / draws
    assert np.mean([each.over_upper < 0.01 for each in every]) <= limit
    alone = rng.binomial(n, p * p, draws) / n
    own = binomial_variance(alone, many[:, 0])
    every = [excess(w, s, np.ones(2), a, b) for w, s, a, b in zip(alone, parts, v, own, strict=True)]
    assert np.mean([each.over_independent < 0.01 for each in every]) <= limit


def test_a_composite_of_the_detectable_size_is_seen_every_second_time() -> None:
    n, p, draws = 400, 0.6, 2000
    rng = np.random.default_rng(5)
    v = float(binomial_variance(np.array(p), np.array(float(n))))
    least = excess(p, np.array([p, 0.99]), np.ones(2), np.array([v, 1e-5]), v).detectable
    parts = np.stack([rng.binomial(n, p, draws), rng.binomial(n, 0.99, draws)], axis=1) / n
    whole = rng.binomial(n, p + least, draws) / n
    hits = [
        excess(w, s, np.ones(2), binomial_variance(s, np.full(2, float(n))), v).over_upper < 0.01
        for w, s in zip(whole, parts, strict=True)
    ]
    assert 0.44 < np.mean(hits) < 0.56


def test_allowing_dependence_moves_the_line() -> None:
    given = (0.6, np.array([0.7, 0.7]), np.ones(2), np.full(2, 1e-4), 1e-4)
    assert excess(*given, allowed=0.05).over_independent < 0.01
    assert excess(*given, allowed=0.11).over_independent == pytest.approx(0.5, abs=1e-6)


def test_a_part_that_never_succeeds() -> None:
    told = excess(0.0, np.array([0.0, 0.9]), np.array([3.0, 1.0]), np.full(2, 1e-4), 1e-4)
    assert (float(told.bounds.independent), float(told.bounds.upper)) == (0.0, 0.0)
    assert told.over_upper == 1.0
    assert np.isfinite(list(told[1:])).all()


@pytest.mark.parametrize(("right", "n"), [(0, 204), (3, 40), (40, 40)])
def test_wilson_is_that_of_the_count_behind_the_variance(right: int, n: int) -> None:
    share = np.array([right / n])
    low, high = wilson(share, binomial_variance(share, np.array([float(n)])), 0.95)
    z = 1.959963984540054
    middle, half = (right + z * z / 2) / (n + z * z), z * np.sqrt(right * (n - right) / n + z * z / 4) / (n + z * z)
    assert low[0] == pytest.approx(middle - half, abs=1e-9)
    assert high[0] == pytest.approx(middle + half, abs=1e-9)
