from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ladders import (
    EXACT,
    FACTS_LIKELIHOOD,
    FACTS_LIKELIHOOD_SE,
    FACTS_X,
    GPT3_JUMPS,
    GPT3_SMOOTH,
    GPT3_X,
    LIKELIHOOD,
    SHIFT_LIKELIHOOD,
    SHIFT_LIKELIHOOD_SE,
    SKILLS_X,
    result,
    seal,
    series,
)

from checkpoints_db.records import Metric, Sealed, Verdict
from monitor import standing
from monitor.forecasting import law_at
from monitor.science.blend import Blend
from monitor.verdicts import judge
from policies.terms import Judging

# The default, 0.35, is what forecasts of real ladders resolve. TriviaQA zero-shot, 14 times beyond its ladder, needs
# .32; a forecast that admits a take-off (3-digit addition, symbol insertion) is never below .46.
JUDGING = Judging()
LOSS = Metric(name="loss", kind="continuous", direction="lower", lower=0)
X = (1e18, 1e19, 1e20, 1e21, 1e22)
LADDER = series(EXACT, X, (0.3, 0.37, 0.44, 0.51, 0.58), n=2000)


def look(value: float, judging: Judging = JUDGING) -> Verdict:
    return judge(seal(LADDER), result(EXACT, 1e23, value, n=2000), judging)


def test_as_forecast() -> None:
    verdict = look(0.65)
    assert (verdict.outcome, verdict.why) == ("expected", "ok")
    assert verdict.lower is not None
    assert verdict.upper is not None
    assert verdict.lower < 0.65 < verdict.upper
    assert verdict.level == pytest.approx(0.98)
    assert verdict.rungs == 5
    assert verdict.distance == pytest.approx(2.302585, abs=1e-6)
    assert verdict.blindness == verdict.detectable  # the room of a well explored share is 1


def test_above_and_below_on_neighbouring_numbers() -> None:
    verdict = look(0.65)
    assert verdict.upper is not None
    assert verdict.lower is not None
    assert look(verdict.upper - 1e-3).outcome == "expected"
    assert look(verdict.upper + 1e-3).outcome == "above"
    assert look(verdict.lower + 1e-3).outcome == "expected"
    assert look(verdict.lower - 1e-3).outcome == "below"


def test_blind_on_neighbouring_numbers() -> None:
    blindness = look(0.65).blindness
    assert blindness is not None
    assert look(0.65, Judging(resolve=blindness + 1e-6)).outcome == "expected"
    blind = look(0.65, Judging(resolve=blindness - 1e-6))
    assert (blind.outcome, blind.why) == ("inconclusive", "blind")
    assert "of the metric's room" in blind.sentence


def test_a_break_is_a_break_even_for_a_blind_forecast() -> None:
    assert look(0.99, Judging(resolve=0.001)).outcome == "above"


def test_capability_turns_with_the_direction() -> None:
    ladder = seal(series(LOSS, X, (4.0, 3.5, 3.1, 2.8, 2.6), stderr=[0.01] * 5))
    better, worse = (judge(ladder, result(LOSS, 1e23, v, stderr=0.01), JUDGING) for v in (1.2, 3.6))
    assert (better.outcome, worse.outcome) == ("above", "below")
    assert better.tail_above is not None
    assert worse.tail_below is not None
    assert better.tail_above < 0.01
    assert worse.tail_below < 0.01


@pytest.mark.parametrize("why", ["unsealed", "too_few"])
def test_without_a_seal_it_is_unforeseen(why: str) -> None:
    verdict = judge(None, result(EXACT, 1e23, 0.9), JUDGING, why_not=why)  # type: ignore[arg-type]
    assert (verdict.outcome, verdict.why, verdict.forecast) == ("unforeseen", why, None)


def test_the_seal_of_another_series_does_not_count() -> None:
    verdict = judge(seal(LADDER), result(EXACT, 1e23, 0.65, task="other"), JUDGING)
    assert (verdict.outcome, verdict.why) == ("unforeseen", "unsealed")


def test_a_metric_that_changed_its_range_does_not_count() -> None:
    percent = EXACT.model_copy(update={"upper": 100.0})
    assert judge(seal(LADDER), result(percent, 1e23, 65.0), JUDGING).outcome == "unforeseen"


