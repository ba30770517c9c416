"""What the plan says of a series at a target is what the verdict there would say."""

from __future__ import annotations

import numpy as np
import planes
import pytest
from ladders import EXACT, result, seal, series

from checkpoints_db.records import Metric, Sealed
from checkpoints_db.series import make_series
from monitor.forecasting import law_at, laws_at
from monitor.planning import Goal, Prospect, ordered, prospects, without
from monitor.prior import shipped
from monitor.verdicts import judge
from policies.terms import Judging

X = (1e18, 1e19, 1e20, 1e21, 1e22)
LOSS = Metric(name="loss", kind="continuous", direction="lower", lower=0)


@pytest.fixture(scope="module")
def sealed() -> Sealed:
    return seal(series(EXACT, X, (0.3, 0.37, 0.44, 0.51, 0.58), n=2000))


@pytest.fixture(scope="module")
def loss() -> Sealed:
    return seal(series(LOSS, X, (4.0, 3.5, 3.1, 2.8, 2.6), stderr=[0.01] * 5))


def at(*xs: float, family: str | None = None) -> list[Goal]:
    return [Goal(f"{x:g}", family, at=(x,)) for x in xs]


def look(sealed: Sealed, x: float = 1e23, judging: Judging | None = None) -> Prospect:
    (found,) = prospects(sealed.forecast, at(x), judging or Judging())
    return found


def test_the_plan_says_what_the_verdict_will(sealed: Sealed) -> None:
    planned = look(sealed)
    came = judge(sealed, result(EXACT, 1e23, 0.65, n=None), Judging())
    assert planned.median == pytest.approx(came.median, rel=1e-9)
    assert planned.detectable == pytest.approx(came.detectable, rel=1e-9)
    assert planned.share == pytest.approx(came.blindness, rel=1e-9)
    assert (planned.persistence, planned.sight) == (0.58, "sees")
    q = law_at(sealed.forecast, 1e23).quantile([0.025, 0.1, 0.9, 0.975])
    told = (planned.lower_95, planned.lower_80, planned.upper_80, planned.upper_95)
    assert told == pytest.approx(tuple(q), rel=1e-9)


def test_blind_on_neighbouring_numbers(sealed: Sealed) -> None:
    share = look(sealed).share
    assert share is not None
    assert look(sealed, judging=Judging(resolve=share + 1e-6)).sight == "sees"
    blind = look(sealed, judging=Judging(resolve=share - 1e-6))
    assert blind.sight == "blind"
    assert f"{share:.0%} of its room; the policy asks for {share:.0%}" in blind.sentence
    assert look(sealed, judging=Judging(min_rungs=6)).sight == "too_few"


def test_a_plateau_sees_nothing_whatever_its_width() -> None:
    flat = seal(series(EXACT, X, (0.0,) * 5, n=200))
    assert look(flat, judging=Judging(resolve=1.0)).sight == "plateau"


def test_a_target_inside_the_ladder_is_reached(sealed: Sealed) -> None:
    assert [look(sealed, x).sight for x in (1e21, 1e22, 1.001e22)] == ["reached", "reached", "sees"]


def test_a_target_needs_a_place_on_the_axis(sealed: Sealed) -> None:
    declared = Goal("big", "f", {"params": 7e9, "tokens": 2e12}, where="catalogue.toml:9")
    (found,) = prospects(sealed.forecast, [declared], Judging())
    assert found.sight == "none"
    assert "ordered by flop, and catalogue.toml:9 gives params 7e+09, tokens 2e+12; add flop" in found.sentence
    (both,) = prospects(sealed.forecast, [Goal("7e9,2e12", at=(7e9, 2e12))], Judging())
    assert "--at 7e9,2e12 is no place on flop, by which the ladder is ordered; write it as 7e23" in both.sentence
    assert not list(prospects(sealed.forecast, at(1e23, family="another"), Judging()))


@pytest.fixture(scope="module")
def plane() -> Sealed:
    return seal(make_series(planes.results()))


def test_on_two_axes_the_plan_says_what_the_verdict_will(plane: Sealed) -> None:
    arrived = planes.results(sizes=4)[-1]
    place = (planes.SIZES[3], planes.TOKENS[4])
    declared = Goal("s3", "lab", {"params": place[0], "tokens": place[1], "flop": 1.0}, where="catalogue.toml:9")
    (planned,) = prospects(plane.forecast, [declared], Judging())
    came = judge(plane, arrived, Judging())
    assert (planned.x, planned.params, planned.tokens) == (pytest.approx(6 * place[0] * place[1]), *place)
    assert planned.median == pytest.approx(came.median, rel=1e-9)
    assert planned.share == pytest.approx(came.blindness, rel=1e-9)
    assert (planned.sight, came.outcome) == ("sees", "expected")
    (typed,) = prospects(plane.forecast, [Goal("6.4e8,1.6e10", at=place)], Judging())
    assert typed.median == planned.median


def test_on_two_axes_reached_is_what_some_rung_covers(plane: Sealed) -> None:
    n, d = planes.SIZES[2], planes.TOKENS[4]
    # Beyond in one axis only, also with less FLOP than the largest rung, is not reached yet.
    asked = {(n, d): "reached", (n / 2, d / 2): "reached", (1.01 * n, d / 4): "sees", (n / 16, 1.01 * d): "sees"}
    told = prospects(plane.forecast, [Goal(f"{p}", at=p) for p in asked], Judging())
    assert [p.sight for p in told] == list(asked.values())


