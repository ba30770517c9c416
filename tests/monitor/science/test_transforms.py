from __future__ import annotations

import numpy as np
import pytest

from monitor.science.transforms import Transform, binomial_variance, transforms, unstated_noise

LINKS = [
    Transform("identity"),
    Transform("log", 0.0, None),
    Transform("log", None, 0.0),
    Transform("logit", 0.0, 1.0),
    Transform("logit", -1.0, 3.0),
]


@pytest.mark.parametrize("link", LINKS, ids=lambda t: f"{t.name}-{t.lower}-{t.upper}")
def test_back_undoes_forward(link: Transform) -> None:
    inside = {"identity": [-3.0, 0.0, 7.0], "log": [0.01, 1.0, 30.0], "logit": [0.01, 0.5, 0.98]}[link.name]
    y = np.array(inside)
    y = -y if link.name == "log" and link.lower is None else y
    np.testing.assert_allclose(link.back(link.forward(y)), y, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("link", LINKS, ids=lambda t: f"{t.name}-{t.lower}-{t.upper}")
def test_slope_is_the_derivative_and_the_jacobian_agrees(link: Transform) -> None:
    y = np.array([-0.3]) if link.name == "log" and link.lower is None else np.array([0.3])
    step = 1e-6
    numeric = np.abs(link.forward(y + step) - link.forward(y - step)) / (2 * step)
    np.testing.assert_allclose(link.slope(y), numeric, rtol=1e-6)
    np.testing.assert_allclose(np.exp(link.log_slope_at(link.forward(y))), link.slope(y), rtol=1e-9)


def test_only_the_log_below_an_upper_bound_falls() -> None:
    assert [t.rising for t in LINKS] == [True, True, False, True, True]


def test_a_floor_keeps_a_result_on_the_bound_finite() -> None:
    z = Transform("logit", 0.0, 1.0).forward(np.array([0.0, 1.0]), 0.0025)
    np.testing.assert_allclose(z, [-np.log(399.0), np.log(399.0)])


def test_values_below_chance_have_a_place() -> None:
    assert np.isfinite(Transform("logit", 0.0, 1.0).forward(np.array([0.2]))).all()


def test_links_follow_the_bounds() -> None:
    assert [t.name for t in transforms(0.0, None)] == ["log", "identity"]


def test_nothing_right_of_n_still_has_noise() -> None:
    assert binomial_variance(np.array(0.0), np.array(200.0)) > 0


def test_unstated_noise_scales_with_the_metric() -> None:
    y = np.array([0.1, 0.5])
    assert unstated_noise(100 * y, 0.0, 100.0) == pytest.approx(1e4 * unstated_noise(y, 0.0, 1.0))
    assert unstated_noise(10 * y, None, None) == pytest.approx(100 * unstated_noise(y, None, None))