def test_what_cannot_be_compared_is_inconclusive() -> None:
    sealed = seal(LADDER)
    assert judge(sealed, result(EXACT, 1e23, 0.65, remarks=("limit",)), JUDGING).why == "remarked"
    assert judge(sealed, result(EXACT, None, 0.65), JUDGING).why == "no_scale"
    assert judge(sealed, result(EXACT, 1e22, 0.65), JUDGING).why == "smaller"
    assert judge(sealed, result(EXACT, 1e21, 0.65), JUDGING).why == "smaller"
    strict = Judging(min_rungs=6)
    assert judge(sealed, result(EXACT, 1e23, 0.65), strict).why == "too_few"
    assert "limit" in judge(sealed, result(EXACT, 1e23, 0.65, remarks=("limit",)), JUDGING).sentence


def test_a_plateau_says_nothing_about_a_take_off() -> None:
    flat = seal(series(EXACT, X, (0.0, 0.0, 0.0, 0.0, 0.0), n=200))
    still = judge(flat, result(EXACT, 1e23, 0.0, stderr=0.0, n=200), JUDGING)
    assert (still.outcome, still.why) == ("inconclusive", "plateau")
    assert judge(flat, result(EXACT, 1e23, 0.9, n=200), JUDGING).outcome == "above"


def test_an_interval_on_the_bound_sees_no_break() -> None:
    full = seal(series(EXACT, X, (0.9, 0.97, 0.995, 0.999, 0.9995), n=100_000))
    verdict = judge(full, result(EXACT, 1e23, 1.0, stderr=0.0, n=100_000), JUDGING)
    assert verdict.outcome != "above"
    assert verdict.detectable is not None
    assert verdict.detectable >= 1.0 - (verdict.median or 0.0)


def test_the_sentence_carries_the_numbers() -> None:
    seen = series(LIKELIHOOD, SKILLS_X[:4], SHIFT_LIKELIHOOD[:4], task="shift_ll", stderr=SHIFT_LIKELIHOOD_SE[:4])
    sealed = seal(seen)
    broke = judge(sealed, result(LIKELIHOOD, SKILLS_X[4], SHIFT_LIKELIHOOD[4], task="shift_ll", run="m4"), JUDGING)
    assert broke.outcome == "above"
    assert broke.tail_above is not None
    assert broke.tail_above < 1e-4
    assert "\n" not in broke.sentence
    for part in ("m4: shift_ll · log_likelihood_per_byte", "observed -0.000619", "at 98 %", "above", "could have seen"):
        assert part in broke.sentence


def test_a_likelihood_on_its_trend_is_expected() -> None:
    sealed = seal(series(LIKELIHOOD, FACTS_X[:5], FACTS_LIKELIHOOD[:5], stderr=FACTS_LIKELIHOOD_SE[:5]))
    verdict = judge(sealed, result(LIKELIHOOD, FACTS_X[5], FACTS_LIKELIHOOD[5], stderr=0.022), JUDGING)
    assert (verdict.outcome, verdict.why) == ("expected", "ok")


@pytest.mark.parametrize("task", GPT3_SMOOTH)
def test_gpt3_smooth_tasks_are_expected(task: str) -> None:
    *seen, new = GPT3_SMOOTH[task]
    verdict = judge(seal(series(EXACT, GPT3_X[:7], seen)), result(EXACT, GPT3_X[7], new), JUDGING)
    if task == "TriviaQA zero-shot":
        # 4 % to 42 % on the ladder, and 13.6 times its largest size ahead: a stop at 28 % is inside the interval, and a
        # break of 36 points of 100 would be too.
        assert (verdict.outcome, verdict.why) == ("inconclusive", "blind"), verdict.sentence
        assert verdict.blindness is not None
        assert verdict.blindness < 0.4
        assert verdict.tail_above is not None
        assert 0.1 < verdict.tail_above < 0.9
        return
    assert (verdict.outcome, verdict.why) == ("expected", "ok"), verdict.sentence


@pytest.mark.parametrize("task", GPT3_JUMPS)
def test_gpt3_jumps_never_pass_quietly(task: str) -> None:
    """A false GO is the worst bug: 1 % to 80 % may be above, or say that it could not be seen; never `expected`."""
    *seen, new = GPT3_JUMPS[task]
    verdict = judge(seal(series(EXACT, GPT3_X[:7], seen, n=2000)), result(EXACT, GPT3_X[7], new, n=2000), JUDGING)
    assert verdict.outcome in ("above", "inconclusive"), verdict.sentence


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from([None, 1, 50, 10_000]))
def test_more_capability_is_never_less_alarming(a: float, b: float, n: int | None) -> None:
    sealed, (low, high) = seal(LADDER), sorted((a, b))
    se = 0.01 if n is None else None
    one, two = (judge(sealed, result(EXACT, 1e23, v, n=None, stderr=se), JUDGING) for v in (low, high))
    assert one.tail_above is not None
    assert two.tail_above is not None
    assert two.tail_above <= one.tail_above + 1e-12
    judge(sealed, result(EXACT, 1e23, a, n=n), JUDGING)


