from __future__ import annotations

import numpy as np
import pytest

from monitor.science.transforms import binomial_variance


@pytest.mark.parametrize("right", [0.0, 200.0])
def test_none_or_all_right_still_have_noise(right: float) -> None:
    found = float(binomial_variance(np.array(right / 200), np.array(200.0)))
    # p = 1 / 202: about one answer in two hundred may fall the other way.
    assert found == pytest.approx((1 / 202) * (201 / 202) / 200)


def test_many_items_have_the_textbook_variance() -> None:
    share, n = np.array([0.2, 0.5, 0.9]), np.full(3, 1e6)
    np.testing.assert_allclose(binomial_variance(share, n), share * (1 - share) / n, rtol=1e-5)


def test_it_is_that_of_draws() -> None:
    draws = np.random.default_rng(1).binomial(400, 0.3, 200_000) / 400
    assert float(binomial_variance(np.array(0.3), np.array(400.0))) == pytest.approx(draws.var(), rel=0.02)
