"""Rule `stage`: a run is assessed before it enters a stage."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from checkpoints_db.errors import BadPolicy
from checkpoints_db.records import Answer, Approval, Decision, Reason
from policies import decide

RULE: dict[str, Any] = {"kind": "stage", "id": "it", "before": ["rl", "release"], "requires": "light"}


def said(made: SimpleNamespace, table: dict[str, Any] | None = None, **more: Any) -> Decision:
    case = made.case(**{"checkpoint": "tiny/m4", **more})
    return decide(made.policy({**RULE, **(table or {})}), case, (), (), made.T0)


def days(made: SimpleNamespace, n: float) -> Any:
    return made.T0 - timedelta(days=n)


def test_entering_needs_an_assessment_since_the_present_stage_began(made: SimpleNamespace) -> None:
    sft = (made.stage("sft", days(made, 5)),)
    missing = said(made, stages=sft, entering="rl")
    assert (missing.answer, missing.reason) == (Answer.HOLD, Reason.assessment_due)
    assert missing.findings[0].subject == "rl · light"
    assert "since it entered 'sft'" in missing.sentence
    for when, answer in ((5.001, Answer.HOLD), (5, Answer.GO), (1, Answer.GO)):
        made_then = (made.assessment("light", days(made, when)),)
        assert said(made, stages=sft, entering="rl", assessments=made_then).answer is answer
    for more in ({"run": "m3"}, {"name": "comprehensive"}, {"recorded_at": made.T0 + timedelta(days=1)}):
        wrong = (made.assessment(**{"name": "light", "at": days(made, 1), **more}),)
        assert said(made, stages=sft, entering="rl", assessments=wrong).answer is Answer.HOLD
    assert said(made, stages=sft, entering="internal_deployment").answer is Answer.GO
    assert said(made, stages=sft).answer is Answer.GO


def test_or_of_the_newest_checkpoint(made: SimpleNamespace) -> None:
    more = {"stages": (made.stage("sft", days(made, 5)),), "entering": "rl"}
    for checkpoint, answer in (("tiny/m4", Answer.GO), ("tiny/m4@1", Answer.HOLD)):
        done = (made.assessment("light", days(made, 1), checkpoint=checkpoint),)
        assert said(made, {"since": "checkpoint"}, **more, assessments=done).answer is answer


def test_a_run_that_entered_without_it_holds_until_it_is_made(made: SimpleNamespace) -> None:
    stages = (made.stage("sft", days(made, 5)), made.stage("rl", days(made, 3)))
    assert said(made, stages=stages).reason is Reason.assessment_due
    for when, answer in ((6, Answer.HOLD), (4, Answer.GO), (1, Answer.GO)):
        assert said(made, stages=stages, assessments=(made.assessment("light", days(made, when)),)).answer is answer


def test_a_stage_that_nobody_recorded_holds(made: SimpleNamespace) -> None:
    unknown = said(made)
    assert (unknown.answer, unknown.reason) == (Answer.HOLD, Reason.no_data)
    done = (made.assessment("light", days(made, 9)),)
    assert said(made, entering="rl", assessments=done).reason is Reason.no_data
    assert said(made, {"since": "checkpoint"}, entering="rl", assessments=done).answer is Answer.GO


def test_every_assessment_that_is_named_is_needed(made: SimpleNamespace) -> None:
    table, sft = {"requires": ["light", "red_team"]}, (made.stage("sft", days(made, 5)),)
    one = said(made, table, stages=sft, entering="rl", assessments=(made.assessment("light"),))
    assert [finding.subject for finding in one.findings] == ["rl · red_team"]


def test_an_approval_of_going_on_is_none_of_entering_a_stage(made: SimpleNamespace) -> None:
    policy = made.policy(RULE, {"kind": "break", "id": "b"})
    case = made.case((made.verdict(outcome="above"),), stages=(made.stage("sft"),), checkpoint="tiny/m4")
    votes = [
        Approval(
            id=by,
            family="tiny",
            run="m4",
            by=by,
            reason="looked at it",
            at=made.T0,
            evidence=case.evidence,
            policy=policy.digest,
        )
        for by in ("bob", "carol")
    ]
    assert decide(policy, case, (), votes, made.T0).released
    asked = case.model_copy(update={"entering": "rl"})
    decision = decide(policy, asked, (), votes, made.T0)
    assert (decision.answer, decision.reason) == (Answer.HOLD, Reason.assessment_due)


def test_a_rule_that_requires_nothing_is_refused(made: SimpleNamespace) -> None:
    with pytest.raises(BadPolicy, match="requires"):
        made.policy({**RULE, "requires": []})
