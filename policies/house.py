"""What holds under every policy, whatever its rules say: the floor below which no file can tune the gate."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from checkpoints_db.records import Answer, Case, Finding, Latch, Level, Reason
from policies.rule_terms import RuleTerms
from policies.rules.base import doubt, sight, subject_of, takes_missing, trouble_of
from policies.schema import Policy
from policies.spelling import matches


class Look(NamedTuple):
    """What one rule that applies to the run found, and which terms, its own or those inside it, judge verdicts."""

    terms: RuleTerms
    findings: tuple[Finding, ...]
    judges: tuple[RuleTerms, ...]


def hold(
    level: Level, reason: Reason, sentence: str, *, subject: str = "", remedy: str = "", magnitude: float = 1.0
) -> Finding:
    """A HOLD that no rule of the policy made."""
    return Finding(
        rule="house",
        kind="house",
        level=level,
        answer=Answer.HOLD,
        reason=reason,
        subject=subject,
        sentence=sentence,
        would_pass_if=remedy,
        magnitude=magnitude,
    )


def latched(latch: Latch) -> Finding:
    """An earlier pause that nobody has released; it is as hard as the rule that paused."""
    return Finding(
        rule="latch",
        kind="latch",
        level=Level.hard if latch.hard else Level.soft,
        answer=Answer.PAUSE,
        reason=Reason.latched,
        magnitude=1.0,
        sentence=f"paused since {latch.at:%Y-%m-%d %H:%M} UTC and not released: {latch.sentence}",
        would_pass_if="the policy changed" if latch.hard else "enough people released it",
    )


def unread(policy: Policy, case: Case, looks: Sequence[Look]) -> list[Finding]:
    """What the binding rules left unread: each is a HOLD, at the level of the policy's floor.

    `looks` are the binding rules that apply to the run. A doubtful verdict of a task that none of them takes, a missing
    metric of such a task, one that a rule would have judged and none held for, contradictions that none of them held
    for. A policy cannot go on by not looking; and adding a shadow rule changes nothing here.
    """
    place = f"{case.family}/{case.run}"
    if not any(look.findings for look in looks):
        sentence = f"{place}: no rule of policy {policy.name!r} that can stop a run looked at anything"
        return [hold(Level.soft, Reason.no_data, sentence, remedy="a rule of the policy selected this run")]
    said = {(f.reason, f.subject) for look in looks for f in look.findings}
    judges = [terms for look in looks for terms in look.judges]
    read = {v.task for v in case.verdicts if any(terms.takes_verdict(v, case) for terms in judges)}
    return [
        *_contradictions(policy, case, said),
        *_missing(policy, case, judges, read, said),
        *_doubts(policy, case, read),
        *_untagged(policy, case, [terms for look in looks for terms in look.terms.parts]),
    ]


def _contradictions(policy: Policy, case: Case, said: set[tuple[Reason, str]]) -> list[Finding]:
    every = [*case.conflicts, *case.incomparable]
    trouble = [each for each in every if (Reason.incomparable, trouble_of(case, each)) not in said]
    if not trouble:
        return []
    sentence = f"{case.family}/{case.run}: {trouble[0]}; no rule of the policy looks at contradictions"
    remedy = "the evaluations were repeated under the conditions of the ladder"
    return [hold(policy.floor, Reason.incomparable, sentence, remedy=remedy, magnitude=float(len(trouble)))]


def _missing(
    policy: Policy, case: Case, judges: Sequence[RuleTerms], read: Collection[str], said: set[tuple[Reason, str]]
) -> list[Finding]:
    # `read`, here and below: the tasks of which one of the binding rules judges a verdict.
    holds = []
    for missing in case.missing:
        subject = subject_of(missing.task, missing.metric)
        judged = [terms.id for terms in judges if takes_missing(terms, missing, case)]
        if (missing.task in read and not judged) or (Reason.no_data, subject) in said:
            continue
        # Were it there and doubtful, it would hold: so it holds, or to take a result away would open the gate.
        why = f"rule {judged[0]!r} would have judged it" if judged else "no rule of the policy looks at its task"
        remedy = "the result were there" + (", or no rule selected it" if judged else " and nobody doubted it")
        sentence = f"{case.family}/{case.run}: {subject} is missing, and {why}"
        holds.append(hold(policy.floor, Reason.no_data, sentence, subject=subject, remedy=remedy))
    return holds


def _doubts(policy: Policy, case: Case, read: Collection[str]) -> list[Finding]:
    holds: dict[str, Finding] = {}
    for verdict in case.verdicts:
        why = sight(verdict, policy)
        if why != "ok" and verdict.task not in read:
            reason, remedy = doubt(why, policy)
            sentence = f"{verdict.sentence}; no rule of the policy looks at this task"
            holds.setdefault(verdict.task, hold(policy.floor, reason, sentence, subject=verdict.task, remedy=remedy))
    return list(holds.values())


def _untagged(policy: Policy, case: Case, rules: Iterable[RuleTerms]) -> list[Finding]:
    """A rule about a domain that no task has looks at nothing, and that is no pass."""
    tags = {tag for tags in case.domains.values() for tag in tags}
    holds = []
    for terms in rules:
        if terms.select.domain != ("*",) and not any(matches(tag, terms.select.domain) for tag in tags):
            domain = " or ".join(terms.select.domain)
            sentence = (
                f"{case.family}/{case.run}: rule {terms.id!r} looks at domain {domain!r}, which none of its tasks has"
            )
            remedy = "[domains] of the catalogue named its tasks, and they were evaluated"
            holds.append(hold(policy.floor, Reason.no_data, sentence, subject=f"domain {domain}", remedy=remedy))
    return holds


def unknown_stage(policy: Policy, case: Case) -> list[Finding]:
    """HOLD for a run that asks to enter a stage that nobody has heard of: a slip of the pen must not open a gate."""
    if not case.entering or case.entering in policy.stages:
        return []
    known = ", ".join(policy.stages)
    sentence = f"{case.family}/{case.run}: {case.entering!r} is no stage that this policy knows"
    return [hold(Level.hard, Reason.no_data, sentence, remedy=f"it were one of {known}, or a rule named it")]


def absent(case: Case) -> list[Finding]:
    """HOLD for a run that nothing was judged of; no policy, waiver or release reaches it, only evidence does."""
    place = f"{case.family}/{case.run}"
    if not case.judged:
        sentence = f"{place}: its results came in as baseline history and were never judged"
        remedy = "a result of the run arrived as news, after a forecast was sealed"
        return [hold(Level.hard, Reason.unregistered, sentence, remedy=remedy)]
    if not case.verdicts:
        sentence = f"{place}: no result of the run has a verdict"
        return [hold(Level.hard, Reason.no_data, sentence, remedy="a result of the run arrived and was judged")]
    return []


def unreviewed(case: Case, at: datetime) -> list[Finding]:
    """HOLD for a run whose break-glass has ended and that nobody has reviewed; no release reaches it."""
    if case.glass is None or at < case.glass.expires:
        return []
    glass, place = case.glass, f"{case.family}/{case.run}"
    sentence = f"{place}: the break-glass of {glass.by} ended {glass.expires:%Y-%m-%d %H:%M} UTC and was not reviewed"
    remedy = "another person filed a review (`holdpoint gate review`)"
    return [hold(Level.hard, Reason.assessment_due, sentence, remedy=remedy)]


def blind(policy: Policy, case: Case) -> list[Finding]:
    """HOLD for a run of which no sealed forecast could see anything, however its doubts were tuned down or waived."""
    whys = [sight(verdict, policy) for verdict in case.verdicts]
    if not whys or "ok" in whys:
        return []
    reason, remedy = doubt(whys[0], policy)
    sentence = f"{case.family}/{case.run}: none of its {len(whys)} results could be judged by a sealed forecast"
    return [hold(policy.floor, reason, sentence, remedy=f"for one of them at least {remedy}")]
