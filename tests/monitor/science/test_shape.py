from __future__ import annotations

import numpy as np
import pytest

from monitor.science.shape import dip_at, shape

X = np.log([2.25e20, 6.41e20, 1.37e21, 2.38e21, 4.77e21, 1.2e22, 2.31e22, 3.14e23])


def named(y: list[float], se: float = 0.01, x: np.ndarray | None = None) -> str:
    at = np.arange(len(y), dtype=float) if x is None else x
    return shape(at, np.array(y), np.full(len(y), se**2)).name


@pytest.mark.parametrize(
    ("y", "name"),
    [
        ([0.1, 0.2, 0.3, 0.4, 0.5], "rising"),
        ([0.1, 0.1, 0.1, 0.1, 0.8], "sudden"),
        ([0.25, 0.26, 0.24, 0.25, 0.25], "flat"),
        ([0.6, 0.55, 0.5, 0.4, 0.3], "inverse"),
        ([0.6, 0.5, 0.3, 0.4, 0.7], "u_shaped"),
        ([0.3, 0.5, 0.7, 0.5, 0.3], "peaked"),
        ([0.1, 0.3, 0.2, 0.4, 0.5], "dip"),
        ([0.1, 0.6, 0.2, 0.7, 0.3], "unsteady"),
        ([0.0, 0.0, 0.0, 0.0, 0.0], "degenerate"),
    ],
)
def test_shapes_by_name(y: list[float], name: str) -> None:
    assert named(y) == name


def test_a_far_rung_may_gain_much_at_an_even_pace() -> None:
    assert named([0.1, 0.12, 0.14, 0.5], x=np.array([0.0, 1.0, 2.0, 10.0])) == "rising"
    assert named([0.1, 0.12, 0.14, 0.5]) == "sudden"


def test_lambada_dips_at_one_size() -> None:
    few = np.array([0.22, 0.404, 0.632, 0.57, 0.781, 0.791, 0.813, 0.864])
    variance = few * (1 - few) / 5153 + 0.005**2
    assert shape(X, few, variance).name == "dip"
    assert dip_at(few, variance) == 3


def test_noise_has_no_shape() -> None:
    """A flat ladder is called flat in 98 of 100: a rise or a fall is found in at most one each."""
    rng = np.random.default_rng(4)
    names = [named(list(0.25 + 0.01 * rng.standard_normal(9))) for _ in range(500)]
    assert np.mean([n == "flat" for n in names]) >= 0.97
