from __future__ import annotations

import itertools
from typing import Any

import pytest
from ladders import (
    EXACT,
    FACTS_EXACT,
    FACTS_LIKELIHOOD,
    FACTS_LIKELIHOOD_SE,
    FACTS_PROBABILITY,
    FACTS_X,
    LIKELIHOOD,
    PROBABILITY,
    REVERSE_EXACT,
    REVERSE_LIKELIHOOD,
    REVERSE_LIKELIHOOD_SE,
    SHIFT_EXACT,
    SHIFT_LIKELIHOOD,
    SHIFT_LIKELIHOOD_SE,
    SKILLS_X,
    result,
    seal,
    series,
)

from checkpoints_db.records import Diagnosis, Metric, Series, Verdict
from monitor.diagnosis import diagnose, primary
from monitor.verdicts import judge
from policies.terms import Judging

JUDGING = Judging()


def said(metric: Metric, outcome: str, why: str = "ok", observed: float | None = None, **more: Any) -> Verdict:
    defaults = {EXACT.name: 0.5, LIKELIHOOD.name: -0.5, PROBABILITY.name: 0.4}
    observed = defaults.get(metric.name, 0.5) if observed is None else observed
    fields: dict[str, Any] = {
        "family": "f",
        "run": "big",
        "checkpoint": "f/big",
        "task": "t",
        "series": f"{metric.name}-series",
        "result": "r",
        "forecast": None,
        "level": 0.98,
        "sentence": "",
        "judgement_version": 1,
        "n": 200,
    }
    return Verdict(metric=metric, outcome=outcome, why=why, observed=observed, **{**fields, **more})  # type: ignore[arg-type]


def name(*verdicts: Verdict, history: dict[str, Series] | None = None) -> str:
    return diagnose("q", verdicts, history or {}).name


@pytest.mark.parametrize(
    ("continuous", "thresholded", "expected"),
    [
        ("expected", "expected", "on_trend"),
        ("expected", "below", "regression"),
        ("above", "above", "genuine_break"),
        ("above", "expected", "latent_break"),
        ("above", "inconclusive", "latent_break"),
        ("above", "unforeseen", "latent_break"),
        ("above", "below", "latent_break"),
        ("above", None, "genuine_break"),
        ("below", "above", "regression"),
        ("below", "expected", "regression"),
        ("below", "inconclusive", "regression"),
        ("below", None, "regression"),
        ("expected", None, "on_trend"),
        (None, "above", "unresolved_jump"),
        (None, "below", "regression"),
        (None, "expected", "on_trend"),
        (None, "inconclusive", "inconclusive"),
        (None, "unforeseen", "inconclusive"),
        ("inconclusive", "above", "inconclusive"),
        ("inconclusive", "expected", "inconclusive"),
        ("inconclusive", "below", "regression"),
        ("unforeseen", "expected", "inconclusive"),
        ("unforeseen", None, "inconclusive"),
        # Expected under the likelihood and a score that jumped, or could not be judged, with no link to explain it:
        ("expected", "above", "unexplained_jump"),
        ("expected", "inconclusive", "inconclusive"),
        ("expected", "unforeseen", "inconclusive"),
    ],
)
def test_the_table(continuous: str | None, thresholded: str | None, expected: str) -> None:
    whys = {"inconclusive": "blind", "unforeseen": "unsealed"}
    given = [
        said(metric, outcome, whys.get(outcome, "ok"))
        for metric, outcome in ((LIKELIHOOD, continuous), (EXACT, thresholded))
        if outcome
    ]
    found = diagnose("q", given, {})
    assert found.name == expected
    assert found.sentence.startswith("big: ")
    if expected == "inconclusive":
        assert found.why != "ok"


@pytest.mark.parametrize(
    ("outcome", "why", "observed", "expected"),
    [
        ("above", "ok", 0.55, "metric_artefact"),  # mean probability 0.4: the link predicts up to 0.81
        ("above", "ok", 0.95, "unexplained_jump"),
        ("inconclusive", "plateau", 0.55, "metric_artefact"),
        ("inconclusive", "plateau", 0.95, "unexplained_jump"),
        ("inconclusive", "blind", 0.95, "unexplained_jump"),
        ("unforeseen", "unsealed", 0.95, "unexplained_jump"),
        ("inconclusive", "blind", 0.30, "on_trend"),
        ("inconclusive", "remarked", 0.30, "inconclusive"),
    ],
)
def test_the_link_tells_artefact_from_jump(outcome: str, why: str, observed: float, expected: str) -> None:
    score = said(EXACT, outcome, why, observed, median=0.25, detectable=0.3)
    found = diagnose("q", [said(LIKELIHOOD, "expected"), score, said(PROBABILITY, "inconclusive", "blind")], {})
    assert found.name == expected, found.sentence
    assert found.linked is not None
    assert found.linked.method == "item_product"


def test_a_flat_score_that_stays_flat_is_on_trend() -> None:
    score = said(EXACT, "inconclusive", "plateau", 0.0, median=0.004, detectable=0.02)
    assert name(said(LIKELIHOOD, "expected"), score, said(PROBABILITY, "expected", observed=0.003)) == "on_trend"


