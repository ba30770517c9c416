"""What one person may let pass, what several may reopen, and what nobody can."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from checkpoints_db.errors import BadRelease, BadWaiver
from checkpoints_db.records import Answer, Approval, Decision, Latch, Level, Reason, Waiver
from policies import approve, cannot_decide, decide, grant
from policies.waivers import tally

BREAK: dict[str, Any] = {"kind": "break", "id": "break"}
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


def latch(at: Any, *, hard: bool) -> Latch:
    return Latch(decision="d", at=at, sentence="broke", hard=hard)


@pytest.fixture
def paused(made: SimpleNamespace) -> SimpleNamespace:
    """A paused run, its policy, decision, and a waiver of its finding."""
    policy = made.policy(BREAK, owners={"tiny/*": ["Olga"]})
    case = made.case((made.verdict(outcome="above", tail_above=1e-4),))
    decision = decide(policy, case, (), (), made.T0)
    waiver = grant(
        policy,
        decision.findings[0],
        family="tiny",
        run="m4",
        by="carol",
        reason="known contamination",
        at=made.T0,
        until=made.T0 + 7 * DAY,
    )
    return SimpleNamespace(policy=policy, case=case, decision=decision, waiver=waiver)


def approval(paused: SimpleNamespace, by: str, at: Any, **more: Any) -> Approval:
    return approve(paused.policy, paused.decision, by=by, reason="assessed", at=at, **more)


def answer(paused: SimpleNamespace, at: Any, waivers: tuple[Waiver, ...] = (), **more: Any) -> Decision:
    policy, case = more.get("policy", paused.policy), more.get("case", paused.case)
    return decide(policy, case, waivers, more.get("approvals", ()), at)


def test_a_waiver_lets_its_finding_pass_and_stays_visible(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    decision = answer(paused, made.T0, (paused.waiver,))
    assert (decision.answer, decision.waived) == (Answer.GO, 1)
    assert decision.findings[0].waived_by == "carol"
    assert "1 waived by carol" in decision.sentence


@pytest.mark.parametrize(
    ("change", "answer_after"),
    [
        ({}, Answer.GO),
        ({"rule": "other"}, Answer.PAUSE),
        ({"family": "huge"}, Answer.PAUSE),
        ({"run": "m5"}, Answer.PAUSE),
        ({"run": "*"}, Answer.PAUSE),
        ({"subject": ""}, Answer.PAUSE),
        ({"subject": "shift"}, Answer.PAUSE),
        ({"up_to": 3.999}, Answer.PAUSE),
        ({"answer": Answer.HOLD}, Answer.PAUSE),
        ({"saw": Reason.blind}, Answer.PAUSE),
        ({"policy": "0" * 64}, Answer.PAUSE),
    ],
)
def test_a_waiver_covers_only_what_was_seen(
    made: SimpleNamespace, paused: SimpleNamespace, change: dict[str, Any], answer_after: Answer
) -> None:
    waiver = paused.waiver.model_copy(update=change)
    assert answer(paused, made.T0, (waiver,)).answer is answer_after


def test_a_waiver_is_void_outside_its_time(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    times = {-HOUR: Answer.PAUSE, 0 * HOUR: Answer.GO, 7 * DAY - HOUR: Answer.GO, 7 * DAY: Answer.PAUSE}
    assert {t: answer(paused, made.T0 + t, (paused.waiver,)).answer for t in times} == times


def test_an_overlong_waiver_in_the_store_is_absent(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    waiver = paused.waiver.model_copy(update={"expires": made.T0 + 15 * DAY})
    assert answer(paused, made.T0, (waiver,)).answer is Answer.PAUSE


def test_a_waiver_is_void_when_the_finding_grows(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    for tail, after in ((2e-4, Answer.GO), (0.9e-4, Answer.PAUSE)):
        grown = made.case((made.verdict(outcome="above", tail_above=tail),))
        assert answer(paused, made.T0, (paused.waiver,), case=grown).answer is after


def test_one_person_cannot_waive_a_blind_run_open(made: SimpleNamespace) -> None:
    policy, case = made.policy(BREAK), made.case((made.verdict(outcome="inconclusive"),))
    seen = decide(policy, case, (), (), made.T0)
    waiver = grant(
        policy, seen.findings[0], family="tiny", run="m4", by="carol", reason="later", at=made.T0, until=made.T0 + DAY
    )
    decision = decide(policy, case, (waiver,), (), made.T0)
    assert (decision.answer, decision.waived, decision.findings[0].rule) == (Answer.HOLD, 1, "house")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"by": "  "}, "name of the person"),
        ({"reason": "\n"}, "needs a reason"),
        ({"until": -HOUR}, "before it begins"),
        ({"until": 14 * DAY + HOUR}, "the policy allows 14d"),
        ({"level": Level.hard}, "only a change of the policy"),
        ({"rule": "gone"}, r"no such rule to waive \(its rules: break\)"),
        ({"rule": "house"}, "no such rule"),
        ({"reason_code": Reason.fault}, "an error of ours"),
        ({"reason_code": Reason.latched}, "released, not waived"),
        ({"answer": Answer.GO}, "nothing to waive"),
    ],
)
def test_waivers_that_are_refused(
    made: SimpleNamespace, paused: SimpleNamespace, change: dict[str, Any], message: str
) -> None:
    names = {"level": "level", "rule": "rule", "reason_code": "reason", "answer": "answer"}
    finding = paused.decision.findings[0].model_copy(update={names[k]: v for k, v in change.items() if k in names})
    with pytest.raises(BadWaiver, match=message):
        grant(
            paused.policy,
            finding,
            family="tiny",
            run="m4",
            by=change.get("by", "carol"),
            reason=change.get("reason", "why"),
            at=made.T0,
            until=made.T0 + change.get("until", DAY),
        )


def test_hard_latched_and_failed_findings_are_never_waived(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    hard = made.policy({**BREAK, "level": "hard"})
    forged = paused.waiver.model_copy(update={"policy": hard.digest, "up_to": 1e9, "saw": None})
    assert answer(paused, made.T0, (forged,), policy=hard).answer is Answer.PAUSE
    latched = made.case(latch=Latch(decision="d", at=made.T0, sentence="broke"))
    for rule in ("latch", "house"):
        forged = paused.waiver.model_copy(update={"rule": rule, "subject": "", "up_to": 1e9, "saw": None})
        assert answer(paused, made.T0, (forged,), case=latched).answer is Answer.PAUSE
        assert answer(paused, made.T0, (forged,), case=made.case(judged=False)).answer is Answer.HOLD


@pytest.mark.parametrize(("renewals", "after"), [(3, Answer.GO), (2, Answer.PAUSE)])
def test_a_waiver_renewed_too_often_is_absent_even_when_stored(
    made: SimpleNamespace, paused: SimpleNamespace, renewals: int, after: Answer
) -> None:
    policy = made.policy(BREAK, owners={"tiny/*": ["Olga"]}, waivers={"renewals": renewals})
    body = {"policy": policy.digest, "expires": made.T0 + DAY}
    times = [made.T0 - n * DAY for n in range(4)]
    given = [paused.waiver.model_copy(update={**body, "id": str(n), "at": at}) for n, at in enumerate(times)]
    ended = [w.model_copy(update={"expires": w.at + HOUR}) for w in given[1:]]
    assert answer(paused, made.T0, (given[0], *ended), policy=policy).answer is after


def test_waivers_are_counted(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    assert tally((paused.waiver,), paused.policy, made.T0 + DAY) == (1, 1)
    assert tally((paused.waiver,), paused.policy, made.T0 + 8 * DAY) == (0, 1)
    assert tally((paused.waiver,), paused.policy, made.T0 - DAY) == (0, 0)


def test_two_people_release(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    first, second = approval(paused, "carol", made.T0), approval(paused, "dan", made.T0 + HOUR)
    alone = answer(paused, made.T0 + HOUR, approvals=(first,))
    assert (alone.answer, alone.approvals, alone.needed, alone.released) == (Answer.PAUSE, ("carol",), 2, False)
    both = answer(paused, made.T0 + HOUR, approvals=(second, first))
    assert (both.answer, both.approvals, both.needed, both.released) == (Answer.GO, ("carol", "dan"), 2, True)
    assert both.findings[0].released_by == "carol, dan"
    assert "1 released by carol, dan" in both.sentence


def test_a_release_reaches_a_soft_latch_and_no_hard_one(made: SimpleNamespace) -> None:
    policy = made.policy(BREAK)
    for hard, after in ((False, Answer.GO), (True, Answer.PAUSE)):
        case = made.case(latch=Latch(decision="d", at=made.T0, sentence="broke", hard=hard))
        votes = tuple(
            Approval(
                id=by,
                family="tiny",
                run="m4",
                by=by,
                reason="r",
                at=made.T0,
                evidence=case.evidence,
                policy=policy.digest,
            )
            for by in ("carol", "dan")
        )
        assert decide(policy, case, (), votes, made.T0).answer is after


def test_two_spellings_are_one_person(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    votes = (approval(paused, "Carol  Smith", made.T0), approval(paused, "carol smith", made.T0 + HOUR))
    decision = answer(paused, made.T0 + HOUR, approvals=votes)
    assert (decision.answer, decision.approvals) == (Answer.PAUSE, ("Carol  Smith",))


@pytest.mark.parametrize(("later", "after"), [(72 * HOUR - SECOND, Answer.GO), (72 * HOUR, Answer.PAUSE)])
def test_an_approval_waits_its_time_for_the_others(
    made: SimpleNamespace, paused: SimpleNamespace, later: timedelta, after: Answer
) -> None:
    votes = (approval(paused, "carol", made.T0), approval(paused, "dan", made.T0 + later))
    assert answer(paused, made.T0 + later - SECOND, approvals=votes).answer is Answer.PAUSE
    assert answer(paused, made.T0 + later, approvals=votes).answer is after
    assert answer(paused, made.T0 + 100 * DAY, approvals=votes).answer is after
    assert answer(paused, made.T0 + 100 * DAY, approvals=votes).released is (after is Answer.GO)


def test_a_release_covers_nothing_that_time_brought_later(made: SimpleNamespace) -> None:
    policy = made.policy(BREAK, {"kind": "evidence", "id": "fresh", "max_age": "30d"})
    case = made.case((made.verdict(outcome="above"),))
    first = decide(policy, case, (), (), made.T0)
    votes = [approve(policy, first, by=by, reason="r", at=made.T0) for by in ("carol", "dan")]
    assert decide(policy, case, (), votes, made.T0 + 30 * DAY).answer is Answer.GO
    old = decide(policy, case, (), votes, made.T0 + 31 * DAY)
    assert (old.answer, old.reason, old.released) == (Answer.HOLD, Reason.stale, True)
    votes.append(approve(policy, old, by="erin", reason="r", at=made.T0 + 31 * DAY))
    assert decide(policy, case, (), votes, made.T0 + 31 * DAY).answer is Answer.HOLD
    votes.append(approve(policy, old, by="carol", reason="r", at=made.T0 + 32 * DAY))
    assert decide(policy, case, (), votes, made.T0 + 99 * DAY).answer is Answer.GO


def test_a_release_of_one_trouble_is_none_of_another_of_the_same_rule(made: SimpleNamespace) -> None:
    policy = made.policy({"kind": "evidence", "id": "evidence", "max_age": "30d"}, BREAK)
    case = made.case(conflicts=("two values of one thing",))
    first = decide(policy, case, (), (), made.T0)
    votes = [approve(policy, first, by=by, reason="r", at=made.T0) for by in ("carol", "dan")]
    assert decide(policy, case, (), votes, made.T0).answer is Answer.GO
    later = decide(policy, case, (), votes, made.T0 + 31 * DAY)
    assert (later.answer, later.reason) == (Answer.HOLD, Reason.stale)


def test_a_latch_says_nothing_where_it_only_repeats(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    """So a pause that is looked at again is the same decision, and a hard latch still shows behind a soft pause."""
    again = {hard: paused.case.model_copy(update={"latch": latch(made.T0, hard=hard)}) for hard in (False, True)}
    votes = tuple(approval(paused, by, made.T0) for by in ("carol", "dan"))
    assert answer(paused, made.T0, case=again[False]) == paused.decision
    assert answer(paused, made.T0, (paused.waiver,), case=again[False]).reason is Reason.latched
    released = answer(paused, made.T0, case=again[False], approvals=votes)
    assert released == answer(paused, made.T0, approvals=votes)
    assert {f.rule for f in answer(paused, made.T0, case=again[True]).findings} == {"break", "latch"}
    assert answer(paused, made.T0, case=again[True], approvals=votes).reason is Reason.latched


def test_what_is_waived_is_not_released_too(made: SimpleNamespace) -> None:
    policy = made.policy(BREAK)
    case = made.case((made.verdict("a", outcome="above"), made.verdict("b", outcome="above")))
    first = decide(policy, case, (), (), made.T0)
    # One after the other: votes of one moment have no order but that of their digests.
    votes = [
        approve(policy, first, by=by, reason="r", at=made.T0 + i * HOUR / 2) for i, by in enumerate(("carol", "dan"))
    ]
    late = grant(
        policy,
        first.findings[0],
        family="tiny",
        run="m4",
        by="erin",
        reason="r",
        at=made.T0 + HOUR,
        until=made.T0 + DAY,
    )
    both = decide(policy, case, (late,), votes, made.T0 + HOUR)
    assert both.answer is Answer.GO
    # Votes of one moment stand in the order of their ids, which is anybody's.
    by = {(f.waived_by, tuple(sorted(f.released_by.split(", ")))) for f in both.findings}
    assert by == {("erin", ("",)), ("", ("carol", "dan"))}


def test_an_expired_waiver_comes_back_through_a_release(made: SimpleNamespace) -> None:
    """Those who released saw it waived, and did not release it."""
    policy = made.policy(BREAK)
    case = made.case((made.verdict("a", outcome="above"), made.verdict("b", outcome="above")))
    first = decide(policy, case, (), (), made.T0)
    waiver = grant(
        policy, first.findings[0], family="tiny", run="m4", by="erin", reason="r", at=made.T0, until=made.T0 + DAY
    )
    votes = [approve(policy, first, by=by, reason="r", at=made.T0) for by in ("carol", "dan")]
    assert decide(policy, case, (waiver,), votes, made.T0).answer is Answer.GO
    assert decide(policy, case, (waiver,), votes, made.T0 + DAY).answer is Answer.PAUSE


def test_a_release_does_not_reach_a_later_latch(made: SimpleNamespace) -> None:
    policy = made.policy(BREAK)
    for moment, after in ((made.T0, Answer.GO), (made.T0 + SECOND, Answer.PAUSE)):
        case = made.case(latch=Latch(decision="d", at=moment, sentence="broke"))
        seen = decide(policy, case, (), (), made.T0)
        votes = [approve(policy, seen, by=by, reason="r", at=made.T0) for by in ("carol", "dan")]
        assert decide(policy, case, (), votes, made.T0 + HOUR).answer is after


def test_new_evidence_or_policy_voids_approvals(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    votes = (approval(paused, "carol", made.T0), approval(paused, "dan", made.T0))
    other = made.policy({**BREAK, "tail": 0.005}, owners={"tiny/*": ["Olga"]})
    assert answer(paused, made.T0, approvals=votes, policy=other).answer is Answer.PAUSE
    more = made.case((*paused.case.verdicts, made.verdict("b")))
    assert answer(paused, made.T0, approvals=votes, case=more).answer is Answer.PAUSE


def test_one_veto_keeps_the_gate_closed(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    votes = (approval(paused, "carol", made.T0), approval(paused, "dan", made.T0))
    veto = approval(paused, "erin", made.T0 + HOUR, veto=True)
    assert answer(paused, made.T0, approvals=(*votes, veto)).answer is Answer.GO
    vetoed = answer(paused, made.T0 + HOUR, approvals=(*votes, veto))
    assert (vetoed.answer, vetoed.approvals) == (Answer.PAUSE, ())


def test_the_owner_does_not_count_even_when_stored(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    forged = approval(paused, "dan", made.T0).model_copy(update={"by": " OLGA"})
    votes = (approval(paused, "carol", made.T0), forged)
    assert answer(paused, made.T0, approvals=votes).answer is Answer.PAUSE
    with pytest.raises(BadRelease, match="owns this run"):
        approval(paused, "olga", made.T0)
    assert approval(paused, "olga", made.T0, veto=True).veto
    open_ = made.policy(BREAK, owners={"tiny/*": "Olga"}, release={"exclude_owner": False, "quorum": 1})
    decision = decide(open_, paused.case, (), (), made.T0)
    vote = approve(open_, decision, by="olga", reason="r", at=made.T0)
    alone = decide(open_, paused.case, (), (vote,), made.T0)
    assert alone.answer is Answer.GO
    assert "single-person release" in alone.sentence


def test_a_required_role(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    policy = made.policy(BREAK, release={"require_roles": "safety"}, roles={"safety": ["dan"]})
    decision = decide(policy, paused.case, (), (), made.T0)
    votes = {by: approve(policy, decision, by=by, reason="r", at=made.T0) for by in ("bob", "carol", "Dan")}
    assert answer(paused, made.T0, policy=policy, approvals=(votes["bob"], votes["carol"])).answer is Answer.PAUSE
    assert answer(paused, made.T0, policy=policy, approvals=(votes["bob"], votes["Dan"])).answer is Answer.GO
    assert answer(paused, made.T0, policy=policy, approvals=(votes["Dan"],)).answer is Answer.PAUSE


def test_hard_findings_stay_beside_released_ones(made: SimpleNamespace) -> None:
    policy = made.policy(BREAK, {**BREAK, "id": "hard", "level": "hard", "tail": 1e-6})
    near, far = (made.case((made.verdict(outcome="above", tail_above=t),)) for t in (1e-4, 1e-9))
    for case, after in ((near, Answer.GO), (far, Answer.PAUSE)):
        seen = decide(policy, near, (), (), made.T0)
        votes = tuple(
            approve(policy, seen, by=by, reason="r", at=made.T0).model_copy(update={"evidence": case.evidence})
            for by in ("bob", "carol")
        )
        decision = decide(policy, case, (), votes, made.T0)
        assert decision.answer is after
        assert decision.released
    with pytest.raises(BadRelease, match="'hard' is hard and cannot be released; only a change of the policy"):
        approve(policy, decide(policy, far, (), (), made.T0), by="bob", reason="r", at=made.T0)


def test_releases_that_are_refused(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    with pytest.raises(BadRelease, match="name of the person"):
        approval(paused, " ", made.T0)
    with pytest.raises(BadRelease, match="needs a reason"):
        approve(paused.policy, paused.decision, by="carol", reason=" ", at=made.T0)
    with pytest.raises(BadRelease, match="did not make this decision"):
        approve(made.policy(BREAK), paused.decision, by="carol", reason="r", at=made.T0)
    going = decide(paused.policy, made.case(), (), (), made.T0)
    with pytest.raises(BadRelease, match="says GO; there is nothing to release"):
        approve(paused.policy, going, by="carol", reason="r", at=made.T0)
    unjudged = decide(paused.policy, made.case(judged=False), (), (), made.T0)
    with pytest.raises(BadRelease, match="would pass if a result of the run arrived as news"):
        approve(paused.policy, unjudged, by="carol", reason="r", at=made.T0)
    nothing = cannot_decide("tiny", "m4", Reason.fault, "no policy", made.T0)
    with pytest.raises(BadRelease, match="did not make this decision"):
        approve(paused.policy, nothing, by="carol", reason="r", at=made.T0)
