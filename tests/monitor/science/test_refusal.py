"""Which forecasts are of use, on either side of every limit."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.science.persistence import Stay
from monitor.science.refusal import standing, too_few
from monitor.science.view import Ladder, View, view

WIDTH_95 = 2 * 3.182446305284263  # of a t with 3 degrees of freedom


def seen(value: list[float], noise: float = np.nan, step: float = 10.0, upper: float | None = 1.0) -> View:
    cost = step ** np.arange(len(value), dtype=float)
    return view(Ladder(cost[:, None], cost, np.array(value), np.full(len(value), noise), 0.0, upper))


def law(share: float) -> Stay:
    return Stay(0.5, share / WIDTH_95, 3.0, False, 0.0, 1.0)


@pytest.mark.parametrize(("rungs", "nats", "short"), [(4, 1.0, False), (3, 1.0, True), (4, 0.99, True)])
def test_too_few(rungs: int, nats: float, short: bool) -> None:
    assert (too_few(rungs, nats) is not None) is short


def test_too_wide_is_refused_and_just_narrow_enough_is_not() -> None:
    ladder = seen([0.1, 0.2, 0.3, 0.5])
    assert standing(ladder, [law(0.49)] * 3, None) == ("forecast", None, [(), (), ()])
    status, why, flags = standing(ladder, [law(0.51), law(0.51), law(0.49)], None)
    assert status == "refused"
    assert why is not None
    assert "wider than 50% of the range at 2 of 3 targets (median 51%)" in why
    assert flags == [("wide",), ("wide",), ()]
    assert standing(ladder, [law(0.51), law(0.49)], None).status == "forecast"


def test_a_metric_without_two_bounds_is_never_too_wide() -> None:
    ladder = seen([4.0, 3.0, 2.5, 2.2], upper=None)
    assert standing(ladder, [Stay(2.0, 50.0, 3.0, False, 0.0, None)], None).status == "forecast"


def test_a_plateau_at_chance_is_refused() -> None:
    ladder = seen([0.25, 0.269, 0.24, 0.26], noise=0.01**2)
    assert standing(ladder, [law(0.1)], 0.25).status == "refused"
    assert standing(ladder, [law(0.1)], None).status == "forecast"
    off = seen([0.25, 0.271, 0.24, 0.26], noise=0.01**2)
    assert standing(off, [law(0.1)], 0.25).status == "forecast"
    unknown = seen([0.25, 0.25, 0.25, 0.25])
    assert standing(unknown, [law(0.1)], 0.25).status == "forecast"


def test_a_short_ladder_is_insufficient_before_anything_else() -> None:
    status, why, _ = standing(seen([0.1, 0.2, 0.3, 0.4], step=1.3), [law(0.9)], None)
    assert status == "insufficient_evidence"
    assert why is not None
    assert "4 distinct rungs over 0.79 nats" in why
