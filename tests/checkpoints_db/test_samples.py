"""Continuous metrics of per-sample logs against direct sums and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoints_db import samples

DOCUMENTS = st.lists(st.lists(st.floats(-80, 0), min_size=2, max_size=6), min_size=1, max_size=8)


def flat(documents: list[list[float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    starts = np.cumsum([0, *[len(d) for d in documents[:-1]]])
    right = np.array([i == len(d) - 1 for d in documents for i in range(len(d))])
    return np.array([x for d in documents for x in d]), starts, right


@given(DOCUMENTS)
@settings(max_examples=60, deadline=None)
def test_every_document_equals_the_formula_written_out(documents: list[list[float]]):
    ll, starts, right = flat(documents)
    for d, lls in enumerate(documents):
        p = np.exp(lls) / np.sum(np.exp(lls))
        gold = np.eye(len(lls))[-1]
        assert samples.prob_choice(ll, starts, right)[d] == pytest.approx(p[-1], rel=1e-9, abs=1e-300)
        assert samples.brier(ll, starts, right)[d] == pytest.approx(np.sum((p - gold) ** 2), abs=1e-12)
        assert samples.log_likelihood(ll, starts, right)[d] == lls[-1]
        assert samples.best(ll, starts)[d] == starts[d] + int(np.argmax(lls))
    assert samples.chance(starts, right) == pytest.approx(np.mean([1 / len(d) for d in documents]))


@given(DOCUMENTS)
@settings(max_examples=60, deadline=None)
def test_ranges(documents: list[list[float]]):
    ll, starts, right = flat(documents)
    assert np.all((samples.brier(ll, starts, right) >= 0) & (samples.brier(ll, starts, right) <= 2 + 1e-12))
    assert np.all((samples.prob_choice(ll, starts, right) >= 0) & (samples.prob_choice(ll, starts, right) <= 1))
    assert np.add.reduceat(samples.shares(ll, starts), starts) == pytest.approx(np.ones(len(documents)))


def test_likelihoods_far_below_the_smallest_float():
    ll, starts, right = flat([[-5000.0, -5000.0]])
    assert samples.prob_choice(ll, starts, right).tolist() == [0.5]
    assert samples.log_likelihood(ll, starts, np.array([True, True]))[0] == pytest.approx(-5000 + np.log(2))


def test_the_delta_method_agrees_with_simulation():
    """sd of the ratio over 4000 draws of 200 documents; its own error is 1/sqrt(2 * 4000) = 1.1 %, 5 % is 4 sigma."""
    rng = np.random.default_rng(7)
    sizes = rng.integers(1, 20, size=(4000, 200)).astype(float)
    totals = -0.8 * sizes + rng.normal(0, np.sqrt(sizes))
    ratios = totals.sum(1) / sizes.sum(1)
    drawn = zip(totals[:300], sizes[:300], strict=True)
    claimed = np.array([samples.ratio(t, b).stderr for t, b in drawn], dtype=float)
    assert claimed.mean() == pytest.approx(ratios.std(), rel=0.05)


def test_nothing_has_no_mean():
    with pytest.raises(ValueError, match="at least one document"):
        samples.mean([])
    with pytest.raises(ValueError, match="positive total size"):
        samples.ratio([-1.0], [0])