def test_a_fitted_link() -> None:
    x = (1e18, 1e19, 1e20, 1e21, 1e22)
    likelihood, score = (-2.0, -1.7, -1.4, -1.1, -0.8), (0.1, 0.18, 0.3, 0.45, 0.62)
    history = {
        "log_likelihood_per_byte-series": series(LIKELIHOOD, x, likelihood),
        "exact_match-series": series(EXACT, x, score, n=1000),
    }
    inside = said(EXACT, "above", observed=0.77, n=1000)
    beyond = said(EXACT, "above", observed=0.97, n=1000)
    found = diagnose("q", [said(LIKELIHOOD, "expected"), inside], history)
    assert found.linked is not None
    assert found.linked.method == "fitted"
    assert found.name == "metric_artefact"
    assert name(said(LIKELIHOOD, "expected"), beyond, history=history) == "unexplained_jump"


def test_the_product_of_the_mean_is_the_last_resort() -> None:
    whole = Metric(name="log_likelihood", kind="continuous", upper=0)
    found = diagnose("q", [said(whole, "expected", observed=-1.867), said(EXACT, "above", observed=0.55)], {})
    assert found.linked is not None
    assert found.linked.method == "mean_product"
    assert found.name == "metric_artefact"


def test_who_speaks_is_settled_by_name_not_by_outcome() -> None:
    both = [said(PROBABILITY, "above"), said(LIKELIHOOD, "expected"), said(EXACT, "expected")]
    for order in (both, both[::-1]):
        speaker = primary(order, "continuous")
        assert speaker is not None
        assert speaker.metric.name == "log_likelihood_per_byte"
    acc = Metric(name="acc,none", kind="thresholded", lower=0, upper=1)
    other = Metric(name="aaa", kind="thresholded", lower=0, upper=1)
    speaker = primary([said(other, "expected"), said(acc, "expected")], "thresholded")
    assert speaker is not None
    assert speaker.metric.name == "acc,none"
    assert primary([said(acc, "expected")], "continuous") is None


def test_what_is_no_question_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one verdict"):
        diagnose("q", [], {})
    with pytest.raises(ValueError, match="more than one checkpoint"):
        diagnose("q", [said(EXACT, "expected"), said(EXACT, "expected", checkpoint="f/other")], {})


Part = tuple[Metric, tuple[float, ...], tuple[float, ...] | None, int]


def walk(x: tuple[float, ...], rungs: int, *parts: Part) -> Diagnosis:
    verdicts, history = [], {}
    for metric, values, errors, n in parts:
        ladder = series(metric, x[:rungs], values[:rungs], stderr=errors[:rungs] if errors else None, n=n)
        new = result(metric, x[rungs], values[rungs], stderr=errors[rungs] if errors else None, n=n)
        verdicts.append(judge(seal(ladder), new, JUDGING))
        history[ladder.id] = ladder
    return diagnose("q", verdicts, history)


def test_memorised_facts_jump_by_the_metric() -> None:
    """Exact match 0, 0, 0, 0, .005, then .55, while the likelihood falls smoothly."""
    found = walk(
        FACTS_X,
        5,
        (LIKELIHOOD, FACTS_LIKELIHOOD, FACTS_LIKELIHOOD_SE, 200),
        (EXACT, FACTS_EXACT, None, 200),
        (PROBABILITY, FACTS_PROBABILITY, None, 200),
    )
    assert found.name == "metric_artefact", found.sentence


def test_a_skill_that_appears_is_a_genuine_break() -> None:
    found = walk(SKILLS_X, 4, (LIKELIHOOD, SHIFT_LIKELIHOOD, SHIFT_LIKELIHOOD_SE, 500), (EXACT, SHIFT_EXACT, None, 500))
    assert found.name == "genuine_break", found.sentence


def test_after_a_break_the_next_size_cannot_be_told() -> None:
    found = walk(
        SKILLS_X, 4, (LIKELIHOOD, REVERSE_LIKELIHOOD, REVERSE_LIKELIHOOD_SE, 500), (EXACT, REVERSE_EXACT, None, 500)
    )
    assert (found.name, found.why) == ("inconclusive", "blind"), found.sentence


@pytest.mark.parametrize("why", ["trend_unstable", "saturated", "too_far", "forms_disagree"])
def test_a_refused_likelihood_neither_excuses_a_jump_nor_silences_it(why: str) -> None:
    doubtful = said(LIKELIHOOD, "inconclusive", why)
    # No link explains it: as grave as under a likelihood that is as forecast.
    assert name(doubtful, said(EXACT, "above", observed=0.9)) == "unexplained_jump"
    # The checkpoint's own probabilities explain it, but nobody knows whether those are on their trend.
    mean = said(PROBABILITY, "inconclusive", why, observed=0.9)
    assert name(doubtful, mean, said(EXACT, "above", observed=0.9)) == "inconclusive"
    assert name(doubtful, said(EXACT, "expected")) == "inconclusive"
    assert name(said(LIKELIHOOD, "inconclusive", "blind"), said(EXACT, "above", observed=0.9)) == "inconclusive"


