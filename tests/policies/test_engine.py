"""decide(): worst wins, levels, the house's floor, latches, faults, and what a decision says."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from checkpoints_db.errors import BadRelease
from checkpoints_db.records import Answer, Approval, Case, Finding, Latch, Level, Reason, Waiver
from policies import approve, cannot_decide, decide, examine
from policies import rules as rules_module
from policies.rule_terms import RuleTerms
from policies.rules.base import found
from policies.schema import Policy

BREAK: dict[str, Any] = {"kind": "break", "id": "break"}
DIAGNOSIS: dict[str, Any] = {"kind": "diagnosis", "id": "diagnosis"}


def test_worst_wins_and_is_named(made: SimpleNamespace) -> None:
    verdicts = (made.verdict("a"), made.verdict("b", outcome="inconclusive"), made.verdict("c", outcome="above"))
    decision = decide(made.policy(BREAK), made.case(verdicts), (), (), made.T0)
    assert decision.answer is Answer.PAUSE
    assert [f.answer for f in decision.findings] == [Answer.PAUSE, Answer.HOLD]
    assert decision.passed == 1
    assert decision.sentence == decision.findings[0].sentence
    assert (decision.policy, decision.evidence) == (made.policy(BREAK).digest, made.case(verdicts).evidence)
    assert decision.judgement_version == 1


def test_of_equal_answers_the_larger_magnitude_is_named(made: SimpleNamespace) -> None:
    verdicts = [made.verdict(t, outcome="above", tail_above=p) for t, p in (("a", 1e-3), ("b", 1e-9), ("c", 1e-5))]
    decision = decide(made.policy(BREAK), made.case(tuple(verdicts)), (), (), made.T0)
    assert [f.subject[0] for f in decision.findings] == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("level", "answer"),
    [("shadow", Answer.GO), ("advisory", Answer.WARN), ("soft", Answer.PAUSE), ("hard", Answer.PAUSE)],
)
def test_levels_cap(made: SimpleNamespace, level: str, answer: Answer) -> None:
    case = made.case((made.verdict(outcome="above"),))
    decision = decide(made.policy({**BREAK, "level": level}), case, (), (), made.T0)
    assert decision.answer is answer
    assert decision.findings[0].answer is Answer.PAUSE
    assert decision.needed == (2 if level == "soft" else 0)


def test_a_go_says_what_it_rests_on(made: SimpleNamespace) -> None:
    decision = decide(made.policy(BREAK, DIAGNOSIS), made.case(), (), (), made.T0)
    assert (decision.answer, decision.reason, decision.sentence) == (Answer.GO, Reason.ok, "2 tests passed")


def test_a_policy_on_trial_says_so_loudly(made: SimpleNamespace) -> None:
    shadow = made.policy({**BREAK, "level": "shadow"})
    paused = decide(shadow, made.case((made.verdict(outcome="above"),)), (), (), made.T0)
    assert paused.answer is Answer.GO
    assert paused.sentence.startswith("SHADOW POLICY, nothing can stop this run")
    assert "worst would be PAUSE" in paused.sentence
    for empty in (made.case(()), made.case(judged=False)):
        assert decide(shadow, empty, (), (), made.T0).answer is Answer.HOLD


def test_never_judged_holds_hard_under_every_level(made: SimpleNamespace) -> None:
    for level in ("shadow", "advisory", "soft", "hard"):
        decision = decide(made.policy({**BREAK, "level": level}), made.case(judged=False), (), (), made.T0)
        assert (decision.answer, decision.reason) == (Answer.HOLD, Reason.unregistered)
        assert (decision.findings[0].rule, decision.findings[0].level) == ("house", Level.hard)


def test_no_verdict_holds(made: SimpleNamespace) -> None:
    decision = decide(made.policy({"kind": "evidence"}), made.case(()), (), (), made.T0)
    assert (decision.answer, decision.reason) == (Answer.HOLD, Reason.no_data)


def test_a_run_that_no_binding_rule_looked_at_holds(made: SimpleNamespace) -> None:
    elsewhere = {**BREAK, "select": {"family": "other"}}
    shadow = {**DIAGNOSIS, "level": "shadow"}
    for tables in ((elsewhere,), (elsewhere, shadow)):
        decision = decide(made.policy(*tables), made.case(), (), (), made.T0)
        assert (decision.answer, decision.reason) == (Answer.HOLD, Reason.no_data)
        assert "looked at anything" in decision.sentence


def test_a_doubtful_task_that_no_rule_selects_holds(made: SimpleNamespace) -> None:
    case = made.case((made.verdict("a"), made.verdict("b", outcome="inconclusive")))
    narrow = {**BREAK, "select": {"task": "a"}}
    held = decide(made.policy(narrow), case, (), (), made.T0)
    assert (held.answer, held.reason, held.findings[0].rule) == (Answer.HOLD, Reason.blind, "house")
    noticed = {**BREAK, "id": "rest", "select": {"task": "b"}, "on_inconclusive": "warn"}
    assert decide(made.policy(narrow, noticed), case, (), (), made.T0).answer is Answer.WARN
    unbinding = {**noticed, "level": "shadow"}
    assert decide(made.policy(narrow, unbinding), case, (), (), made.T0).answer is Answer.HOLD


def test_a_missing_metric_that_a_rule_would_have_judged_holds(made: SimpleNamespace) -> None:
    case = made.case(missing=(made.missing("bio", "log_likelihood"),))
    held = decide(made.policy(BREAK), case, (), (), made.T0)
    assert (held.answer, held.reason, held.findings[0].subject) == (Answer.HOLD, Reason.no_data, "bio · log_likelihood")
    narrow = {**BREAK, "select": {"metric": "log_*"}}
    beside = made.case(missing=(made.missing("shift", "exact_match"),))
    assert decide(made.policy(narrow), beside, (), (), made.T0).answer is Answer.GO
    ladder = {"kind": "evidence", "id": "evidence", "require": "ladder"}
    both = decide(made.policy(BREAK, ladder), case, (), (), made.T0)
    assert [f.rule for f in both.findings] == ["evidence"]


def test_a_missing_task_that_no_rule_selects_holds_as_a_doubtful_one_does(made: SimpleNamespace) -> None:
    doubtful = made.case((made.verdict("a"), made.verdict("b", outcome="inconclusive")))
    gone = made.case((made.verdict("a"),), missing=(made.missing("b", "log_likelihood"),))
    for rule in ({**BREAK, "select": {"task": "a"}}, {"kind": "evidence"}):
        for each in (doubtful, gone):
            held = decide(made.policy(rule), each, (), (), made.T0)
            assert (held.answer, held.findings[0].rule) == (Answer.HOLD, "house")
            assert "no rule of the policy looks at" in held.sentence
    trial = {"kind": "evidence", "level": "advisory"}
    assert decide(made.policy(trial), gone, (), (), made.T0).answer is Answer.WARN


def test_a_wholly_blind_run_holds_however_doubt_is_tuned(made: SimpleNamespace) -> None:
    tuned = {**BREAK, "on_inconclusive": "warn"}
    blind = made.case((made.verdict("a", outcome="inconclusive"), made.verdict("b", outcome="unforeseen")))
    decision = decide(made.policy(tuned), blind, (), (), made.T0)
    assert (decision.answer, decision.findings[0].rule) == (Answer.HOLD, "house")
    one_sees = made.case((made.verdict("a"), made.verdict("b", outcome="unforeseen")))
    assert decide(made.policy(tuned), one_sees, (), (), made.T0).answer is Answer.WARN


def test_a_latch_outlives_its_cause(made: SimpleNamespace) -> None:
    for hard in (False, True):
        latch = Latch(decision="d", at=made.T0, sentence="shift broke", hard=hard)
        decision = decide(made.policy(BREAK), made.case(latch=latch), (), (), made.T0)
        assert (decision.answer, decision.reason) == (Answer.PAUSE, Reason.latched)
        assert decision.findings[0].level is (Level.hard if hard else Level.soft)
        assert made.case(latch=latch).evidence == made.case().evidence


def test_cannot_decide_holds(made: SimpleNamespace) -> None:
    decision = cannot_decide("tiny", "m4", Reason.fault, "policy.toml: no such file", made.T0)
    assert (decision.answer, decision.reason, decision.policy) == (Answer.HOLD, Reason.fault, "")
    assert decision.findings[0].answer is Answer.HOLD


def test_examine_keeps_the_passes(made: SimpleNamespace) -> None:
    examined = examine(made.policy(BREAK, DIAGNOSIS), made.case(), (), (), made.T0)
    assert [f.answer for f in examined.findings] == [Answer.GO, Answer.GO]


class OutsideTerms(RuleTerms):
    """Keys of a rule that a test brings along."""

    mode: str = "raise"
    """How it misbehaves."""


class OutsideRule:
    """A rule from outside that misbehaves on request."""

    kind = "outside"
    terms = OutsideTerms
    reads_verdicts = True

    def look(self, terms: OutsideTerms, case: Case, policy: Policy, at: Any) -> Any:
        if terms.mode == "raise":
            raise ZeroDivisionError("first line\nsecond line")
        good = found(terms, Answer.PAUSE, Reason.broken, "outside")
        lying = good.model_copy(update={"level": Level.shadow, "rule": "other", "released_by": "me", "waived_by": "me"})
        wrong = good.model_copy(update={"magnitude": float("nan")})
        later = (1 // 0 for _ in range(1))
        return {"none": None, "text": "GO", "lying": (lying,), "wrong": (wrong,), "later": later}[terms.mode]


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registers the rule the way an installed package would: one more object in the registry."""
    monkeypatch.setitem(rules_module.RULES._built_in, "outside", OutsideRule())
    rules_module.rule_of.cache_clear()


