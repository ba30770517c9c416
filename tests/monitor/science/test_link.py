from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import betabinom, binom

from monitor.science.link import (
    Ladder,
    ShareLaw,
    around,
    banded,
    choice,
    expected_product,
    fitted,
    item_product,
    mean_product,
    pass_at_k,
    pass_law,
)

# Mean probability of the answer and exact match by greedy decoding of small transformers (200 and 500 items).
PAIRS = [
    (0.0029, 0.005, 200),
    (0.4137, 0.55, 200),
    (0.9783, 0.995, 200),
    (0.0834, 0.10, 500),
    (0.7504, 0.832, 500),
    (0.3956, 0.602, 500),
    (0.653, 0.796, 500),
    (0.5535, 0.698, 500),
    (0.7888, 0.922, 500),
    (0.7516, 0.848, 500),
    (0.121, 0.098, 500),
    (0.0625, 0.08, 500),
    (0.0666, 0.066, 500),
    (0.0587, 0.056, 500),
]

TINY = Path(__file__).resolve().parents[3] / "examples" / "tiny-ladder"


def tiny() -> list[tuple[str, np.ndarray, float]]:
    """(run and task, log-likelihood of every answer, logged exact match) of every rung that has both."""
    found = []
    for path in sorted(TINY.glob("*/*/samples_*_ll_*.jsonl")):
        task = path.name.split("_")[1]
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        own = np.array([float(np.ravel(line["filtered_resps"][0])[0]) for line in lines])
        results = json.loads(next(path.parent.glob("results_*")).read_text(encoding="utf-8"))
        found.append((f"{path.parent.name} {task}", own, results["results"][task]["exact_match,none"]))
    return found


@pytest.mark.parametrize(("mean", "match", "n"), PAIRS)
def test_greedy_decoding_lies_in_the_band(mean: float, match: float, n: int) -> None:
    lower, upper = item_product(mean, n).quantile([0.01, 0.99])
    assert lower < match < upper


def test_at_every_rung_of_the_tiny_ladder_the_links_hold_the_logged_exact_match() -> None:
    every = tiny()
    assert len(every) >= 19
    for what, own, match in every:
        n = own.size
        for law in (item_product(float(np.exp(own).mean()), n), mean_product(float(own.mean()), n, float(own.std()))):
            assert float(law.sf(match)) > 0.01, what
            assert float(law.cdf(match)) > 0.01, what


def test_the_spread_over_items_gives_back_the_mean_probability() -> None:
    # p**L alone is wrong by a factor of up to ten on these; with the spread it is right to a fifth.
    worst = 1.0
    for what, own, _ in tiny():
        mean = float(np.exp(own).mean())
        if not 0.01 < mean < 0.99:
            continue
        with_spread = expected_product(float(own.mean()), float(own.std()))
        assert with_spread == pytest.approx(mean, rel=0.2), what
        worst = min(worst, float(np.exp(own.mean())) / mean)
    assert worst < 0.7


@pytest.mark.parametrize("mean", [0.01, 0.2, 0.5])
def test_a_score_far_above_the_likelihood_is_outside(mean: float) -> None:
    upper = float(item_product(mean, 500).quantile(0.99))
    assert upper < mean + 0.45
    assert upper < 0.9


def test_fewer_items_widen_the_band() -> None:
    few, many = (item_product(0.3, n).quantile([0.01, 0.99]) for n in (20, 2000))
    assert few[1] > many[1] > 0.3 > many[0] > few[0]


def test_counting_is_binomial_and_a_beta_share_is_beta_binomial() -> None:
    one = ShareLaw(np.array([0.3]), np.array([1.0]), 50)
    k = np.arange(51)
    assert one.cdf(k / 50) == pytest.approx(binom.cdf(k, 50, 0.3), abs=1e-12)
    assert one.sf(k / 50) == pytest.approx(binom.sf(k - 1, 50, 0.3), abs=1e-12)
    share = (np.arange(4000) + 0.5) / 4000
    weight = share * (1 - share) ** 3
    many = ShareLaw(share, weight / weight.sum(), 50)
    assert many.cdf(k / 50) == pytest.approx(betabinom.cdf(k, 50, 2, 4), abs=1e-5)
    assert many.spread == pytest.approx(betabinom.std(50, 2, 4) / 50, rel=1e-3)


def test_quantiles_are_between_their_tails() -> None:
    law = around(-1.0, 0.7, 80)
    for p in (0.01, 0.3, 0.9):
        y = float(law.quantile(p))
        assert float(law.cdf(y - 1 / 80)) <= p + 0.02
        assert float(law.cdf(y + 1 / 80)) >= p - 0.02


def test_power_of_the_mean_per_token_probability() -> None:
    assert expected_product(20 * float(np.log(0.99)), 0.0) == pytest.approx(0.818, abs=5e-4)
    lower, upper = mean_product(-1.867, 200).quantile([0.01, 0.99])
    assert lower < 0.55 < upper
    known = mean_product(-1.867, 200, 1.5).quantile([0.01, 0.99])
    assert known[1] - known[0] < upper - lower


