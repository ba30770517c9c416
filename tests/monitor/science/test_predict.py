from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from monitor.science.predict import Component, Mixture, predict
from monitor.science.transforms import Transform

FLAT = ((0.0, 0.0), (0.0, 0.0))


def line(weight: float, link: str, level: float, slope: float, variance: float, **more: float) -> Component:
    return Component("log_linear", link, weight, 0.0, (level, slope), FLAT, variance, more.pop("dof", 8.0), **more)  # type: ignore[arg-type]


def share() -> Mixture:
    parts = [line(0.6, "logit", -1.0, 0.4, 0.1), line(0.4, "identity", 0.3, 0.1, 0.01)]
    return predict(parts, 0.7, 1e-4, 0.0, 1.0)


@pytest.mark.parametrize("p", [1e-12, 1e-6, 0.01, 0.5, 0.99, 1 - 1e-9])
def test_quantile_and_tails_are_inverse(p: float) -> None:
    law = predict([line(0.5, "identity", 1.0, 0.4, 0.1), line(0.5, "identity", 2.0, 0.1, 0.01)], 0.7, 0.0)
    y = law.quantile(p)
    found = law.cdf(y) if p < 0.5 else 1 - law.sf(y)
    assert float(found) == pytest.approx(p, rel=1e-6)


def test_a_falling_link_keeps_its_sides_apart() -> None:
    law = predict([line(1.0, "log", 0.0, -0.5, 0.04)], 1.0, 0.0, None, 0.0)  # gap e^-0.5 below 0
    assert law.median == pytest.approx(-np.exp(-0.5), rel=1e-9)
    assert float(law.sf(-0.1)) < 0.01
    assert float(law.cdf(-0.1)) > 0.9
    assert float(law.quantile(0.999)) < 0


def test_quantiles_stay_in_the_range_and_the_bound_holds_the_rest() -> None:
    law = predict([line(1.0, "identity", 0.9, 0.3, 0.01)], 1.0, 0.0, 0.0, 1.0)
    assert law.median == 1.0
    assert float(law.sf(1.0)) > 0.9
    assert float(law.cdf(1.0)) == 1.0
    assert float(law.sf(0.0)) == 1.0


def test_a_result_at_the_bound_counts_as_close_to_it() -> None:
    """A logit law never reaches 1; 200 of 200 right does, and must not be infinitely surprising."""
    law = predict([line(1.0, "logit", 5.0, 0.0, 0.25)], 1.0, 1e-4, 0.0, 1.0)
    assert float(law.sf(1.0)) > 0.3


def test_density_integrates_to_one() -> None:
    law = predict([line(0.7, "logit", -1.0, 0.4, 0.1), line(0.3, "logit", 0.5, 0.0, 0.3)], 0.7, 0.0, 0.0, 1.0)
    total, _ = quad(lambda y: np.exp(law.log_density(y)), 1e-9, 1 - 1e-9, limit=200)
    assert total == pytest.approx(1.0, abs=1e-4)


def test_calibration_only_widens() -> None:
    part = [line(1.0, "identity", 0.0, 0.0, 1.0)]
    plain, wide = predict(part, 1.0, 0.0), predict(part, 1.0, 0.0, calibration=2.0)
    assert float(wide.quantile(0.99)) == pytest.approx(2 * float(plain.quantile(0.99)), rel=1e-9)


def test_reach_bounds_a_growing_shape() -> None:
    steep = Component("power", "log", 1.0, -1.0, (0.0, 1.0), ((0.0, 0.0), (0.0, 4.0)), 0.01, 6.0, reach=0.5)
    law = predict([steep], 3.0, 0.0, 0.0, None)
    free = predict([Component(**{**steep.__dict__, "reach": None})], 3.0, 0.0, 0.0, None)
    assert law.median == pytest.approx(np.exp(1.5), rel=1e-6)
    assert float(law.quantile(0.995)) < 100 * law.median
    assert float(free.quantile(0.995)) > 1e6


def test_noise_of_the_target_widens() -> None:
    part = [line(1.0, "identity", 0.0, 0.0, 0.01)]
    assert float(predict(part, 1.0, 0.04).quantile(0.9)) > 1.5 * float(predict(part, 1.0, 0.0).quantile(0.9))


def test_a_wandering_level_widens_with_distance() -> None:
    walk = Component("persistence", "identity", 1.0, 0.0, (0.0,), ((0.0,),), 0.0, 1e9, drift=1.0)
    near, far = predict([walk], 1.0, 0.0), predict([walk], 4.0, 0.0)
    assert float(far.quantile(0.9)) == pytest.approx(2 * float(near.quantile(0.9)), rel=1e-6)


def test_probabilities_must_be_inside() -> None:
    with pytest.raises(ValueError, match="strictly between"):
        share().quantile(1.0)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_tails_are_monotone_and_cover(a: float, b: float) -> None:
    law, (low, high) = share(), sorted((a, b))
    assert float(law.cdf(low)) <= float(law.cdf(high)) + 1e-12
    assert float(law.sf(high)) <= float(law.sf(low)) + 1e-12
    assert float(law.cdf(a)) + float(law.sf(a)) >= 1 - 1e-9


def test_equal_links_are_one_group() -> None:
    link = Transform("logit", 0.0, 1.0)
    one = np.array([0.0, 0.0])
    law = Mixture(np.array([1.0, 3.0]), [link, link], one, one + 1, one + 5, 0.0, 1.0)
    assert law.median == pytest.approx(0.5, abs=1e-9)
