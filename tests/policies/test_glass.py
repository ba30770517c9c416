"""Break-glass: short, over soft findings that were seen, and reviewed by somebody else; expired means absent."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from checkpoints_db.errors import BadRelease
from checkpoints_db.records import Answer, BreakGlass, Case, Decision, Latch, Reason
from policies import approve, decide
from policies.glass import BreakTerms, break_glass, live, review
from policies.schema import Policy
from policies.several import latched

BREAK: dict[str, Any] = {"kind": "break", "id": "break"}
HOUR = timedelta(hours=1)


def ask(made: SimpleNamespace, **more: Any) -> BreakTerms:
    asked = {
        "by": "carol",
        "reason": "the cluster is lost at noon",
        "at": made.T0,
        "until": made.T0 + 24 * HOUR,
        "max_flop": 1e20,
        "most": 1e20,
        "unreviewed": None,
    }
    return BreakTerms(**{**asked, **more})


def broken(policy: Policy, case: Case, terms: BreakTerms) -> BreakGlass:
    decision = decide(policy, case, (), (), terms.at)
    return break_glass(policy, decision, {policy.digest: case.evidence}, terms)


@pytest.fixture
def paused(made: SimpleNamespace) -> SimpleNamespace:
    policy, case = made.policy(BREAK), made.case((made.verdict(outcome="above"),))
    glass = broken(policy, case, ask(made))
    return SimpleNamespace(policy=policy, case=case, glass=glass, with_glass=case.model_copy(update={"glass": glass}))


def after(paused: SimpleNamespace, at: Any, **more: Any) -> Decision:
    case = more.pop("case", paused.with_glass).model_copy(update=more.pop("update", {}))
    return decide(more.pop("policy", paused.policy), case, (), more.pop("approvals", ()), at)


def test_it_warns_loudly_for_its_time(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    for hours in (0, 23):
        decision = after(paused, made.T0 + hours * HOUR)
        assert (decision.answer, decision.break_glass) == (Answer.WARN, paused.glass.id)
        assert (decision.until, decision.max_flop) == (made.T0 + 24 * HOUR, 1e20)
        assert decision.sentence.startswith("BREAK-GLASS by carol until")
        assert decision.findings[0].broken_by == "carol"
        assert not decision.released


def test_it_is_no_evidence(paused: SimpleNamespace) -> None:
    assert paused.with_glass.evidence == paused.case.evidence


def test_when_it_has_ended_nothing_opens_the_gate_but_a_review(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    end = made.T0 + 24 * HOUR
    decision = after(paused, end)
    assert decision.answer is Answer.PAUSE
    assert Reason.assessment_due in {f.reason for f in decision.findings}
    calm = made.case().model_copy(update={"glass": paused.glass})
    held = after(paused, end, case=calm)
    assert (held.answer, held.reason) == (Answer.HOLD, Reason.assessment_due)
    assert after(paused, end - HOUR, case=calm).answer is Answer.GO
    with pytest.raises(BadRelease, match="gate review"):
        approve(paused.policy, held, by="dan", reason="r", at=end)


@pytest.mark.parametrize(
    "change",
    [
        {"expires": timedelta(hours=24, seconds=1)},
        {"at": timedelta(seconds=1)},
        {"evidence": {}},
        {"evidence": {"0" * 64: "0" * 64}},
    ],
)
def test_a_forged_one_in_the_store_is_absent(
    made: SimpleNamespace, paused: SimpleNamespace, change: dict[str, Any]
) -> None:
    moved = {k: made.T0 + v if isinstance(v, timedelta) else v for k, v in change.items()}
    forged = paused.glass.model_copy(update=moved)
    assert live(paused.policy, paused.glass, paused.case.evidence, made.T0)
    assert not live(paused.policy, forged, paused.case.evidence, made.T0)
    assert after(paused, made.T0, update={"glass": forged}).answer is Answer.PAUSE


def test_new_evidence_or_another_policy_voids_it(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    more = made.case((*paused.case.verdicts, made.verdict("b"))).model_copy(update={"glass": paused.glass})
    assert after(paused, made.T0, case=more).answer is Answer.PAUSE
    assert after(paused, made.T0, policy=made.policy(BREAK, version="2")).answer is Answer.PAUSE


def test_it_reaches_nothing_that_came_later(made: SimpleNamespace) -> None:
    policy = made.policy(BREAK, {"kind": "evidence", "id": "fresh", "max_age": "1d"})
    case = made.case((made.verdict(outcome="above"),))
    terms = ask(made, at=made.T0 + 20 * HOUR, until=made.T0 + 40 * HOUR)
    case = case.model_copy(update={"glass": broken(policy, case, terms)})
    assert decide(policy, case, (), (), made.T0 + 23 * HOUR).answer is Answer.WARN
    stale = decide(policy, case, (), (), made.T0 + 25 * HOUR)
    assert (stale.answer, stale.reason) == (Answer.HOLD, Reason.stale)


@pytest.mark.parametrize(
    ("rule", "terms", "asked", "message"),
    [
        ({}, {}, {"by": " "}, "name of the person"),
        ({}, {}, {"reason": ""}, "reason that a reviewer"),
        ({}, {"max": "23h"}, {}, "at most 23h"),
        ({}, {"allowed": False}, {}, "allows no break-glass"),
        ({}, {}, {"most": 9e19}, "further than the 9e"),
        ({"level": "hard"}, {}, {}, "hard"),
        ({"level": "advisory"}, {}, {}, "nothing to release"),
    ],
)
def test_what_is_refused(
    made: SimpleNamespace, rule: dict[str, Any], terms: dict[str, Any], asked: dict[str, Any], message: str
) -> None:
    policy, case = made.policy({**BREAK, **rule}, break_glass=terms), made.case((made.verdict(outcome="above"),))
    with pytest.raises(BadRelease, match=message):
        broken(policy, case, ask(made, **asked))


def test_an_error_of_ours_and_a_hard_latch_are_not_reached(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    latch = Latch(decision="d", at=made.T0, sentence="broke", hard=True)
    assert after(paused, made.T0, update={"latch": latch}).answer is Answer.PAUSE
    fault = decide(paused.policy, paused.case, (), (), made.T0).findings[0].model_copy(update={"reason": Reason.fault})
    decision = decide(paused.policy, paused.case, (), (), made.T0).model_copy(update={"findings": (fault,)})
    with pytest.raises(BadRelease, match="an error"):
        break_glass(paused.policy, decision, {}, ask(made))


def test_one_at_a_time(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    with pytest.raises(BadRelease, match="was not reviewed"):
        broken(paused.policy, paused.case, ask(made, unreviewed=paused.glass))


def test_the_pause_stays_latched_under_it(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    pause = decide(paused.policy, paused.case, (), (), made.T0)
    latch = latched(None, pause, [pause])
    case = paused.with_glass.model_copy(update={"latch": latch})
    warned = after(paused, made.T0, case=case)
    assert warned.answer is Answer.WARN
    assert latched(latch, warned, [warned]) == latch


@pytest.mark.parametrize(
    ("by", "reason", "message"), [("Carol ", "f", "somebody else"), ("", "f", "name"), ("d", "", "found")]
)
def test_a_review_is_another_persons(
    made: SimpleNamespace, paused: SimpleNamespace, by: str, reason: str, message: str
) -> None:
    with pytest.raises(BadRelease, match=message):
        review(paused.glass, "gate", by=by, reason=reason, at=made.T0)
    with pytest.raises(BadRelease, match="no break-glass waits"):
        review(None, "gate", by="dan", reason="f", at=made.T0)
    assert review(paused.glass, "gate", by="dan", reason="f", at=made.T0).glass == paused.glass.id
