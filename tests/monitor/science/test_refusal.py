"""Which forecasts are of use, on either side of every limit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtri

from monitor.science import levels
from monitor.science.dictionary import Category
from monitor.science.persistence import Stay
from monitor.science.refusal import (
    APART,
    FARTHEST,
    MISSED,
    VAGUE,
    Standing,
    expected_miss,
    far,
    plateau,
    standing,
    too_few,
)
from monitor.science.signs import Apart, Signs
from monitor.science.view import Ladder, View, view

WIDTH_95 = 2 * 3.182446305284263  # of a t with 3 degrees of freedom
RISING = [0.1, 0.2, 0.3, 0.5]


def seen(value: list[float], noise: float = np.nan, step: float = 10.0, upper: float | None = 1.0) -> View:
    cost = step ** np.arange(len(value), dtype=float)
    return view(Ladder(cost[:, None], cost, np.array(value), np.full(len(value), noise), 0.0, upper))


def stand(
    ladder: View,
    shares: list[float],
    chance: float | None = None,
    *,
    ahead: float = 1.0,
    missed: float | None = None,
    apart: float = 0.0,
) -> Standing:
    """Of laws about 0.5 whose 95 % intervals fill such shares of the range."""
    at = np.array(levels.LEVELS)
    q = np.array([Stay(0.5, share / WIDTH_95, 3.0, False, 0.0, 1.0).quantile(at) for share in shares])
    told = [Apart(apart, ("log", 0.4), ("power", 0.6))] * len(shares)
    return standing(ladder, q, chance, Signs(np.full(len(shares), ahead), missed, told))


@pytest.mark.parametrize(
    ("rungs", "nats", "name"), [(4, 1.0, None), (3, 1.0, "too_few"), (4, 0.99, "too_short"), (1, 0.0, "too_few")]
)
def test_too_few_and_too_short(rungs: int, nats: float, name: str | None) -> None:
    found = too_few(rungs, nats)
    assert (None if found is None else found.name) == name


def test_a_ladder_that_rises_is_a_forecast() -> None:
    assert stand(seen(RISING), [0.2] * 2) == ("forecast", None, [(), ()], ())


def test_wide_is_a_flag_and_no_refusal() -> None:
    """A ladder that rose from 0 to 0.9 may have an interval of half the range and still tell more than its past."""
    told = stand(seen([0.0, 0.3, 0.6, 0.9]), [0.51, 0.49])
    assert (told.status, told.flags) == ("forecast", [("wide",), ()])


def test_a_metric_without_two_bounds_is_never_wide() -> None:
    ladder = seen([40.0, 30.0, 2.5, 2.2], upper=None)
    assert stand(ladder, [0.9]).flags == [()]


def test_a_law_as_wide_as_its_ladder_is_too_uncertain() -> None:
    ladder = seen(RISING)
    limit = next(s for s in np.arange(0.01, 1, 0.001) if stand(ladder, [s]).status == "refused")
    at = np.array(levels.LEVELS)
    q = Stay(0.5, limit / WIDTH_95, 3.0, False, 0.0, 1.0).quantile(at)[None]
    assert expected_miss(np.array(RISING), q) == pytest.approx(VAGUE, rel=0.01)
    told = stand(ladder, [limit])
    assert told.reason is not None
    assert told.reason.startswith("too_uncertain: the law expects to miss by 0.60 standard deviations")
    assert "to settle it: a nearer target" in told.reason
    assert told.flags == [("too_uncertain", "wide")]
    assert stand(ladder, [limit - 0.001]).status == "forecast"


def test_the_expected_miss_of_a_normal_law_is_its_spread_over_the_root_of_pi() -> None:
    q = 0.5 + 0.1 * ndtri(np.array(levels.LEVELS))
    sd = float(np.std([*RISING, 0.5]))
    assert expected_miss(np.array(RISING), q[None]) == pytest.approx(0.1 / np.sqrt(np.pi) / sd, rel=0.005)
    assert expected_miss(10 * np.array(RISING), 10 * q[None]) == pytest.approx(expected_miss(np.array(RISING), q[None]))
    assert expected_miss(np.array([0.5, 0.5]), q[None]) == np.inf


def test_a_rise_that_rounding_made_asks_for_no_number_of_items() -> None:
    assert plateau(4, 0.0, 3.8e-224).settles == plateau(4, 0.0, -1.0).settles
    assert plateau(4, 0.0, 3.8e-224).settles.endswith("no number of items would do")


def test_a_plateau_at_chance_is_refused() -> None:
    ladder = seen([0.25, 0.269, 0.24, 0.26], noise=0.01**2)
    told = stand(ladder, [0.01], 0.25)
    assert told.status == "refused"
    # 1 standard error above chance: twice as near needs four times the items.
    assert told.reason == (
        "plateau: all 4 rungs lie within 2 standard errors of chance, 0.25; to settle it: a continuous metric of the "
        "task, such as the likelihood; or 4 times the items, if the last rung's rise is real"
    )
    assert stand(ladder, [0.01]).status == "forecast"
    off = seen([0.25, 0.271, 0.24, 0.26], noise=0.01**2)
    assert stand(off, [0.01], 0.25).status == "forecast"
    below = seen([0.25, 0.26, 0.26, 0.24], noise=0.01**2)
    assert "no number of items would do" in (stand(below, [0.01], 0.25).reason or "")
    unknown = seen([0.25, 0.25, 0.25, 0.26])
    assert stand(unknown, [0.001], 0.25).status == "forecast"


def test_saturation_needs_the_two_largest_rungs() -> None:
    told = stand(seen([0.3, 0.7, 0.985, 0.99], noise=0.01**2), [0.1])
    assert told.reason is not None
    assert told.reason.startswith("saturated: the two largest rungs lie within 2 standard errors of the best possible")
    assert stand(seen([0.3, 0.7, 0.97, 0.99], noise=0.01**2), [0.1]).status == "forecast"
    assert stand(seen([0.3, 0.7, 0.989, 0.991]), [0.1]).status == "forecast"  # no noise known: 1 % of the range
    assert stand(seen([0.3, 0.7, 0.991, 0.991]), [0.1]).status == "refused"


def test_a_trend_that_missed_its_last_rung_is_unstable() -> None:
    told = stand(seen(RISING), [0.1, 0.1], missed=MISSED + 0.01)
    assert told.reason is not None
    assert told.reason.startswith("trend_unstable: the forecast made without the last rung missed it by 2.3 standard")
    assert told.flags == [("trend_unstable",)] * 2
    assert stand(seen(RISING), [0.1], missed=MISSED).status == "forecast"


def test_forms_that_disagree() -> None:
    told = stand(seen(RISING), [0.1], apart=APART + 0.01)
    assert told.reason is not None
    assert told.reason.startswith("forms_disagree: log says 0.4 and power 0.6: their disagreement is 51% of the spread")
    assert stand(seen(RISING), [0.1], apart=APART).status == "forecast"
    loss = seen([4.0, 3.0, 2.5, 2.2], upper=None)
    assert stand(loss, [0.1], apart=0.9).flags == [()]  # of losses it says nothing


def test_a_score_too_far_ahead() -> None:
    ladder = seen(RISING)
    span = 3 * np.log(10.0)
    assert stand(ladder, [0.1], ahead=FARTHEST * span - 1e-9).status == "forecast"
    told = stand(ladder, [0.1], ahead=FARTHEST * span + 1e-6)
    assert (told.status, told.flags) == ("refused", [("too_far",)])
    two = replace(ladder, category=Category("score", 2, dense=False))
    assert stand(two, [0.1], ahead=5 * span).flags == [()]  # two axes are learnt at the distance that is asked


def test_what_settles_a_far_target_is_just_enough() -> None:
    """A rung where `far` puts it makes the target come within reach, and one a little nearer does not."""
    ahead, span = 6.0, 4.0
    factor = float(far(ahead, span).settles.split("a new rung ")[1].split(" times")[0])
    for rung, near in ((np.log(factor) + 0.05, True), (np.log(factor) - 0.05, False)):
        assert bool(ahead - rung <= FARTHEST * (span + rung)) == near


def test_only_most_targets_refuse_a_series() -> None:
    ladder = seen(RISING)
    at = np.array(levels.LEVELS)
    q = np.array([Stay(0.5, 0.01, 3.0, False, 0.0, 1.0).quantile(at)] * 3)
    told = standing(ladder, q, None, Signs(np.array([1.0, 9.0, 9.0])))
    assert (told.status, told.flags) == ("refused", [(), ("too_far",), ("too_far",)])
    told = standing(ladder, q, None, Signs(np.array([1.0, 1.0, 9.0])))
    assert (told.status, told.flags) == ("forecast", [(), (), ("too_far",)])


def test_a_short_ladder_is_insufficient_before_anything_else() -> None:
    status, why, flags, _ = stand(seen([0.1, 0.2, 0.3, 0.4], step=1.3), [0.9])
    assert status == "insufficient_evidence"
    assert why is not None
    assert why.startswith("too_short: 4 distinct rungs over 0.79 nats")
    assert "a rung 1.2 times smaller" in why
    assert flags == [("too_short", "too_uncertain", "too_far", "wide")]
