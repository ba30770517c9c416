"""Every kind of rule: the number on which it fires, and the neighbouring one on which it does not."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from checkpoints_db.records import Answer, Composed, Decision, Drift, Linked, Metric, Reason, Span
from policies import decide

ONE_BREAK: dict[str, Any] = {"kind": "break", "id": "it"}


def said(made: SimpleNamespace, table: dict[str, Any], case: Any, at: Any = None, **more: Any) -> Decision:
    return decide(made.policy({"id": "it", **table}, **more), case, (), (), at or made.T0)


@pytest.mark.parametrize(("tail", "answer"), [(0.00999, Answer.PAUSE), (0.01, Answer.GO)])
def test_break_fires_below_its_tail(made: SimpleNamespace, tail: float, answer: Answer) -> None:
    outcome = "above" if tail < 0.01 else "expected"
    case = made.case((made.verdict(outcome=outcome, tail_above=tail),))
    decision = said(made, ONE_BREAK, case)
    assert decision.answer is answer
    if answer is Answer.PAUSE:
        assert decision.findings[0].magnitude == pytest.approx(2.0004, abs=1e-4)
        assert decision.findings[0].numbers["limit"] == 0.01
        assert "tail probability 0.01" in decision.sentence
        assert "at least 0.01" in decision.findings[0].would_pass_if


def test_break_with_its_own_tail(made: SimpleNamespace) -> None:
    case = made.case((made.verdict(outcome="above", tail_above=0.001),))
    assert said(made, {**ONE_BREAK, "tail": 0.0011}, case).answer is Answer.PAUSE
    assert said(made, {**ONE_BREAK, "tail": 0.001}, case).answer is Answer.GO


@pytest.mark.parametrize(("min_effect", "answer"), [(0.25, Answer.PAUSE), (0.2500001, Answer.GO)])
def test_break_needs_its_effect(made: SimpleNamespace, min_effect: float, answer: Answer) -> None:
    case = made.case((made.verdict(outcome="above", observed=-0.5, median=-0.75),))
    assert said(made, {**ONE_BREAK, "min_effect": min_effect}, case).answer is answer


def test_break_looks_at_its_side_in_terms_of_capability(made: SimpleNamespace) -> None:
    fallen = made.case((made.verdict(metric=made.LOSS, outcome="below"),))
    assert said(made, {**ONE_BREAK, "side": "above"}, fallen).answer is Answer.GO
    assert said(made, {**ONE_BREAK, "side": "below", "answer": "hold"}, fallen).answer is Answer.HOLD
    either = said(made, {**ONE_BREAK, "side": "either"}, fallen)
    assert either.answer is Answer.PAUSE
    assert "below the forecast" in either.sentence


def test_break_selects(made: SimpleNamespace) -> None:
    case = made.case((made.verdict(outcome="above"), made.verdict("other", made.MATCH)))
    assert said(made, {**ONE_BREAK, "select": {"metric": "exact*"}}, case).answer is Answer.GO
    assert said(made, {**ONE_BREAK, "select": {"kind": "continuous"}}, case).answer is Answer.PAUSE
    assert said(made, {**ONE_BREAK, "select": {"task": ["other", "shift"]}}, case).answer is Answer.PAUSE
    elsewhere = said(made, {**ONE_BREAK, "select": {"run": "m5"}}, case)
    assert (elsewhere.answer, elsewhere.reason) == (Answer.HOLD, Reason.no_data)


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("blind", Reason.blind),
        ("plateau", Reason.blind),
        ("saturated", Reason.blind),
        ("degenerate", Reason.blind),
        ("trend_unstable", Reason.blind),
        ("forms_disagree", Reason.forms_disagree),
        ("too_far", Reason.blind),
        ("too_few", Reason.unregistered),
        ("smaller", Reason.incomparable),
        ("remarked", Reason.incomparable),
        ("no_scale", Reason.incomparable),
    ],
)
def test_break_on_doubt(made: SimpleNamespace, why: str, reason: Reason) -> None:
    seen, doubtful = made.verdict("other"), made.verdict(outcome="inconclusive", why=why)
    held = said(made, ONE_BREAK, made.case((seen, doubtful)))
    assert (held.answer, held.reason) == (Answer.HOLD, reason)
    assert held.findings[0].would_pass_if
    warned = said(made, {**ONE_BREAK, "on_inconclusive": "warn"}, made.case((seen, doubtful)))
    assert (warned.answer, warned.reason) == (Answer.WARN, reason)


def test_unforeseen_is_unregistered(made: SimpleNamespace) -> None:
    held = said(made, ONE_BREAK, made.case((made.verdict("other"), made.verdict(outcome="unforeseen"))))
    assert (held.answer, held.reason) == (Answer.HOLD, Reason.unregistered)


def test_a_blind_forecast_may_still_see_a_large_break_and_an_incomparable_one_may_not(made: SimpleNamespace) -> None:
    names = ("blind", "saturated", "trend_unstable", "forms_disagree", "too_far")
    for why, answer in (*((why, Answer.PAUSE) for why in names), ("remarked", Answer.HOLD)):
        case = made.case((made.verdict(outcome="inconclusive", why=why, tail_above=1e-9),))
        assert said(made, ONE_BREAK, case).answer is answer


@pytest.mark.parametrize(("blindness", "answer"), [(0.35, Answer.GO), (0.3501, Answer.HOLD)])
def test_expected_is_worth_what_the_forecast_could_see(made: SimpleNamespace, blindness: float, answer: Answer) -> None:
    seen = made.verdict(blindness=blindness)
    case = made.case((seen,), diagnoses=(made.diagnosis(continuous=seen),))
    assert said(made, ONE_BREAK, case).answer is answer
    assert said(made, {"kind": "diagnosis"}, case).answer is answer


@pytest.mark.parametrize(("rungs", "answer"), [(4, Answer.GO), (3, Answer.HOLD)])
def test_too_few_rungs_under_a_tightened_policy(made: SimpleNamespace, rungs: int, answer: Answer) -> None:
    assert said(made, ONE_BREAK, made.case((made.verdict(rungs=rungs),))).answer is answer


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("on_trend", Answer.GO),
        ("metric_artefact", Answer.WARN),
        ("unexplained_jump", Answer.PAUSE),
        ("genuine_break", Answer.PAUSE),
        ("latent_break", Answer.PAUSE),
        ("regression", Answer.HOLD),
        ("unresolved_jump", Answer.HOLD),
        ("inverse_scaling", Answer.WARN),
        ("dip", Answer.WARN),
        ("inconclusive", Answer.HOLD),
    ],
)
def test_diagnosis_defaults(made: SimpleNamespace, name: str, answer: Answer) -> None:
    decision = said(made, {"kind": "diagnosis"}, made.case(diagnoses=(made.diagnosis(name),)))
    assert decision.answer is answer
    if answer is not Answer.GO:
        assert decision.findings[0].subject == "shift"
        assert decision.findings[0].would_pass_if


def test_diagnosis_overrides(made: SimpleNamespace) -> None:
    two = (made.diagnosis(), made.diagnosis("inconclusive", "b"))
    case = made.case((made.verdict(), made.verdict("b")), diagnoses=two)
    table = {"kind": "diagnosis", "answers": {"inconclusive": "warn"}}
    assert said(made, table, case).answer is Answer.WARN
    artefact = made.case(diagnoses=(made.diagnosis("metric_artefact"),))
    assert said(made, {"kind": "diagnosis", "answers": {"metric_artefact": "go"}}, artefact).answer is Answer.GO


def test_verdicts_without_any_diagnosis_hold(made: SimpleNamespace) -> None:
    decision = said(made, {"kind": "diagnosis"}, made.case(diagnoses=()))
    assert (decision.answer, decision.reason) == (Answer.HOLD, Reason.no_data)
    assert "no task was diagnosed" in decision.sentence


@pytest.mark.parametrize(("tail", "answer"), [(0.05, Answer.GO), (0.0499, Answer.HOLD)])
def test_a_diagnosis_made_under_a_looser_tail_is_blind(made: SimpleNamespace, tail: float, answer: Answer) -> None:
    seen = made.verdict(tail_below=tail)
    case = made.case((seen,), diagnoses=(made.diagnosis(continuous=seen),))
    assert said(made, {"kind": "diagnosis"}, case, judging={"tail": 0.05}).answer is answer


def test_a_missing_metric_of_unknown_kind_counts_as_selected(made: SimpleNamespace) -> None:
    case = made.case(missing=(made.missing("bio", "unheard_of"),))
    for table in ({"kind": "break"}, {"kind": "evidence", "require": "ladder"}):
        assert said(made, {**table, "select": {"kind": "continuous"}}, case).answer is Answer.HOLD


def test_a_harmless_diagnosis_needs_a_metric_that_could_see(made: SimpleNamespace) -> None:
    blind = made.verdict(outcome="inconclusive")
    for name in ("on_trend", "metric_artefact"):
        case = made.case((made.verdict("other"),), diagnoses=(made.diagnosis(name, continuous=blind),))
        assert said(made, {"kind": "diagnosis"}, case).answer is Answer.HOLD
        nobody = made.diagnosis(name, continuous=None, thresholded=None)
        assert said(made, {"kind": "diagnosis"}, made.case(diagnoses=(nobody,))).answer is Answer.HOLD


def test_magnitude_of_a_jump_that_only_the_link_describes(made: SimpleNamespace) -> None:
    jump = made.diagnosis(
        "unexplained_jump",
        continuous=made.verdict(tail_above=0.5),
        thresholded=made.verdict(metric=made.MATCH, observed=0.9, tail_above=None),
        linked=Linked(method="fitted", predicted=0.2, lower=0.1, upper=0.3),
    )
    decision = said(made, {"kind": "diagnosis"}, made.case(diagnoses=(jump,)))
    assert decision.findings[0].magnitude == pytest.approx((0.9 - 0.3) / 0.2)


ACC = Metric(name="acc", kind="thresholded", lower=0.0, upper=1.0)
UNBOUNDED = Metric(name="elo", kind="continuous")


# Wilson, one-sided 95 %, 50 of 100: upper bound 0.581152.
@pytest.mark.parametrize(("ceiling", "answer"), [(0.58115, Answer.PAUSE), (0.58116, Answer.GO)])
def test_level_compares_the_bound_not_the_point(made: SimpleNamespace, ceiling: float, answer: Answer) -> None:
    case = made.case((made.verdict(metric=ACC, observed=0.5, n=100),))
    assert said(made, {"kind": "level", "metric": "acc", "ceiling": ceiling}, case).answer is answer


# z(0.95) = 1.644854, so 10 + 1.644854 * 2 = 13.289707 and 10 - 3.289707 = 6.710293.
@pytest.mark.parametrize(
    ("direction", "ceiling", "answer"),
    [
        ("higher", 13.2897, Answer.PAUSE),
        ("higher", 13.2898, Answer.GO),
        ("lower", 6.7103, Answer.PAUSE),
        ("lower", 6.7102, Answer.GO),
    ],
)
def test_level_in_the_direction_of_capability(
    made: SimpleNamespace, direction: str, ceiling: float, answer: Answer
) -> None:
    metric = Metric.model_validate({"name": "elo", "kind": "continuous", "direction": direction})
    case = made.case((made.verdict(metric=metric, observed=10.0, stderr=2.0),))
    assert said(made, {"kind": "level", "metric": "elo", "ceiling": ceiling}, case).answer is answer


# 50 of 100: Wilson 0.581152; standard error 0.1: 0.664485. The farther one counts, whichever it is.
@pytest.mark.parametrize(("stderr", "bound"), [(0.1, 0.664485), (0.001, 0.581152)])
def test_level_takes_the_farther_bound(made: SimpleNamespace, stderr: float, bound: float) -> None:
    case = made.case((made.verdict(metric=ACC, observed=0.5, n=100, stderr=stderr),))
    for ceiling, answer in ((bound - 1e-5, Answer.PAUSE), (bound + 1e-5, Answer.GO)):
        assert said(made, {"kind": "level", "metric": "acc", "ceiling": ceiling}, case).answer is answer


@pytest.mark.parametrize(("ceiling", "answer"), [(1.0, Answer.GO), (50.0, Answer.HOLD)])
def test_a_ceiling_that_no_result_could_reach_is_in_other_units(
    made: SimpleNamespace, ceiling: float, answer: Answer
) -> None:
    case = made.case((made.verdict(metric=ACC, observed=0.5, n=100),))
    table = {"kind": "level", "metric": "acc", "ceiling": ceiling, "confidence": 0.95}
    decision = said(made, table, case)
    assert decision.answer is answer
    if answer is Answer.HOLD:
        assert (decision.reason, "different units" in decision.sentence) == (Reason.incomparable, True)


@pytest.mark.parametrize(("min_effect", "answer"), [(1.0, Answer.GO), (2.0, Answer.HOLD)])
def test_a_least_effect_wider_than_the_metric_is_in_other_units(
    made: SimpleNamespace, min_effect: float, answer: Answer
) -> None:
    case = made.case((made.verdict(metric=made.MATCH, outcome="above", observed=0.99, tail_above=1e-9),))
    decision = said(made, {"kind": "break", "min_effect": min_effect}, case)
    assert decision.answer is answer
    if answer is Answer.HOLD:
        assert (decision.reason, "different units" in decision.sentence) == (Reason.incomparable, True)


def test_level_without_noise(made: SimpleNamespace) -> None:
    table = {"kind": "level", "metric": "elo", "ceiling": 20.0}
    for stderr in (None, 0.0):
        case = made.case((made.verdict(metric=UNBOUNDED, observed=10.0, stderr=stderr),))
        held = said(made, table, case)
        assert (held.answer, held.reason) == (Answer.HOLD, Reason.blind)
        assert said(made, {**table, "assume_exact": True}, case).answer is Answer.GO
    over = made.case((made.verdict(metric=UNBOUNDED, observed=20.0),))
    assert said(made, table, over).answer is Answer.PAUSE


def test_none_of_ten_is_not_known_to_be_never(made: SimpleNamespace) -> None:
    case = made.case((made.verdict(metric=ACC, observed=0.0, stderr=0.0, n=10),))
    assert said(made, {"kind": "level", "metric": "acc", "ceiling": 0.05}, case).answer is Answer.PAUSE


def test_level_holds_for_what_is_missing_or_remarked(made: SimpleNamespace) -> None:
    table = {"kind": "level", "metric": "acc", "ceiling": 0.9}
    absent = said(made, table, made.case())
    assert (absent.answer, absent.reason) == (Answer.HOLD, Reason.no_data)
    there = made.verdict(metric=ACC, observed=0.5, n=100)
    named = said(made, {**table, "select": {"task": ["shift", "bio"]}}, made.case((there,)))
    assert (named.answer, named.findings[0].subject) == (Answer.HOLD, "bio · acc")
    gone = said(made, table, made.case((there,), missing=(made.missing("other", "acc"),)))
    assert gone.reason is Reason.no_data
    assert said(made, table, made.case((there,), missing=(made.missing("shift", "f1"),))).answer is Answer.GO
    cut = made.verdict(metric=ACC, observed=0.5, n=100, outcome="inconclusive", why="remarked")
    assert said(made, table, made.case((there, cut))).reason is Reason.incomparable


def test_evidence_wants_the_ladder(made: SimpleNamespace) -> None:
    table = {"kind": "evidence", "require": "ladder"}
    assert said(made, table, made.case()).answer is Answer.GO
    held = said(made, table, made.case(missing=(made.missing("bio", "acc"), made.missing("cyber", "acc"))))
    assert (held.answer, held.reason, len(held.findings)) == (Answer.HOLD, Reason.no_data, 2)
    assert {f.subject for f in held.findings} == {"bio · acc", "cyber · acc"}


def test_evidence_still_arriving_is_never_go(made: SimpleNamespace) -> None:
    table = {"kind": "evidence", "require": "ladder", "within": "48h"}
    case = made.case(missing=(made.missing("bio", "acc"),))
    early = said(made, table, case, made.T0 + timedelta(hours=47, minutes=59))
    late = said(made, table, case, made.T0 + timedelta(hours=48))
    assert early.answer is late.answer is Answer.HOLD
    assert "still arriving" in early.sentence
    assert "was due" in late.sentence


def test_evidence_wants_tasks(made: SimpleNamespace) -> None:
    assert said(made, {"kind": "evidence", "tasks": ["sh*"]}, made.case()).answer is Answer.GO
    held = said(made, {"kind": "evidence", "tasks": ["shift", "bio"]}, made.case())
    assert (held.answer, held.reason, held.findings[0].subject) == (Answer.HOLD, Reason.no_data, "bio")


@pytest.mark.parametrize(
    ("later", "answer", "reason"),
    [
        (timedelta(days=30), Answer.GO, Reason.ok),
        (timedelta(days=30, seconds=1), Answer.HOLD, Reason.stale),
        (-timedelta(minutes=5), Answer.GO, Reason.ok),
        (-timedelta(minutes=5, seconds=1), Answer.HOLD, Reason.fault),
    ],
)
def test_evidence_grows_old(made: SimpleNamespace, later: timedelta, answer: Answer, reason: Reason) -> None:
    decision = said(made, {"kind": "evidence", "max_age": "30d"}, made.case(), made.T0 + later)
    assert (decision.answer, decision.reason) == (answer, reason)


def test_evidence_of_unknown_age_is_stale(made: SimpleNamespace) -> None:
    assert said(made, {"kind": "evidence", "max_age": "30d"}, made.case(last_at=None)).reason is Reason.stale


@pytest.mark.parametrize("field", ["conflicts", "incomparable"])
def test_contradictions_hold(made: SimpleNamespace, field: str) -> None:
    case = made.case(**{field: ("two results of one thing differ",)})
    for table in ({"kind": "evidence"}, {"kind": "break"}):
        held = said(made, table, case)
        assert (held.answer, held.reason, len(held.findings)) == (Answer.HOLD, Reason.incomparable, 1)
        assert held.findings[0].rule == ("it" if table["kind"] == "evidence" else "house")


def composed(made: SimpleNamespace, name: str = "on_trend", why: str = "ok", **more: Any) -> Any:
    """What the parts of `shift` say of it."""
    share = Span(value=0.5, lower=0.4, upper=0.6)
    beside = Composed(formula="shift = a and b", observed=share, parts={"a": share, "b": share}, **more)
    seen = made.verdict("shift", made.MATCH)
    return made.diagnosis(name, beside.formula, continuous=None, thresholded=seen, composed=beside, why=why)


@pytest.mark.parametrize(("detectable", "answer"), [(0.35, Answer.GO), (0.3501, Answer.HOLD), (None, Answer.HOLD)])
def test_a_composition_is_worth_the_excess_it_could_see(
    made: SimpleNamespace, detectable: float | None, answer: Answer
) -> None:
    case = made.case(diagnoses=(made.diagnosis(), composed(made, detectable=detectable)))
    assert said(made, {"kind": "diagnosis"}, case).answer is answer


@pytest.mark.parametrize(
    ("judging", "more", "answer"),
    [
        ({"excess": 0.2}, {"allowed": 0.2}, Answer.GO),
        ({"excess": 0.1999}, {"allowed": 0.2}, Answer.HOLD),
        ({"tail": 0.02}, {"over_most": 0.02}, Answer.GO),
        ({"tail": 0.02}, {"over_most": 0.0199}, Answer.HOLD),
    ],
)
def test_a_composition_read_under_looser_terms_is_blind(
    made: SimpleNamespace, judging: dict[str, float], more: dict[str, float], answer: Answer
) -> None:
    seen = made.verdict("shift", tail_below=0.5, tail_above=0.5)
    own = made.diagnosis(continuous=seen)
    case = made.case((seen,), diagnoses=(own, composed(made, detectable=0.1, **more)))
    assert said(made, {"kind": "diagnosis"}, case, judging=judging).answer is answer


def test_an_excess_over_the_parts_pauses_and_weighs_what_its_tail_does(made: SimpleNamespace) -> None:
    jump = composed(made, "unexplained_jump", detectable=0.1, over_most=0.001, over_independent=0.5)
    decision = said(made, {"kind": "diagnosis"}, made.case(diagnoses=(made.diagnosis(), jump)))
    (finding,) = (f for f in decision.findings if f.subject == "shift = a and b")
    assert decision.answer is Answer.PAUSE
    assert finding.magnitude == pytest.approx(3.0)
    assert finding.numbers["composite"] == 0.5


@pytest.mark.parametrize("name", ["on_trend", "metric_artefact", "unresolved_jump", "regression", "inconclusive"])
@pytest.mark.parametrize("answers", [{}, {"unexplained_jump": "warn", "unresolved_jump": "pause"}])
def test_parts_never_loosen_what_the_task_itself_says(
    made: SimpleNamespace, name: str, answers: dict[str, str]
) -> None:
    table = {"kind": "diagnosis", "answers": answers}
    own = made.diagnosis(name)
    alone = said(made, table, made.case(diagnoses=(own,))).answer
    for beside in (
        composed(made, detectable=0.1),
        composed(made, "unexplained_jump", detectable=0.1, over_most=1e-4),
        composed(made, "inconclusive", "no_parts"),
    ):
        assert said(made, table, made.case(diagnoses=(own, beside))).answer.rank >= alone.rank


@pytest.mark.parametrize(("tail", "answer"), [(0.00999, Answer.WARN), (0.01, Answer.GO)])
def test_drift_fires_below_its_tail(made: SimpleNamespace, tail: float, answer: Answer) -> None:
    drift = Drift(
        family="tiny",
        run="m4",
        checkpoint="tiny/m4",
        domain="it",
        tasks=40,
        mean=0.6,
        effective=9.0,
        rungs=5,
        tail_above=tail,
        tail_below=1 - tail,
        sentence="forty questions lie above their forecasts",
        judgement_version=1,
    )
    case = made.case(drifts=(drift,))
    both = made.policy({"kind": "diagnosis", "id": "read"}, {"kind": "drift", "id": "it"})
    decision = decide(both, case, (), (), made.T0)
    assert decision.answer is answer
    if answer is Answer.WARN:
        assert "at least 0.01" in decision.findings[0].would_pass_if
    other = decide(made.policy({"kind": "diagnosis"}, {"kind": "drift", "id": "x"}), case, (), (), made.T0)
    assert other.answer is Answer.GO
    down = {"kind": "drift", "id": "it", "side": "below", "answer": "pause"}
    assert said(made, down, case).answer is Answer.GO
    fallen = case.model_copy(update={"drifts": (drift.model_copy(update={"tail_above": 0.99, "tail_below": 1e-3}),)})
    assert said(made, down, fallen).answer is Answer.PAUSE
    assert said(made, {**down, "side": "either"}, fallen).answer is Answer.PAUSE
