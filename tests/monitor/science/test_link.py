from __future__ import annotations

import numpy as np
import pytest

from monitor.science.link import fitted, item_product, mean_product

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


@pytest.mark.parametrize(("mean", "match", "n"), PAIRS)
def test_greedy_decoding_lies_in_the_band(mean: float, match: float, n: int) -> None:
    band = item_product(mean, n)
    assert band.lower < match < band.upper


@pytest.mark.parametrize("mean", [0.01, 0.2, 0.5])
def test_a_score_far_above_the_likelihood_is_outside(mean: float) -> None:
    assert item_product(mean, 500).upper < mean + 0.45
    assert item_product(mean, 500).upper < 0.9


def test_fewer_items_widen_the_band() -> None:
    few, many = item_product(0.3, 20), item_product(0.3, 2000)
    assert few.upper > many.upper > 0.3 > many.lower > few.lower


def test_power_of_the_mean_per_token_probability() -> None:
    assert mean_product(20 * float(np.log(0.99)), None).predicted == pytest.approx(0.818, abs=5e-4)
    assert mean_product(-1.867, 200).lower < 0.55 < mean_product(-1.867, 200).upper


def test_a_line_is_fitted_on_the_logit_scale() -> None:
    x = np.array([-2.0, -1.5, -1.0, -0.5])
    share = 1 / (1 + np.exp(-(1 + 2 * x)))
    band = fitted(x, share, np.full(4, 1e-5), -0.25, 1000)
    assert band is not None
    assert band.predicted == pytest.approx(1 / (1 + np.exp(-0.5)), abs=1e-6)
    assert band.lower < band.predicted < band.upper


def test_too_few_rungs_or_a_band_that_explains_anything_is_no_link() -> None:
    x = np.array([-2.0, -1.5, -1.0, -0.5])
    assert fitted(x[:3], np.array([0.1, 0.2, 0.3]), np.full(3, 1e-5), 0.0, 100) is None
    assert fitted(x, np.array([0.1, 0.8, 0.2, 0.9]), np.full(4, 1e-5), 0.0, 100) is None
    assert fitted(np.ones(4), np.array([0.1, 0.2, 0.3, 0.4]), np.full(4, 1e-5), 0.0, 100) is None