OUTCOMES = ("expected", "above", "below", "inconclusive", "unforeseen")
WHYS = {"inconclusive": "blind", "unforeseen": "unsealed"}


@pytest.mark.parametrize(("c", "t"), list(itertools.product(OUTCOMES, OUTCOMES)))
def test_no_weight_makes_a_quiet_task_of_a_result_above_its_forecast(c: str, t: str) -> None:
    x = (1e18, 1e19, 1e20, 1e21, 1e22)
    likelihood, score = (-2.0, -1.7, -1.4, -1.1, -0.8), (0.1, 0.18, 0.3, 0.45, 0.62)
    history = {
        "log_likelihood_per_byte-series": series(LIKELIHOOD, x, likelihood),
        "exact_match-series": series(EXACT, x, score, n=1000),
    }
    later = {
        "log_likelihood_per_byte-series": series(LIKELIHOOD, (1e24, 1e25), (-0.2, -0.1)),
        "exact_match-series": series(EXACT, (1e24, 1e25), (0.9, 0.95), n=1000),
    }
    for seen, tail in itertools.product((0.3, 0.77, 0.99), (1e-6, 0.008, 0.5, 0.999)):
        numbers: dict[str, Any] = {"tail_above": tail, "tail_below": 1 - tail, "detectable": 0.2, "blindness": 0.3}
        given = [
            said(LIKELIHOOD, c, WHYS.get(c, "ok"), -0.5, median=-0.55, lower=-0.8, upper=-0.35, **numbers),
            said(EXACT, t, WHYS.get(t, "ok"), seen, median=0.7, lower=0.5, upper=0.9, **numbers),
        ]
        found = diagnose("q", given, history, later)
        assert sum(weight for _, weight in found.weights) == pytest.approx(1.0, abs=0.08)
        if "above" in (c, t):
            assert found.name not in ("on_trend", "inverse_scaling", "dip"), found.sentence
        if c not in ("expected", "above"):
            assert found.name not in ("on_trend", "metric_artefact", "inverse_scaling"), found.sentence
        if found.name == "metric_artefact":
            assert c == "expected"
            assert found.linked is not None
            assert found.linked.tail_above is not None
            assert found.linked.tail_above >= 0.01


def test_an_artefact_needs_a_likelihood_that_would_have_shown_the_break() -> None:
    """The same jump, foreseen by the link, under a likelihood that could and one that could not see its cause."""
    x = (1e18, 1e19, 1e20, 1e21, 1e22)
    likelihood, score = (-2.0, -1.7, -1.4, -1.1, -0.8), (0.1, 0.18, 0.3, 0.45, 0.62)
    history = {
        "log_likelihood_per_byte-series": series(LIKELIHOOD, x, likelihood),
        "exact_match-series": series(EXACT, x, score, n=1000),
    }
    jumped = said(EXACT, "above", observed=0.77, n=1000, median=0.62, detectable=0.1)
    for least, expected in ((0.29, "metric_artefact"), (0.31, "inconclusive")):
        found = diagnose("q", [said(LIKELIHOOD, "expected", detectable=least), jumped], history)
        assert found.name == expected, found.sentence  # from -0.8 to -0.5: 0.3
        assert "a break of log_likelihood_per_byte by 0.3, from -0.8" in found.sentence


def test_a_jump_that_the_link_did_not_foresee_is_not_excused() -> None:
    x = (1e18, 1e19, 1e20, 1e21, 1e22)
    likelihood, score = (-2.0, -1.9, -1.8, -1.7, -1.6), (0.1, 0.11, 0.12, 0.13, 0.14)
    history = {
        "log_likelihood_per_byte-series": series(LIKELIHOOD, x, likelihood),
        "exact_match-series": series(EXACT, x, score, n=50),
    }
    jumped = said(EXACT, "above", observed=0.27, n=50, median=0.1, detectable=0.1)
    found = diagnose("q", [said(LIKELIHOOD, "expected", observed=-1.55), jumped], history)
    assert (found.name, found.why) == ("inconclusive", "blind"), found.sentence
    assert "does not rule it out" in found.sentence


@pytest.mark.parametrize(("outcome", "why"), [("above", "ok"), ("inconclusive", "blind"), ("unforeseen", "unsealed")])
def test_a_curve_through_rungs_at_the_floor_neither_excuses_nor_accuses(outcome: str, why: str) -> None:
    x = (1e18, 1e19, 1e20, 1e21, 1e22)
    history = {
        "log_likelihood_per_byte-series": series(LIKELIHOOD, x, (-2.0, -1.7, -1.4, -1.1, -0.8)),
        "exact_match-series": series(EXACT, x, (0.0, 0.0, 0.0, 0.0, 0.005), n=200),
    }
    for observed in (0.0, 0.5):
        found = diagnose("q", [said(LIKELIHOOD, "expected"), said(EXACT, outcome, why, observed, median=0.0)], history)
        assert (found.name, found.why) == ("inconclusive", "blind" if outcome == "above" else why), found.sentence
