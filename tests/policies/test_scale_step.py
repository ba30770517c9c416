"""Rule `scale_step`: it fires exactly at its figure, and doubt about a count fires too."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from checkpoints_db.errors import BadPolicy
from checkpoints_db.records import Answer, Assessment, Compute, Decision, Reason
from policies import decide

OURS = "6 * total params * tokens"


def flop(figure: float, **more: Any) -> Compute:
    return Compute(flop=figure, **{"counts": OURS, **more})


def said(made: SimpleNamespace, table: dict[str, Any], now: Compute | None, *before: Assessment) -> Decision:
    case = made.case(checkpoint="tiny/m4@9", compute=now, assessments=before)
    return decide(made.policy({"kind": "scale_step", "id": "it", **table}), case, (), (), made.T0)


def assessed(made: SimpleNamespace, figure: float | Compute, days: int = 1, **more: Any) -> Assessment:
    compute = figure if isinstance(figure, Compute) else flop(figure)
    found = made.assessment(at=made.T0 - timedelta(days=days), compute=compute, **more)
    assert isinstance(found, Assessment)
    return found


@pytest.mark.parametrize(
    ("factor", "multiple", "answer"),
    [
        ("2x", 1.99, Answer.GO),
        ("2x", 2.0, Answer.HOLD),
        ("4x", 3.99, Answer.GO),
        ("4x", 4.0, Answer.HOLD),
        ("6x", 5.99, Answer.GO),
        ("6x", 6.0, Answer.HOLD),
        ("1x", 0.99, Answer.GO),
        ("1x", 1.0, Answer.HOLD),
    ],
)
@pytest.mark.parametrize("base", [1e20, 3.14e23, 7.7e25 / 3])
def test_it_fires_at_its_factor(
    made: SimpleNamespace, factor: str, multiple: float, answer: Answer, base: float
) -> None:
    decision = said(made, {"factor": factor}, flop(base * multiple), assessed(made, base))
    assert decision.answer is answer
    if answer is Answer.HOLD:
        assert decision.reason is Reason.assessment_due
        assert decision.findings[0].numbers["ratio_high"] == pytest.approx(multiple)
        assert OURS in decision.sentence
        assert "an assessment were recorded" in decision.findings[0].would_pass_if


def test_rounding_below_the_figure_has_reached_it_and_no_more(made: SimpleNamespace) -> None:
    base = assessed(made, 1e20)
    assert said(made, {"factor": "2x"}, flop(2e20 * (1 - 0.9e-12)), base).answer is Answer.HOLD
    assert said(made, {"factor": "2x"}, flop(2e20 * (1 - 1.1e-12)), base).answer is Answer.GO


@pytest.mark.parametrize(("multiple", "answer"), [(1.59, Answer.GO), (1.6, Answer.WARN), (2.0, Answer.HOLD)])
def test_it_warns_before(made: SimpleNamespace, multiple: float, answer: Answer) -> None:
    table = {"factor": "2x", "warn_at": 0.8}
    assert said(made, table, flop(1e20 * multiple), assessed(made, 1e20)).answer is answer


def test_two_counts_on_both_sides_of_the_step_fire_and_both_are_told(made: SimpleNamespace) -> None:
    base = assessed(made, flop(1e20, also=1e20, counts=""))
    between = said(made, {"factor": "2x"}, flop(1.9e20, also=2.1e20, counts=""), base)
    assert (between.answer, between.reason) == (Answer.HOLD, Reason.assessment_due)
    assert "between 1.9 and 2.1 times" in between.sentence
    assert "2.1e+20" in between.sentence
    assert said(made, {"factor": "2x"}, flop(1.8e20, also=1.99e20, counts=""), base).answer is Answer.GO
    # Two conventions that differ alike at both moments say the same of the step.
    alike = assessed(made, flop(1e20, also=1.1e20, counts=""))
    assert said(made, {"factor": "2x"}, flop(1.99e20, also=1.99e20 * 1.1, counts=""), alike).answer is Answer.GO


@pytest.mark.parametrize(("multiple", "answer"), [(1.73, Answer.GO), (1.75, Answer.HOLD), (2.3, Answer.HOLD)])
def test_an_estimate_fires_where_it_may_have_reached_the_step(
    made: SimpleNamespace, multiple: float, answer: Answer
) -> None:
    base = assessed(made, flop(1e20, within=0.15))
    decision = said(made, {"factor": "2x"}, flop(1e20 * multiple, within=0.15), base)
    assert decision.answer is answer
    if multiple == 1.75:
        assert "may be off by 15%" in decision.sentence
        assert "between 1.52174 and 2.0125 times" in decision.sentence


def test_no_two_counts_within_fifteen_per_cent_flip_it_silently(made: SimpleNamespace) -> None:
    """Whichever of two such counts was stated, a run at the step or beyond by one of them does not pass."""
    for off in (1.0, 1.05, 1.149):
        for multiple in (1.8, 1.9, 1.99, 2.0, 2.1):
            true, other = 1e20 * multiple, 1e20 * multiple * off
            base = assessed(made, flop(1e20, also=1e20, counts=""))
            one = said(made, {"factor": "2x"}, flop(true, also=other, counts=""), base).answer
            swapped = said(made, {"factor": "2x"}, flop(other, also=true, counts=""), base).answer
            assert one is swapped
            assert (one is Answer.HOLD) is (multiple * off >= 2)


def test_what_is_not_known_or_counted_otherwise_holds(made: SimpleNamespace) -> None:
    base = assessed(made, 1e20)
    unknown = said(made, {"factor": "2x"}, None, base)
    assert (unknown.answer, unknown.reason) == (Answer.HOLD, Reason.no_data)
    never = said(made, {"factor": "2x"}, flop(1e20))
    assert (never.answer, never.reason) == (Answer.HOLD, Reason.assessment_due)
    other = said(made, {"factor": "2x"}, flop(1.1e20, counts="megatron"), base)
    assert (other.answer, other.reason) == (Answer.HOLD, Reason.incomparable)
    assert OURS in other.sentence
    assert "megatron" in other.sentence
    no_figure = made.assessment(at=made.T0 - timedelta(days=1))
    assert said(made, {"factor": "2x"}, flop(1e20), no_figure).reason is Reason.no_data


def test_effective_compute_is_compared_with_effective_compute_of_one_estimator(made: SimpleNamespace) -> None:
    table = {"factor": "4x", "axis": "effective_compute"}
    base = assessed(made, flop(1e20, effective=1e20, estimator="memo 12"))
    now = flop(1.5e20, effective=3.99e20, estimator="memo 12")
    assert said(made, table, now, base).answer is Answer.GO
    more = now.model_copy(update={"effective": 4e20})
    assert said(made, table, more, base).reason is Reason.assessment_due
    assert said(made, {"factor": "4x"}, more, base).answer is Answer.GO
    mixed = now.model_copy(update={"estimator": "memo 13"})
    assert said(made, table, mixed, base).reason is Reason.incomparable
    assert said(made, table, flop(1.5e20), base).reason is Reason.no_data


def test_the_last_assessment_counts_or_the_largest(made: SimpleNamespace) -> None:
    large, small = assessed(made, 1e20, days=9), assessed(made, 1e19, days=1)
    assert said(made, {"factor": "2x"}, flop(1e20), large, small).answer is Answer.HOLD
    assert said(made, {"factor": "2x", "since": "largest"}, flop(1e20), large, small).answer is Answer.GO


def test_which_assessments_count(made: SimpleNamespace) -> None:
    light, other = assessed(made, 1e20, name="light"), assessed(made, 1e20, run="m3")
    table: dict[str, Any] = {"factor": "2x", "assessment": "comprehensive"}
    assert said(made, table, flop(1e20), light).reason is Reason.assessment_due
    assert said(made, table, flop(1e20), other).answer is Answer.GO
    assert said(made, {**table, "of": "run"}, flop(1e20), other).reason is Reason.assessment_due
    future = assessed(made, 1e20, days=-1)
    assert said(made, table, flop(1e20), future).reason is Reason.assessment_due


@pytest.mark.parametrize(("figure", "answer"), [(0.999e25, Answer.GO), (1e25, Answer.HOLD)])
def test_a_fixed_figure(made: SimpleNamespace, figure: float, answer: Answer) -> None:
    below, beyond = assessed(made, 0.9e25), assessed(made, 1e25)
    assert said(made, {"at": 1e25}, flop(figure), below).answer is answer
    assert said(made, {"at": 1e25}, flop(3 * figure), beyond).answer is Answer.GO
    between = said(made, {"at": 1e25}, flop(0.95e25, also=1.01e25, counts=""))
    assert between.answer is Answer.HOLD
    assert "1.01e+25" in between.sentence
    assert said(made, {"at": 1e25, "counts": "other"}, flop(1e24)).reason is Reason.incomparable
    assert said(made, {"at": 1e25, "counts": OURS.upper()}, flop(1e24)).answer is Answer.GO


@pytest.mark.parametrize(("figure", "answer"), [(2.99e25, Answer.GO), (3e25, Answer.PAUSE)])
def test_a_reference_model_is_lifted_by_no_assessment(made: SimpleNamespace, figure: float, answer: Answer) -> None:
    table = {"factor": "1x", "reference": 3e25, "reference_name": "opus-4", "answer": "pause"}
    decision = said(made, table, flop(figure), assessed(made, figure))
    assert decision.answer is answer
    if answer is Answer.PAUSE:
        assert decision.reason is Reason.broken
        assert "opus-4" in decision.sentence


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({}, "give either factor"),
        ({"factor": "2x", "at": 1e25}, "give either factor"),
        ({"at": 1e25, "reference": 1e25}, "a reference needs its factor"),
        ({"factor": 4}, "write a number and an x"),
        ({"factor": "2x", "warn_at": 1.0}, "less than 1"),
    ],
)
def test_figures_that_are_refused(made: SimpleNamespace, table: dict[str, Any], why: str) -> None:
    with pytest.raises(BadPolicy, match=why):
        made.policy({"kind": "scale_step", **table})