@pytest.mark.parametrize("mode", ["raise", "none", "text", "wrong", "later"])
@pytest.mark.usefixtures("outside")
def test_a_rule_that_fails_holds_with_reason_fault(made: SimpleNamespace, mode: str) -> None:
    policy = made.policy(BREAK, {"kind": "outside", "id": "mine", "mode": mode})
    decision = decide(policy, made.case(), (), (), made.T0)
    assert (decision.answer, decision.reason) == (Answer.HOLD, Reason.fault)
    assert "'mine' failed" in decision.sentence
    assert "\n" not in decision.sentence
    paused = decide(policy, made.case((made.verdict(outcome="above"),)), (), (), made.T0)
    assert paused.answer is Answer.PAUSE
    forged = Waiver(
        id="w",
        rule="mine",
        family="tiny",
        run="m4",
        up_to=1e9,
        answer=Answer.PAUSE,
        by="carol",
        reason="r",
        at=made.T0,
        expires=made.T0 + timedelta(days=1),
        policy=policy.digest,
    )
    assert decide(policy, made.case(), (forged,), (), made.T0).answer is Answer.HOLD
    with pytest.raises(BadRelease, match="'mine' is an error and cannot be released; it would pass if the rule"):
        approve(policy, decision, by="carol", reason="r", at=made.T0)
    votes = [
        Approval(
            id=by,
            family="tiny",
            run="m4",
            by=by,
            reason="r",
            at=made.T0,
            evidence=decision.evidence,
            policy=policy.digest,
        )
        for by in ("carol", "dan")
    ]
    assert decide(policy, made.case(), (), votes, made.T0).answer is Answer.HOLD


