"""The false-alarm budget: what a suite's size explains is a warning, what it does not explain still pauses."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from checkpoints_db.errors import BadPolicy
from checkpoints_db.records import Answer, Case, Decision, Level, Linked, Look, Metric, Reason
from policies import decide, shelf
from policies.budget import account, by, by_evidence, harmonic, holm
from policies.evalues import added_up, averaged, calibrated, harmonic_limit, weight

READ: dict[str, Any] = {"kind": "diagnosis", "id": "it"}
HOLM = {"method": "holm"}
share = st.floats(1e-6, 1)


def suite(made: SimpleNamespace, tails: list[float], name: str = "latent_break", **more: Any) -> Case:
    """One likelihood a task, with these tails; those under 1 % are diagnosed as `name`."""
    verdicts, read = [], []
    for n, tail in enumerate(tails):
        broke = tail < 0.01
        verdicts.append(
            made.verdict(f"t{n}", outcome="above" if broke else "expected", tail_above=tail, tail_below=1 - tail)
        )
        body = {"continuous": verdicts[-1], "thresholded": None, **(more if broke else {})}
        read.append(made.diagnosis(name if broke else "on_trend", f"t{n}", **body))
    return made.case(tuple(verdicts), diagnoses=tuple(read))


def said(made: SimpleNamespace, case: Case, budget: dict[str, Any], **table: Any) -> Decision:
    return decide(made.policy({**READ, **table}, budget=budget), case, (), (), made.T0)


@pytest.mark.parametrize(("tail", "answer"), [(0.0005, Answer.PAUSE), (0.000501, Answer.WARN)])
def test_what_the_size_of_the_suite_explains_warns(made: SimpleNamespace, tail: float, answer: Answer) -> None:
    decision = said(made, suite(made, [tail, *[0.5] * 99]), HOLM)
    assert decision.answer is answer
    budget = decision.budget
    assert budget is not None
    assert (budget.tests, budget.limit, budget.smallest, budget.looks) == (100, 0.0005, tail, 1)
    assert budget.taken_back == (() if answer is Answer.PAUSE else ("t0",))
    if answer is Answer.WARN:
        assert "100 tests, and one whose p-value is 0.0005 comes by chance in 4.9 % of checkpoints" in decision.sentence
        assert "it explains t0" in budget.sentence
        assert decision.findings[0].reason is Reason.broken


@pytest.mark.parametrize("method", ["holm", "by", "harmonic", "e_average"])
def test_no_share_is_too_small_to_decide_with(made: SimpleNamespace, method: str) -> None:
    least = {"method": method, "share": 5e-324, "per": "run"}
    case = suite(made, [1e-5, 0.5]).model_copy(update={"looks": (Look(checkpoint="tiny/m3", surprises={}),)})
    assert said(made, case, least).answer is Answer.WARN


def test_a_small_suite_is_judged_as_without_a_budget(made: SimpleNamespace) -> None:
    for count in (1, 5):
        assert said(made, suite(made, [0.00999, *[0.5] * (count - 1)]), HOLM).answer is Answer.PAUSE
    assert said(made, suite(made, [0.00999, *[0.5] * 5]), HOLM).answer is Answer.WARN


def test_a_strong_break_among_a_thousand_pauses_and_does_not_drag_a_weak_one_along(made: SimpleNamespace) -> None:
    decision = said(made, suite(made, [1e-6, 0.005, *[0.5] * 998]), HOLM)
    assert decision.answer is Answer.PAUSE
    assert [(f.subject, f.answer) for f in decision.findings] == [("t0", Answer.PAUSE), ("t1", Answer.WARN)]


def test_a_question_is_one_test_whatever_it_is_measured_by(made: SimpleNamespace) -> None:
    """A likelihood under four names and two accuracies: twelve questions, twelve tests, and p is twice the tail."""
    names = ("log_likelihood", "log_likelihood_per_byte", "bits_per_byte", "perplexity")
    metrics = [Metric(name=n, kind="continuous") for n in names] + [made.MATCH, Metric(name="acc", kind="thresholded")]
    verdicts, read = [], []
    for n in range(12):
        tails = {"tail_above": 0.002, "tail_below": 0.998, "outcome": "above"} if n == 0 else {}
        own = [made.verdict(f"t{n}", m, **tails) for m in metrics]
        verdicts += own
        name = "genuine_break" if n == 0 else "on_trend"
        read.append(made.diagnosis(name, f"t{n}", continuous=own[0], thresholded=own[4]))
    case = made.case(tuple(verdicts), diagnoses=tuple(read))
    decision = decide(made.policy(READ, {"kind": "break"}, budget=HOLM), case, (), (), made.T0)
    assert decision.budget is not None
    assert (decision.budget.tests, decision.budget.smallest) == (12, 0.004)
    assert decision.answer is Answer.PAUSE
    together = case.model_copy(update={"questions": {f"t{n}": "one" for n in range(1, 12)}})
    assert account(made.policy({"kind": "break"}, budget=HOLM), together).record.tests == 2


def test_no_budget_without_one(made: SimpleNamespace) -> None:
    decision = said(made, suite(made, [0.009, *[0.5] * 99]), {})
    assert decision.answer is Answer.PAUSE
    assert decision.budget is not None
    assert (decision.budget.method, decision.budget.limit, decision.budget.spent) == ("none", None, 0.0)
    assert "no false-alarm budget; 100 tests, the smallest p-value is 0.009" in decision.budget.sentence


def test_hard_rules_and_looser_rules_stand_outside(made: SimpleNamespace) -> None:
    case = suite(made, [0.009, *[0.5] * 99])
    for table in ({"level": "hard"}, {"kind": "break", "tail": 0.02}):
        decision = said(made, case, HOLM, **table)
        assert decision.answer is Answer.PAUSE
        assert decision.budget is not None
        assert decision.budget.tests == 0
    assert said(made, case, HOLM, kind="break", tail=0.01).answer is Answer.WARN


def test_what_is_below_or_rests_on_no_break_is_never_taken_back(made: SimpleNamespace) -> None:
    calm = [0.5] * 99
    fallen = made.verdict("t0", outcome="below", tail_below=0.009, tail_above=0.991)
    case = suite(made, [0.5, *calm])
    regressed = case.model_copy(
        update={"diagnoses": (made.diagnosis("regression", "t0", continuous=fallen), *case.diagnoses[1:])}
    )
    assert said(made, regressed, HOLM, answers={"regression": "pause"}).answer is Answer.PAUSE
    # A jump over a link whose own forecast was too wide to call it a break.
    jump = made.diagnosis("unexplained_jump", "t0", thresholded=made.verdict("t0", made.MATCH, "inconclusive"))
    assert said(made, case.model_copy(update={"diagnoses": (jump, *case.diagnoses[1:])}), HOLM).answer is Answer.PAUSE


@pytest.mark.parametrize(("observed", "answer"), [(0.55, Answer.WARN), (0.70, Answer.PAUSE)])
def test_a_jump_far_over_its_link_is_no_noise_of_the_suite(
    made: SimpleNamespace, observed: float, answer: Answer
) -> None:
    score = made.verdict("t0", made.MATCH, "above", observed=observed, tail_above=0.009, tail_below=0.991)
    linked = Linked(method="fitted", predicted=0.4, lower=0.28, upper=0.52)
    more = {"continuous": made.verdict("t0"), "thresholded": score, "linked": linked}
    assert said(made, suite(made, [0.001, *[0.5] * 99], "unexplained_jump", **more), HOLM).answer is answer


@pytest.mark.parametrize(("tail", "answer"), [(0.009, Answer.WARN), (1e-6, Answer.PAUSE)])
def test_a_link_with_a_law_is_taken_at_its_word(made: SimpleNamespace, tail: float, answer: Answer) -> None:
    score = made.verdict("t0", made.MATCH, "above", observed=0.55, tail_above=0.009, tail_below=0.991)
    linked = Linked(method="items", predicted=0.4, lower=0.28, upper=0.52, tail_above=tail, tail_below=1 - tail)
    more = {"continuous": made.verdict("t0"), "thresholded": score, "linked": linked}
    assert said(made, suite(made, [0.001, *[0.5] * 99], "unexplained_jump", **more), HOLM).answer is answer


def test_doubt_pays_for_nothing_and_still_holds(made: SimpleNamespace) -> None:
    """Doubtful results are no tests, and a HOLD beside an explained break stays a HOLD."""
    blind = [made.verdict(f"b{n}", outcome="inconclusive") for n in range(50)]
    case = suite(made, [0.004, *[0.5] * 11])
    doubts = tuple(made.diagnosis("inconclusive", v.task, continuous=v, thresholded=None) for v in blind)
    more = case.model_copy(update={"verdicts": (*case.verdicts, *blind), "diagnoses": (*case.diagnoses, *doubts)})
    assert said(made, case, HOLM).answer is Answer.PAUSE
    assert said(made, more, HOLM).answer is Answer.PAUSE
    weak = suite(made, [0.009, *[0.5] * 11])
    weak = weak.model_copy(update={"diagnoses": (*weak.diagnoses, *doubts)})
    assert said(made, weak, HOLM).answer is Answer.HOLD


def test_what_is_still_to_come_counts_so_that_arriving_in_parts_costs_nothing(made: SimpleNamespace) -> None:
    whole = suite(made, [0.004, *[0.5] * 39])
    part = whole.model_copy(
        update={
            "verdicts": whole.verdicts[:3],
            "diagnoses": whole.diagnoses[:3],
            "missing": tuple(made.missing(v.task, v.metric.name) for v in whole.verdicts[3:]),
        }
    )
    assert said(made, whole, HOLM).answer is Answer.WARN
    held = said(made, part, HOLM)
    assert (held.answer, held.reason) == (Answer.HOLD, Reason.no_data)
    assert held.budget is not None
    assert held.budget.tests == 40
    assert (held.budget.spent, held.budget.left) == (0.00375, 0.04625)


def test_several_moderate_breaks_stand_together_where_none_would_alone(made: SimpleNamespace) -> None:
    budget = {"method": "harmonic"}
    for count, answer in ((1, Answer.WARN), (5, Answer.WARN), (6, Answer.PAUSE)):
        decision = said(made, suite(made, [*[0.0015] * count, *[0.5] * (100 - count)]), budget)
        assert decision.answer is answer, count
    alone = said(made, suite(made, [0.0002, *[0.5] * 99]), budget)
    assert alone.answer is Answer.PAUSE
    assert alone.budget is not None
    assert alone.budget.limit == pytest.approx(1 / (100 * harmonic_limit(100, 0.05) - 99), rel=1e-5)


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("tests", [10, 200])
def test_a_suite_on_trend_pauses_in_one_to_six_per_cent_whatever_its_dependence(tests: int, rho: float) -> None:
    """6000 suites: three standard errors of 1 % are 0.4 %; at most 5.7 % are known of larger studies."""
    rng = np.random.default_rng(20261123)
    z = np.sqrt(rho) * rng.standard_normal((6000, 1)) + np.sqrt(1 - rho) * rng.standard_normal((6000, tests))
    paused = float(((1 / ndtr(-z)).mean(axis=1) >= harmonic_limit(tests, 0.05)).mean())
    assert 0.01 + 0.004 < paused < 0.06


def test_a_run_spends_half_then_a_sixth(made: SimpleNamespace) -> None:
    case = suite(made, [0.002, *[0.5] * 9])
    run = {"method": "holm", "per": "run"}
    first = said(made, case, run)
    second = said(made, case.model_copy(update={"looks": (Look(checkpoint="c1"),)}), run)
    assert (first.answer, second.answer) == (Answer.PAUSE, Answer.WARN)
    assert first.budget is not None
    assert second.budget is not None
    assert (first.budget.spent, first.budget.left, first.budget.limit) == (0.025, 0.025, 0.0025)
    assert (second.budget.looks, second.budget.spent, second.budget.left) == (2, 0.0333333, 0.0166667)


def test_an_e_process_adds_up_what_no_single_look_shows(made: SimpleNamespace) -> None:
    case = suite(made, [2e-5, *[0.5] * 4])
    budget = {"method": "e_process", "per": "run"}
    before = tuple(Look(checkpoint=f"c{n}", surprises={"t0": 1e-5}) for n in range(3))
    alone = case.model_copy(update={"looks": tuple(Look(checkpoint=f"c{n}") for n in range(3))})
    assert said(made, alone, budget).answer is Answer.WARN
    assert said(made, case.model_copy(update={"looks": before}), budget).answer is Answer.PAUSE


def test_an_e_process_is_of_a_run(made: SimpleNamespace) -> None:
    with pytest.raises(BadPolicy, match='write per = "run"'):
        made.policy(READ, budget={"method": "e_process"})


def test_strict_has_no_budget_and_default_has_one() -> None:
    assert shelf("strict").budget.method == "none"
    assert shelf("default").budget.method != "none"
    assert all(rule.level is not Level.hard for rule in shelf("default").rules)


@given(st.lists(share, min_size=1, max_size=6), st.data())
def test_a_smaller_p_value_never_saves_anybody(p: list[float], data: st.DataObject) -> None:
    """Where a break stands, it stands when any question becomes more surprising, and in a smaller suite."""
    i = data.draw(st.integers(0, len(p) - 1))
    worse = [each * data.draw(st.floats(1e-3, 1)) if k == i else each for k, each in enumerate(p)]
    tests = len(p) + data.draw(st.integers(0, 9))
    for method in (holm, by, harmonic):
        stands, after = method(p, 0.05, tests), method(worse, 0.05, tests)
        assert all(b or not a for a, b in zip(stands, after, strict=True))
        assert all(b or not a for a, b in zip(method(p, 0.05, tests + 1), stands, strict=True))
    e, more = [calibrated(x) for x in p], [calibrated(x) for x in worse]
    stands, after = by_evidence(e, 0.05, tests), by_evidence(more, 0.05, tests)
    assert all(b or not a for a, b in zip(stands, after, strict=True))


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6))
def test_adjusted_evidence_is_the_smallest_mean_of_any_group(e: list[float]) -> None:
    groups = [g for r in range(1, len(e) + 1) for g in itertools.combinations(range(len(e)), r)]
    wanted = [min(sum(e[j] for j in g) / len(g) for g in groups if i in g) for i in range(len(e))]
    assert averaged(e) == pytest.approx(wanted)


def test_evidence_is_worth_one_on_average_under_chance() -> None:
    """The mean of the calibrated e-value over a uniform p is 1; of weights over any number of looks below 1."""
    n, top = 200_000, 60.0
    x = [(k + 0.5) * top / n for k in range(n)]
    assert sum(calibrated(2.718281828459045**-v) * 2.718281828459045**-v for v in x) * top / n == pytest.approx(
        1 - 1 / top, abs=2e-3
    )
    assert sum(weight(k) for k in range(1, 1000)) < 1
    assert added_up([1.0] * 999, 1.0) == pytest.approx(1 - 1 / 1001)
