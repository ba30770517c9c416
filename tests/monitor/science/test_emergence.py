from __future__ import annotations

import numpy as np
import pytest

from monitor.science.emergence import figures


@pytest.mark.parametrize("n", [1, 3, 8])
def test_equal_steps_have_both_scores_equal_to_their_number(n: int) -> None:
    told = figures(np.linspace(0.1, 0.7, n + 1))
    assert float(told.linearity) == pytest.approx(n)
    assert float(told.breakthroughness) == pytest.approx(n)
    assert float(told.last_step) == pytest.approx(1 / n)


def test_a_fall_is_negative_and_scores_do_not_know_the_unit() -> None:
    up = np.array([0.1, 0.2, 0.2, 0.5, 0.9])
    one, other, down = figures(up), figures(7 * up - 3), figures(-up)
    for field in ("breakthroughness", "linearity", "last_step"):
        assert float(getattr(one, field)) == pytest.approx(float(getattr(other, field)))
    assert float(down.gain) == pytest.approx(-0.8)
    assert float(down.linearity) == pytest.approx(-float(one.linearity))
    assert float(down.last_step) == pytest.approx(float(one.last_step))


def test_flat_then_a_jump_is_undefined_and_says_so() -> None:
    """The published formula divides by the median step: on the jump it was made for, by zero."""
    told = figures(np.array([0.0, 0.0, 0.0, 0.0, 1.0]))
    assert (float(told.linearity), float(told.last_step)) == (2.0, 1.0)
    assert np.isnan(told.breakthroughness)
    assert bool(told.flat)


def test_nothing_gained_has_no_last_step_and_rounding_is_no_step() -> None:
    told = figures(np.array([[0.3, 0.3, 0.3], [0.1 + 0.2, 0.3, 0.3]]))
    assert np.isnan(told.last_step).all()
    assert np.isnan(told.linearity).all()
    assert told.gain.tolist() == [0.0, 0.0]


def test_one_size_is_refused() -> None:
    with pytest.raises(ValueError, match="1 sizes; a step needs two"):
        figures(np.array([0.3]))
