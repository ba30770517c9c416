"""What the plan says of a series at a target is what the verdict there would say."""

from __future__ import annotations

import numpy as np
import pytest
from ladders import EXACT, result, seal, series

from checkpoints_db.records import Metric, Sealed
from monitor.forecasting import law_at, laws_at
from monitor.planning import Goal, Prospect, ordered, prospects, without
from monitor.prior import shipped
from monitor.verdicts import judge
from policies.schema import Judging

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
    assert "2 numbers, and the ladder has one axis (flop)" in both.sentence
    assert not list(prospects(sealed.forecast, at(1e23, family="another"), Judging()))


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
