"""Continuous metrics of per-sample logs against direct sums and simulation."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

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


@given(DOCUMENTS)
@settings(max_examples=60, deadline=None)
def test_log_probability_and_margin_equal_the_formula_written_out(documents: list[list[float]]):
    ll, starts, right = flat(documents)
    sizes = 1 + np.arange(ll.size) % 5
    for d, lls in enumerate(documents):
        each = np.array(lls) / sizes[starts[d] : starts[d] + len(lls)]
        assert samples.margin(ll, starts, right, sizes)[d] == pytest.approx(each[-1] - each[:-1].max(), abs=1e-12)
        share = np.exp(lls[-1]) / np.sum(np.exp(lls))
        assert samples.log_prob_choice(ll, starts, right)[d] == pytest.approx(math.log(share), abs=1e-9)
    assert np.all(samples.log_prob_choice(ll, starts, right) <= 0)


def test_a_margin_needs_two_sides_and_text():
    ll, starts, right = flat([[-1.0, -2.0]])
    with pytest.raises(ValueError, match="a right and a wrong choice"):
        samples.margin(ll, starts, np.array([True, True]), [1, 1])
    with pytest.raises(ValueError, match="at least one character"):
        samples.margin(ll, starts, right, [1, 0])


def test_clusters_of_one_change_nothing_and_copies_are_no_evidence():
    x = [0.1, 0.5, 0.9, 0.2]
    assert samples.mean(x, clusters=list("abcd")) == pytest.approx(samples.mean(x))
    twice = samples.mean(np.repeat(x, 2), clusters=np.repeat(range(4), 2))
    assert twice == pytest.approx(samples.mean(x)), "each answer given twice"
    assert samples.mean(np.repeat(x, 2)).stderr < samples.mean(x).stderr, "what not knowing would claim"  # type: ignore[operator]
    sizes = [1, 2, 3, 4]
    assert samples.ratio(np.repeat(x, 2), np.repeat(sizes, 2), np.repeat(range(4), 2)) == pytest.approx(
        samples.ratio(x, sizes)
    )
    with pytest.raises(ValueError, match="2 cluster labels for 4"):
        samples.mean(x, clusters=[1, 2])


def test_the_clustered_error_agrees_with_simulation():
    """sd of the mean over 4000 draws of 60 documents x 5 answers; 5 % is 4 sigma of the sd itself."""
    rng = np.random.default_rng(11)
    p = rng.beta(0.5, 0.5, size=(4000, 60, 1))
    x = (rng.random((4000, 60, 5)) < p).astype(float)
    labels = np.repeat(range(60), 5)
    claimed = np.array([samples.mean(draw.ravel(), labels).stderr for draw in x[:300]], dtype=float)
    assert claimed.mean() == pytest.approx(x.mean(axis=(1, 2)).std(), rel=0.05)


def test_calibration_error_of_the_calibrated_and_of_the_boaster():
    sure = np.repeat([0.25, 0.75], 4)
    assert samples.calibration_error(sure, [1, 0, 0, 0, 1, 1, 1, 0]).value == 0
    boast = samples.calibration_error(np.ones(4), [1, 0, 0, 0])
    assert boast.value == 0.75
    assert boast.stderr == pytest.approx(0.25)
    assert samples.calibration_error([0.0, 1.0], [0, 1]).value == 0, "both ends have a bin"
    one_bin = samples.calibration_error([0.2, 0.8], [1, 0], bins=1)
    assert one_bin.value == 0, "errors of two sides cancel inside one bin"
    assert samples.calibration_error([0.2, 0.8], [1, 0], bins=2).value == pytest.approx(0.8)
    with pytest.raises(ValueError, match=r"0\.\.1"):
        samples.calibration_error([1.5], [1])


@given(st.integers(1, 9), st.data())
@settings(max_examples=60, deadline=None)
def test_pass_at_k_is_the_share_of_subsets_that_hold_a_right_answer(n: int, data: st.DataObject):
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    subsets = list(combinations([i < c for i in range(n)], k))
    share = sum(any(subset) for subset in subsets) / len(subsets)
    assert samples.pass_at_k([c], [n], k).value == pytest.approx(share, abs=1e-12)


def test_pass_at_k_of_many_answers_does_not_overflow():
    found = samples.pass_at_k([1], [10_000], 5_000).value
    assert found == pytest.approx(0.5, abs=1e-9)
    assert samples.pass_at_k([0, 5], [5, 5], 5).value == 0.5
    for c, n, k in (([1], [4], 5), ([1], [4], 0), ([5], [4], 1), ([0.5], [4], 1), ([], [], 1)):
        with pytest.raises(ValueError, match=r"pass@|counts"):
            samples.pass_at_k(c, n, k)


def test_nothing_right_is_censored_and_never_zero():
    rate = samples.success_rate([0] * 10, [30] * 10)
    assert rate.value is None
    assert rate.stderr is None
    assert rate.censored
    assert (1 - rate.upper) ** 300 == pytest.approx(0.05), "at the bound, no success in 300 has probability 5 %"
    assert rate.upper == pytest.approx(3 / 300, rel=0.01)
    whole = samples.success_rate([30], [30])
    assert (whole.value, whole.upper) == (1.0, 1.0)
    assert whole.lower**30 == pytest.approx(0.05)


@pytest.mark.parametrize(("right", "asked"), [(1, 20), (7, 50), (49, 50)])
def test_the_interval_of_a_rate_is_scipys(right: int, asked: int):
    theirs = stats.binomtest(right, asked).proportion_ci(0.95, "exact")
    ours = samples.success_rate([right], [asked])
    assert (ours.lower, ours.upper) == pytest.approx((theirs.low, theirs.high), rel=1e-9)


def test_pass_until_inverts_the_negative_binomial():
    """At either end of the interval the observed number of draws, or one further out, has probability 2.5 %."""
    rate = samples.pass_until(3, 40)
    assert stats.nbinom.cdf(40 - 3, 3, rate.lower) == pytest.approx(0.025)
    assert stats.nbinom.sf(40 - 3 - 1, 3, rate.upper) == pytest.approx(0.025)
    assert samples.pass_until(2, 2).upper == 1.0
    assert samples.pass_until(1, 8).value == 1 / 8
    assert samples.pass_until(1, 8).stderr is None
    with pytest.raises(ValueError, match="counts"):
        samples.pass_until(3, 2)


def test_pass_until_is_unbiased_where_the_likeliest_value_is_not():
    """Exact sums over all numbers of draws, p = 0.1 and r = 3; the rest of the tail is below 1e-12."""
    n = np.arange(3, 600)
    weight = stats.nbinom.pmf(n - 3, 3, 0.1)
    ours = np.array([samples.pass_until(3, int(i)).value for i in n], dtype=float)
    assert float(weight @ ours) == pytest.approx(0.1, abs=1e-9)
    assert float(weight @ (3 / n)) > 0.12
    variance = np.array([samples.pass_until(3, int(i)).stderr or 0.0 for i in n]) ** 2
    assert float(weight @ variance) == pytest.approx(float(weight @ (ours - 0.1) ** 2), rel=1e-6)


def test_exact_match_of_a_token_undoes_its_power():
    whole = samples.per_token(samples.Estimate(0.9**7, 0.01, 50), 7)
    assert whole.value == pytest.approx(0.9)
    assert whole.stderr == pytest.approx(((0.9**7 + 1e-6) ** (1 / 7) - 0.9) / 1e-6 * 0.01, rel=1e-5)
    assert samples.per_token(samples.Estimate(0.0, 0.1, 5), 1) == (0.0, 0.1, 5), "one token is the answer itself"
    for share, length in ((1.1, 2), (0.5, 0.5), (0.5, math.nan)):
        with pytest.raises(ValueError, match="the share is"):
            samples.per_token(samples.Estimate(share, None, 5), length)


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
@settings(max_examples=60, deadline=None)
def test_edit_distance_equals_the_recursion(one: str, other: str):
    def written_out(a: str, b: str) -> int:
        if not a or not b:
            return len(a) + len(b)
        change = written_out(a[1:], b[1:]) + (a[0] != b[0])
        return min(change, written_out(a[1:], b) + 1, written_out(a, b[1:]) + 1)

    assert samples.edit_distance(one, [other], "characters") == written_out(one, other)
    assert samples.edit_distance(" ".join(one), [" ".join(other)], "whitespace") == written_out(one, other)


def test_a_way_of_cutting_without_a_name_is_refused():
    with pytest.raises(ValueError, match="known are characters, whitespace"):
        samples.tokens("a", "bpe")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs a target"):
        samples.edit_distance("a", [], "characters")


def test_the_plain_error_is_the_same_to_the_last_bit():
    """A result is known by its numbers: another rounding of them would be a conflict with what is stored."""
    rng = np.random.default_rng(5)
    for size in range(2, 200):
        x = rng.normal(size=size)
        assert samples.mean(x) == (float(x.mean()), float(x.std(ddof=1) / np.sqrt(size)), size)