# What a forecast may not call expected, and what it may still call a break.


def doubtful(values: tuple[float, ...], x: tuple[float, ...] = X, n: int = 2000) -> Sealed:
    return seal(series(EXACT, x, values, n=n))


def test_a_trend_that_missed_its_last_rung_calls_nothing_expected() -> None:
    x = tuple(1e18 * 4.0**i for i in range(8))
    sealed = doubtful((0.30, 0.33, 0.36, 0.39, 0.42, 0.45, 0.48, 0.75), x)
    assert sealed.forecast.standing.doubts[0].name == "trend_unstable"
    open_minded = Judging(resolve=1.0)
    inside = judge(sealed, result(EXACT, x[-1] * 4, 0.78, n=2000), open_minded)
    assert (inside.outcome, inside.why) == ("inconclusive", "trend_unstable")
    assert "missed it by" in inside.sentence
    assert "to settle it: the last rung evaluated again" in inside.sentence
    below = judge(sealed, result(EXACT, x[-1] * 4, 0.01, n=2000), open_minded)
    assert below.outcome == "below"
    steady = doubtful((0.30, 0.33, 0.36, 0.39, 0.42, 0.45, 0.48, 0.51), x)
    assert steady.forecast.standing.status == "forecast"
    assert judge(steady, result(EXACT, x[-1] * 4, 0.54, n=2000), open_minded).outcome == "expected"


def test_a_refusal_never_silences_what_lies_above() -> None:
    x = tuple(1e18 * 4.0**i for i in range(8))
    sealed = doubtful((0.30, 0.33, 0.36, 0.39, 0.36, 0.33, 0.30, 0.10), x)
    assert "trend_unstable" in [d.name for d in sealed.forecast.standing.doubts]
    verdict = judge(sealed, result(EXACT, x[-1] * 2, 0.99, n=2000), JUDGING)
    assert (verdict.outcome, verdict.why) == ("above", "ok")


def test_a_score_too_far_ahead_is_not_expected_and_a_nearer_one_is() -> None:
    open_minded, span = Judging(resolve=1.0), math.log(X[-1] / X[0])
    for spans, outcome, why in ((0.74, "expected", "ok"), (0.76, "inconclusive", "too_far")):
        x = X[-1] * math.exp(spans * span)
        verdict = judge(seal(LADDER), result(EXACT, x, 0.7, n=2000), open_minded)
        assert (verdict.outcome, verdict.why) == (outcome, why), verdict.sentence
    loss = seal(series(LOSS, X, (4.0, 3.5, 3.1, 2.8, 2.6), stderr=[0.01] * 5))
    far = judge(loss, result(LOSS, X[-1] * math.exp(0.9 * span), 2.0, stderr=0.01), open_minded)
    assert far.why in ("ok", "trend_unstable")  # distance is no ground against a loss


def test_a_saturated_ladder_calls_nothing_expected() -> None:
    full = doubtful((0.9, 0.97, 0.995, 0.9995, 0.9999), n=1000)
    assert "saturated" in [d.name for d in full.forecast.standing.doubts]
    verdict = judge(full, result(EXACT, 1e23, 1.0, n=1000), JUDGING)
    assert (verdict.outcome, verdict.why) == ("inconclusive", "saturated")
    assert "a harder task" in verdict.sentence
    assert judge(full, result(EXACT, 1e23, 0.2, n=1000), JUDGING).outcome == "below"


def test_forms_that_disagree_forbid_and_their_agreement_does_not() -> None:
    sealed = seal(LADDER)
    law = law_at(sealed.forecast, 1e23)
    assert [d.name for d in standing.at(sealed.forecast, law, math.log(10))] == []
    # The same laws with one form moved off: what was the forms' agreement becomes their disagreement.
    forms = [atom.form for atom in sealed.forecast.lenses[0].atoms]
    share, own = law.parts[0]
    arrivals = len(sealed.forecast.lenses[0].arrivals)
    moved = own.mean + 0.4 * np.repeat([form == forms[0] for form in forms], arrivals)
    apart = Blend(((share, replace(own, mean=moved)),))
    named = standing.forbids(sealed.forecast, apart, math.log(10))
    assert named is not None
    assert named[0] == "forms_disagree"
    assert "a rung between the last one and the target" in named[1].settles