def test_pass_at_k_by_sampling() -> None:
    p = np.random.default_rng(1).beta(0.5, 2.0, 200_000)
    for k in (1, 5, 20):
        assert pass_at_k(0.2, float(p.std()), k) == pytest.approx(float((1 - (1 - p) ** k).mean()), abs=4e-3)
    widest, known = pass_law(0.2, None, 10, 100), pass_law(0.2, 0.2, 10, 100)
    assert np.ptp(widest.quantile([0.05, 0.95])) > np.ptp(known.quantile([0.05, 0.95]))


def test_choice_by_sampling() -> None:
    """Utilities and sharpness as the model has them: the accuracy lies in the middle of what it predicts."""
    rng = np.random.default_rng(2)
    for choices, margin in ((2, 0.5), (4, 0.0), (4, 1.0), (5, 2.0)):
        u = rng.standard_normal((20_000, choices)) + margin * (np.arange(choices) == 0)
        p = np.exp(0.6 * u) / np.exp(0.6 * u).sum(axis=1, keepdims=True)
        accuracy = float((u.argmax(axis=1) == 0).mean())
        law = choice(float(p[:, 0].mean()), choices, 500)
        assert float(law.sf(accuracy)) > 0.1
        assert float(law.cdf(accuracy)) > 0.1
    assert float(choice(0.25, 4, 1000).sf(0.6)) < 0.01


def curve(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-(1 + 2 * x))))


def test_a_curve_is_fitted_and_the_true_share_lies_in_its_band() -> None:
    x = np.array([-2.0, -1.5, -1.0, -0.5])
    law = fitted(Ladder(x, curve(x), np.full(4, 1e5)), -0.25, 0.0, 1000)
    assert law is not None
    lower, middle, upper = law.quantile([0.01, 0.5, 0.99])
    assert middle == pytest.approx(float(curve(np.array(-0.25))), abs=0.03)
    assert lower < middle < upper
    # An error of the likelihood itself is pushed through.
    blurred = fitted(Ladder(x, curve(x), np.full(4, 1e5)), -0.25, 0.3, 1000)
    assert blurred is not None
    assert blurred.spread > law.spread


def test_too_few_rungs_are_no_link_and_a_curve_that_contradicts_itself_is_wide() -> None:
    x, items = np.array([-2.0, -1.5, -1.0, -0.5]), np.full(4, 100.0)
    assert fitted(Ladder(x[:3], np.array([0.1, 0.2, 0.3]), items[:3]), 0.0, 0.0, 100) is None
    assert fitted(Ladder(np.ones(4), np.array([0.1, 0.2, 0.3, 0.4]), items), 0.0, 0.0, 100) is None
    wild = fitted(Ladder(x, np.array([0.1, 0.8, 0.2, 0.9]), items), 0.0, 0.0, 100)
    assert wild is not None
    assert np.ptp(wild.quantile([0.01, 0.99])) > 0.5


def test_a_link_never_falls_with_the_likelihood() -> None:
    x = np.array([-2.0, -1.5, -1.0, -0.5])
    falling = fitted(Ladder(x, np.array([0.6, 0.5, 0.4, 0.3]), np.full(4, 500.0)), 0.5, 0.0, 500)
    assert falling is not None
    assert float(falling.quantile(0.5)) > 0.3


def test_the_fitted_law_is_calibrated_on_curves_it_does_not_know() -> None:
    """300 ladders whose share is a power of a probability, or a logistic of it, with scatter: PIT near uniform."""
    rng = np.random.default_rng(3)
    pit = []
    for i in range(300):
        ll = -np.exp(np.linspace(0.8, -0.7, 8) + 0.05 * rng.standard_normal(8))
        length = rng.uniform(1, 4)
        share = np.exp(length * ll) if i % 2 else curve(ll + 0.5)
        share = 1 / (1 + np.exp(-(np.log(share / (1 - share)) + 0.1 * rng.standard_normal(8))))
        seen = rng.binomial(500, share) / 500
        law = fitted(Ladder(ll[:-1], seen[:-1], np.full(7, 500.0), 0.0), float(ll[-1]), 0.0, 500)
        assert law is not None
        pit.append(0.5 * (float(law.cdf(seen[-1])) + 1 - float(law.sf(seen[-1]))))
    got = np.array(pit)
    assert 0.75 <= np.mean(np.abs(got - 0.5) < 0.4) <= 0.98  # 80 %, leaning to width
    assert np.mean(got > 0.99) <= 0.02  # a false unexplained jump: 1 % and what 300 draws scatter


@pytest.mark.parametrize(
    ("share", "lower", "upper"), [(1.0, 0.99, 1.0), (0.999992, 0.9989, 0.999992), (0.0, 0.0, 0.01)]
)
def test_a_score_on_the_bound_that_its_link_foresaw_is_no_surprise(share: float, lower: float, upper: float) -> None:
    law = banded(share, lower, upper, 200)
    assert float(law.sf(round(share))) > 0.5
    assert float(law.cdf(round(share))) > 0.5
    half = abs(round(share) - 0.5)
    assert min(float(law.sf(half)), float(law.cdf(half))) < 1e-6


def test_a_band_is_the_band_of_its_law() -> None:
    law = banded(0.5, 0.4, 0.7, 200)
    np.testing.assert_allclose(law.quantile([0.01, 0.5, 0.99]), [0.4, 0.5, 0.7], atol=2e-3)
    assert float(law.sf(0.7)) == pytest.approx(0.01, abs=0.005)
    assert float(law.cdf(0.4)) == pytest.approx(0.01, abs=0.005)
