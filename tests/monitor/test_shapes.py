"""Cases E2, E3, E4, E11, E12 of the notes: shapes, dips, degenerate scores and inverse scaling, up to the diagnosis."""

from __future__ import annotations

import numpy as np
import pytest
from ladders import EXACT, GPT3_JUMPS, GPT3_SMOOTH, GPT3_X, LIKELIHOOD, result, seal, series

from checkpoints_db.records import Diagnosis, Metric, Series, Verdict
from monitor.diagnosis import diagnose
from monitor.verdicts import judge
from policies.terms import Judging

JUDGING = Judging()
ACC = Metric(name="acc", kind="thresholded", lower=0, upper=1)
TOKEN = Metric(name="token_accuracy", kind="continuous", lower=0, upper=1)
HALF = Metric(name="acc", kind="thresholded", lower=0, upper=1, chance=0.5)


def walked(metric: Metric, x: tuple[float, ...], y: tuple[float, ...], n: int) -> tuple[Verdict, dict[str, Series]]:
    """The last rung judged by the forecast of the others."""
    ladder = series(metric, x[:-1], y[:-1], n=n)
    return judge(seal(ladder), result(metric, x[-1], y[-1], n=n), JUDGING), {ladder.id: ladder}


def read(metric: Metric, x: tuple[float, ...], y: tuple[float, ...], n: int) -> Diagnosis:
    verdict, history = walked(metric, x, y, n)
    return diagnose("q", [verdict], history)


def test_e2_two_views_of_one_ability_have_opposite_shapes_and_the_metric_is_named() -> None:
    match = GPT3_JUMPS["3D+ few-shot"]
    token = tuple(float(v) for v in np.array(match) ** (1 / 4))  # sums of two three-digit numbers have up to four
    t, history = walked(ACC, GPT3_X, match, 2000)
    c, more = walked(TOKEN, GPT3_X, token, 2000)
    found = diagnose("3D+", [c, t], history | more)
    shapes = {s.metric: s for s in found.shapes}
    assert (shapes["acc"].name, shapes["token_accuracy"].name) == ("sudden", "rising")
    assert "the suddenness is that of acc" in found.sentence
    assert shapes["acc"].rungs == 8
    assert "90%" in shapes["acc"].sentence


@pytest.mark.parametrize("task", ["HellaSwag few-shot", "TriviaQA few-shot", "HellaSwag zero-shot"])
def test_e3_smooth_tasks_are_on_trend_at_the_last_size(task: str) -> None:
    found = read(ACC, GPT3_X, GPT3_SMOOTH[task], 10_000)
    assert found.name == "on_trend", found.sentence
    assert found.shapes[0].name == "rising"


def test_e4_a_score_that_is_always_zero_is_degenerate() -> None:
    wic = read(HALF, GPT3_X, (0.0,) * 8, 638)
    assert (wic.name, wic.why) == ("inconclusive", "degenerate"), wic.sentence
    assert "0 at every one" in wic.sentence
    # A flat score that only looks alike is not.
    flat = read(HALF, GPT3_X, (0.5, 0.498, 0.503, 0.5, 0.497, 0.5, 0.5, 0.502), 638)
    assert (flat.name, flat.why) == ("inconclusive", "plateau")
    assert flat.shapes[0].name == "flat"


def test_e4_a_constant_metric_is_never_on_trend() -> None:
    # Not at its floor: the forecast is narrow and the result inside it.
    same = read(Metric(name="brier", kind="continuous", direction="lower", lower=0, upper=2), GPT3_X, (0.5,) * 8, 500)
    assert (same.name, same.why) == ("inconclusive", "degenerate"), same.sentence


def test_e11_lambada_is_not_monotone_and_no_regression() -> None:
    found = read(ACC, GPT3_X, GPT3_SMOOTH["LAMBADA few-shot"], 5153)
    assert found.name != "regression"
    assert found.shapes[0].name == "dip"
    assert "without r3 nothing falls" in found.shapes[0].sentence


def test_e11_one_low_rung_is_a_dip_once_two_larger_rungs_are_back() -> None:
    x = tuple(float(v) for v in np.geomspace(1e18, 1e24, 9))
    y = (0.30, 0.36, 0.42, 0.48, 0.54, 0.60, 0.45, 0.72, 0.78)
    before = series(ACC, x[:6], y[:6], n=2000)
    low = judge(seal(before), result(ACC, x[6], y[6], n=2000), JUDGING)
    assert low.outcome == "below"
    history = {before.id: before}
    after = series(ACC, x[7:], y[7:], n=2000)
    assert diagnose("q", [low], history).name == "regression"
    found = diagnose("q", [low], history, {after.id: after})
    assert found.name == "dip", found.sentence
    assert "2 larger rungs are back" in found.sentence
    # One rung back, or two that stay low, leave it a regression.
    one = series(ACC, x[7:8], y[7:8], n=2000)
    assert diagnose("q", [low], history, {after.id: one}).name == "regression"
    stays = series(ACC, x[7:], (0.46, 0.5), n=2000)
    assert diagnose("q", [low], history, {after.id: stays}).name == "regression"


FALLING = (0.70, 0.66, 0.63, 0.59, 0.55, 0.52, 0.48, 0.45)


def test_e12_inverse_scaling_has_its_own_verdict_and_is_not_called_safe() -> None:
    x = tuple(float(v) for v in np.geomspace(1e18, 1e22, 8))
    found = read(ACC, x, FALLING, 2000)
    assert found.thresholded is not None
    assert found.thresholded.outcome == "expected"
    assert found.name == "inverse_scaling", found.sentence
    assert "falling is no safety" in found.sentence
    rising = read(ACC, x, FALLING[::-1], 2000)
    assert (rising.name, rising.shapes[0].name) == ("on_trend", "rising")


def test_e12_a_turn_is_seen() -> None:
    x = tuple(float(v) for v in np.geomspace(1e18, 1e22, 9))
    found = read(ACC, x, (*FALLING, 0.75), 2000)
    assert found.thresholded is not None
    assert found.thresholded.outcome == "above"
    assert (found.name, found.shapes[0].name) == ("unresolved_jump", "u_shaped")


def test_a_likelihood_speaks_for_a_score_that_never_moved() -> None:
    x = tuple(float(v) for v in np.geomspace(1e18, 1e22, 8))
    likelihood = tuple(-float(v) for v in 3.0 * np.arange(1, 9) ** -0.3)
    c, history = walked(LIKELIHOOD, x, likelihood, 500)
    t, more = walked(EXACT, x, (0.0,) * 8, 500)
    found = diagnose("q", [c, t], history | more)
    assert found.name in ("on_trend", "inconclusive")
    assert "exact_match over 8 rungs of f: degenerate" in found.sentence
