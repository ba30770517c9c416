"""Drift of a suite: honest about dependence, blind to one large break, and able to see many small ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from monitor.science.drift import FARTHEST, PRIOR_RHO, PRIOR_RUNGS, drift, strongest


def suites(rng: np.random.Generator, count: int, tasks: int, rungs: int, rho: float) -> np.ndarray:
    """(count, rungs + 1, tasks) of normal surprises, correlated within a rung."""
    common = np.sqrt(rho) * rng.standard_normal((count, rungs + 1, 1))
    return common + np.sqrt(1 - rho) * rng.standard_normal((count, rungs + 1, tasks))


@pytest.mark.parametrize("rungs", [0, 5])
def test_at_the_correlation_believed_beforehand_it_fires_no_more_than_it_says(rungs: int) -> None:
    """3000 suites at 5 %: three standard errors are 1.2 %. The Student law is wider than the normal one it meets."""
    z = suites(np.random.default_rng(1), 3000, 40, rungs, PRIOR_RHO)
    fired = np.mean([drift(each[-1], each[:-1]).tail_above < 0.05 for each in z])
    assert 0.015 < fired < 0.05 + 0.012


def test_past_rungs_that_moved_together_teach_it_to_expect_that() -> None:
    z = suites(np.random.default_rng(2), 2000, 40, 8, 0.6)
    learnt = np.mean([drift(each[-1], each[:-1]).tail_above < 0.01 for each in z])
    alone = np.mean([drift(each[-1], each[:0]).tail_above < 0.01 for each in z])
    assert learnt < 0.03
    assert alone > 1.5 * learnt


def test_many_small_surprises_are_seen_and_one_large_one_is_not() -> None:
    rng = np.random.default_rng(3)
    z = suites(rng, 1, 60, 6, 0.02)[0]
    assert drift(z[-1] + 1.0, z[:-1]).tail_above < 0.01
    one = np.zeros(60)
    one[0] = strongest(np.array([1 - 1e-12]))[0]
    assert one[0] == FARTHEST
    assert drift(one, np.zeros((6, 60))).tail_above > 0.3


def test_without_history_it_is_the_closed_form() -> None:
    m, mean = 25, 0.7
    found = drift(np.full(m, mean), np.zeros((0, m)))
    s = np.sqrt((1 + (m - 1) * PRIOR_RHO) / m)
    assert found.tail_above == pytest.approx(student.sf(mean / s, PRIOR_RUNGS))
    assert found.tail_above + found.tail_below == pytest.approx(1)
    assert (found.tasks, found.rungs) == (m, 0)


def test_what_is_missing_is_left_out() -> None:
    now = np.array([0.5, np.nan, 0.7, 0.9])
    past = np.array([[0.1, 5.0, 0.2, 0.3], [np.nan, 5.0, np.nan, 1.0]])
    found = drift(now, past)
    assert found.tasks == 3
    assert found.mean == pytest.approx(0.7)
    assert found.rungs == 2
    assert found == drift(now[[0, 2, 3]], past[:, [0, 2, 3]])
    with pytest.raises(ValueError, match="at least one surprise"):
        drift(np.array([np.nan]), np.zeros((1, 1)))


def test_it_never_believes_in_more_than_independence() -> None:
    assert drift(np.full(10, 0.1), np.zeros((50, 10))).effective == pytest.approx(10)