@pytest.mark.usefixtures("outside")
def test_a_rule_cannot_choose_its_own_level_or_release_itself(made: SimpleNamespace) -> None:
    policy = made.policy({"kind": "outside", "id": "mine", "mode": "lying"})
    decision = decide(policy, made.case(), (), (), made.T0)
    finding: Finding = decision.findings[0]
    assert decision.answer is Answer.PAUSE
    assert (finding.rule, finding.level, finding.waived_by, finding.released_by) == ("mine", Level.soft, "", "")


@pytest.mark.usefixtures("outside")
def test_a_rule_that_was_uninstalled_holds(made: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = made.policy({"kind": "outside", "id": "mine", "mode": "lying"})
    monkeypatch.delitem(rules_module.RULES._built_in, "outside")
    rules_module.rule_of.cache_clear()
    decision = decide(policy, made.case(), (), (), made.T0 + timedelta(days=1))
    assert (decision.answer, decision.reason) == (Answer.HOLD, Reason.fault)
    assert "unknown rule 'outside'" in decision.sentence


def test_a_rule_of_a_domain_looks_at_tasks_of_that_domain_alone(made: SimpleNamespace) -> None:
    rule = {"kind": "break", "select": {"domain": "cyber"}}
    broken, quiet = made.verdict("ctf", outcome="above"), made.verdict("arc", outcome="above")
    tagged = made.case((broken, made.verdict("arc")), domains={"ctf": ("cyber",)})
    assert decide(made.policy(rule), tagged, (), (), made.T0).answer is Answer.PAUSE
    other = made.case((quiet, made.verdict("ctf")), domains={"ctf": ("cyber",)})
    assert decide(made.policy(rule), other, (), (), made.T0).answer is Answer.GO


def test_a_domain_that_no_task_has_is_no_pass(made: SimpleNamespace) -> None:
    policy = made.policy({"kind": "break"}, {"kind": "break", "id": "c", "select": {"domain": "ciber"}})
    held = decide(policy, made.case(domains={"shift": ("cyber",)}), (), (), made.T0)
    assert (held.answer, held.reason) == (Answer.HOLD, Reason.no_data)
    assert "'ciber'" in held.sentence


def test_a_rule_of_a_stage_applies_where_it_is_spoken_of_and_where_nobody_knows(made: SimpleNamespace) -> None:
    policy = made.policy({"kind": "evidence"}, {"kind": "break", "id": "b", "select": {"stage": "rl"}})
    broken = made.case((made.verdict(outcome="above"),))
    sft = made.stage("sft")
    assert decide(policy, broken, (), (), made.T0).answer is Answer.PAUSE
    assert decide(policy, broken.model_copy(update={"stages": (sft,)}), (), (), made.T0).answer is Answer.GO
    for more in ({"stages": (made.stage("rl"),)}, {"stages": (sft,), "entering": "rl"}):
        assert decide(policy, broken.model_copy(update=more), (), (), made.T0).answer is Answer.PAUSE


def test_a_stage_that_nobody_has_heard_of_holds(made: SimpleNamespace) -> None:
    policy = made.policy({"kind": "break", "select": {"stage": ["red_team", "x*"]}}, {"kind": "evidence"})
    for asked, answer in (("rl", Answer.GO), ("red_team", Answer.GO), ("r1", Answer.HOLD), ("xyz", Answer.HOLD)):
        decision = decide(policy, made.case(entering=asked), (), (), made.T0)
        assert decision.answer is answer, asked


def test_a_question_is_no_evidence(made: SimpleNamespace) -> None:
    assert made.case(entering="rl").evidence == made.case().evidence
    assert made.case(stages=(made.stage("rl"),)).evidence != made.case().evidence