def test_on_two_axes_a_target_needs_both(plane: Sealed) -> None:
    declared = Goal("big", "lab", {"params": 7e9, "flop": 1e23}, where="catalogue.toml:9")
    goals = [declared, Goal("1e23", at=(1e23,)), Goal("1e200,1e200", at=(1e200, 1e200))]
    told = list(prospects(plane.forecast, goals, Judging()))
    assert {p.sight for p in told} == {"none"}
    assert "ordered by params and tokens, and catalogue.toml:9 gives params 7e+09, flop 1e+23; add tokens" in (
        told[0].sentence
    )
    assert "--at 1e23 is no place on params,tokens, by which the ladder is ordered; write it as 7e9,2e12" in (
        told[1].sentence
    )
    assert "no number" in told[2].sentence


STANDINGS = {
    "trend_unstable": ((0.3, 0.31, 0.3, 0.32, 0.31, 0.6), 3e23),
    "saturated": ((0.5, 0.7, 0.9, 0.97, 1.0, 1.0), 3e23),
    "too_far": ((0.3, 0.35, 0.4, 0.45, 0.5, 0.55), 1e30),
}


@pytest.mark.parametrize("name", STANDINGS)
def test_what_holds_a_verdict_has_its_name_in_the_plan(name: str) -> None:
    values, x = STANDINGS[name]
    made = seal(series(EXACT, [10.0 ** (18 + i) for i in range(6)], values, n=2000))
    judging = Judging(resolve=1.0)
    planned = look(made, x, judging)
    assert planned.median is not None
    came = judge(made, result(EXACT, x, planned.median, n=2000), judging)
    assert (came.why, planned.sight) == (name, name)
    assert "to settle it: " in planned.sentence
    # Blind comes first, as in the verdict.
    assert look(made, x, Judging(resolve=0.001)).sight == "blind"


def test_a_series_without_a_forecast_says_why() -> None:
    short = series(EXACT, X[:3], (0.3, 0.4, 0.5), n=100)
    (found,) = without(short, at(1e23), Judging(), shipped())
    assert found.sight == "too_few"
    assert "3 rungs over" in found.sentence
    (ready,) = without(series(EXACT, X, (0.3, 0.37, 0.44, 0.51, 0.58), n=2000), at(1e23), Judging(), shipped())
    assert ready.sight == "none"
    assert "not sealed yet" in ready.sentence


def test_what_is_blind_stands_first(sealed: Sealed, loss: Sealed) -> None:
    every = [*prospects(sealed.forecast, at(2e22, 1e24, 1e21), Judging(resolve=0.2))]
    every += without(series(LOSS, X[:2], (4.0, 3.5), task="short"), at(1e24), Judging(), shipped())
    every += prospects(loss.forecast, at(2e22, 1e24), Judging(resolve=0.2))
    found = ordered(reversed(every))
    assert [p.sight for p in found][:2] == ["too_few", "blind"]
    assert found[-1].sight == "reached"
    shares = [p.share for p in found if p.sight == "blind"]
    assert shares == sorted(shares, key=lambda s: -(s or 0.0))
    assert ordered(every) == found


def test_many_scales_at_once_are_the_same_laws(loss: Sealed) -> None:
    p, xs = np.array([0.01, 0.5, 0.99]), [2e22, 1e23, 1e24]
    for x, law in zip(xs, laws_at(loss.forecast, xs), strict=True):
        assert law.quantile(p) == pytest.approx(law_at(loss.forecast, x).quantile(p), rel=1e-9)
        assert law.cdf(law.quantile(p)) == pytest.approx(p, rel=1e-9)  # two links: found by search
    with pytest.raises(ValueError, match="not beyond the last rung"):
        laws_at(loss.forecast, [2e22, 1e22])


def test_many_places_of_a_plane_at_once_are_the_same_laws(plane: Sealed) -> None:
    places = [(6.4e8, 1.6e10), (1e9, 1e9), (1e7, 1e12)]
    p = np.array([0.01, 0.5, 0.99])
    for place, law in zip(places, laws_at(plane.forecast, places), strict=True):
        assert law.quantile(p) == pytest.approx(law_at(plane.forecast, place).quantile(p), rel=1e-9)
    with pytest.raises(ValueError, match="no place on params,tokens"):
        laws_at(plane.forecast, [places[0], (1e23,)])
    with pytest.raises(ValueError, match="a variance of nan"):
        laws_at(plane.forecast, places, float("nan"))


def test_a_plateau_says_how_many_rungs_have_left_the_floor() -> None:
    risen = seal(series(EXACT, [10.0 ** (18 + i) for i in range(6)], (0.0, 0.0, 0.0, 0.0, 0.0, 0.4), n=200))
    assert "all but 1 of 6 rungs lie within 2 standard errors of chance" in look(risen, 3e23).sentence
    assert "no rung" not in judge(risen, result(EXACT, 3e23, 0.5, n=200), Judging()).sentence
