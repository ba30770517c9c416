"""What holds of every policy that a file can express, whatever its kinds of rule: drawn from the exported schema."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from drawing import AT, LIKELIHOOD, cases, policies, rules
from hypothesis import HealthCheck, Phase, assume, find, given, settings
from hypothesis import strategies as st

from checkpoints_db.records import Answer, Case, Decision, Finding, Level, Missing, Waiver
from policies import decide
from policies.loader import from_body
from policies.rules import RULES, rule_of
from policies.schema import Policy

# Tables that a policy refuses are drawn again, which costs draws and not cases.
SLOW = (HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large)
FAST = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=SLOW)
WANTED = settings(
    max_examples=500, derandomize=True, phases=[Phase.generate], suppress_health_check=SLOW, database=None
)
HOLD = Answer.HOLD.rank


EVERYTHING: list[dict[str, Any]] = [
    {"id": "all-tasks", "kind": "diagnosis", "level": "soft"},
    {"id": "all-metrics", "kind": "break", "level": "soft", "on_inconclusive": "warn"},
]
"""With these a policy looks at everything. Without them a further rule may look at what the house held for, and a task
that no rule looks at holds while its results are doubtful, and not when they are gone."""


def whole(policy: Policy, *more: dict[str, Any]) -> Policy:
    """The policy with rules that look at everything, and then some."""
    body = policy.body()
    return from_body({**body, "rules": [*EVERYTHING, *body["rules"], *more]})


def rank(policy: Policy, case: Case) -> int:
    return decide(policy, case, (), (), AT).answer.rank


def without_task(case: Case, task: str) -> Case:
    """The case as a store makes it where the results of a task are not there."""
    gone = [v for v in case.verdicts if v.task == task]
    kept: dict[str, Any] = {
        name: tuple(each for each in getattr(case, name) if each.task != task)
        for name in ("verdicts", "reaches", "rates")
    }
    series = {v.series for v in gone}
    return case.model_copy(
        update={
            **kept,
            "skills": tuple(each for each in case.skills if each.series not in series),
            "diagnoses": tuple(d for d in case.diagnoses if d.question != task),
            "missing": (*case.missing, *(Missing(task=v.task, metric=v.metric.name) for v in gone)),
        }
    )


@FAST
@given(policies(), cases(), st.booleans())
def test_nothing_judged_is_never_go(policy: Policy, case: Case, judged: bool) -> None:
    nothing = {"verdicts": (), "diagnoses": (), "reaches": (), "rates": (), "skills": (), "judged": judged}
    assert rank(policy, case.model_copy(update=nothing)) >= HOLD
    assert rank(policy, case.model_copy(update={"judged": False})) >= HOLD


@FAST
@given(policies(), cases())
def test_what_a_binding_rule_would_have_judged_is_never_missing_and_go(policy: Policy, case: Case) -> None:
    less = without_task(case, "a")
    looks = [part for rule in policy.binding if rule.applies(less) for part in rule.parts]
    judged = [p for p in looks if rule_of(p.kind).reads_verdicts]
    taken = any(p.takes("a", LIKELIHOOD.name, LIKELIHOOD.kind, case.domains_of("a")) for p in judged)
    if taken and policy.floor is Level.soft:
        assert rank(policy, less) >= HOLD


@FAST
@given(policies(), cases())
def test_a_deleted_task_opens_nothing(policy: Policy, case: Case) -> None:
    if rank(whole(policy), case) >= HOLD:
        assert rank(whole(policy), without_task(case, "a")) >= HOLD


@FAST
@given(policies(), cases(outcomes=["inconclusive", "unforeseen"]))
def test_what_no_forecast_could_judge_is_never_go_where_a_policy_can_stop(policy: Policy, case: Case) -> None:
    if policy.floor is Level.soft:
        assert rank(policy, case) >= HOLD


@FAST
@given(policies(), rules("extra"), cases())
def test_a_further_rule_never_improves_a_decision(policy: Policy, extra: dict[str, Any], case: Case) -> None:
    read = extra.get("when", {}).get("rule")
    assume(not read or read in [rule.id for rule in policy.rules])  # a rule reads others of its own policy
    assert rank(whole(policy, extra), case) >= rank(whole(policy), case)


@FAST
@given(policies(), rules("extra", level="shadow"), cases())
def test_a_shadow_rule_never_changes_the_gate(policy: Policy, extra: dict[str, Any], case: Case) -> None:
    if all(rule.level is Level.shadow for rule in policy.rules):
        return
    body = policy.body()
    wider = from_body({**body, "rules": [*body["rules"], extra]})
    assert rank(wider, case) == rank(policy, case)


def apart(findings: tuple[Finding, ...], waiver: Waiver) -> Counter[str]:
    return Counter(
        f.model_copy(update={"waived_by": ""}).digest
        for f in findings
        if (f.rule, f.subject) != (waiver.rule, waiver.subject) and f.kind != "house"
    )


@FAST
@given(policies(), cases(), st.data())
def test_a_waiver_touches_only_its_rule_scope_level_and_time(policy: Policy, case: Case, data: st.DataObject) -> None:
    plain = decide(policy, case, (), (), AT)
    open_ = [f for f in plain.findings if f.answer is not Answer.GO]
    if not open_:
        return
    seen = data.draw(st.sampled_from(open_))
    waiver = Waiver(
        id="w",
        rule=seen.rule,
        family="f",
        run="r",
        subject=seen.subject,
        up_to=seen.magnitude,
        answer=seen.answer,
        saw=seen.reason,
        by="ann",
        reason="known",
        at=AT - timedelta(hours=1),
        expires=AT + timedelta(hours=1),
        policy=policy.digest,
    )
    waived = decide(policy, case, (waiver,), (), AT)
    for finding in waived.findings:
        if finding.waived_by:
            assert (finding.rule, finding.subject, finding.reason) == (waiver.rule, waiver.subject, waiver.saw)
            assert finding.level is not Level.hard
            assert finding.answer.rank <= waiver.answer.rank
            assert finding.magnitude <= waiver.up_to
    assert apart(waived.findings, waiver) == apart(plain.findings, waiver)
    assert unwaived(policy, case, waiver.model_copy(update={"run": "other"})) == plain
    assert unwaived(policy, case, waiver.model_copy(update={"rule": "other"})) == plain
    assert unwaived(policy, case, waiver.model_copy(update={"expires": AT})) == plain
    assert unwaived(policy, case, waiver.model_copy(update={"at": AT + timedelta(seconds=1)})) == plain
    if seen.magnitude > 0:
        assert unwaived(policy, case, waiver.model_copy(update={"up_to": seen.magnitude / 2})).answer.rank >= min(
            plain.answer.rank, seen.effect.rank
        )


def unwaived(policy: Policy, case: Case, waiver: Waiver) -> Decision:
    return decide(policy, case, (waiver,), (), AT)


@pytest.mark.parametrize("kind", RULES.names())
def test_the_strategies_reach_every_kind(kind: str) -> None:
    """The properties above would hold of policies without rules."""
    assert find(rules("r0", kind), lambda table: table["kind"] == kind, settings=WANTED)


@pytest.mark.parametrize("answer", Answer)
def test_the_strategies_reach_every_answer(answer: Answer) -> None:
    """The properties above would hold of an engine that always holds."""
    some = st.tuples(policies("diagnosis", level="soft"), cases())
    assert find(some, lambda pair: decide(*pair, (), (), AT).answer is answer, settings=WANTED)
