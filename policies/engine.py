"""decide(): every rule looks at a case, and the worst finding decides. Pure and total: it raises for no case."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from checkpoints_db.records import Answer, Approval, Case, Decision, Finding, Level, Reason, Waiver
from policies import glass, house, releases
from policies.budget import Account, account
from policies.rule_terms import RuleTerms
from policies.rules import rule_of
from policies.schema import Policy
from policies.waivers import applied

_STRICT = {Level.shadow: 0, Level.advisory: 1, Level.soft: 2, Level.hard: 3}


Key = tuple[str, str, Reason]
"""What makes two findings of one case the same trouble at two moments: rule, subject, reason."""


class Examination(NamedTuple):
    """Everything said of a case before anybody released anything, passes included, and who approves of going on."""

    findings: tuple[Finding, ...]
    approvals: tuple[str, ...]


def decide(
    policy: Policy, case: Case, waivers: Sequence[Waiver], approvals: Sequence[Approval], at: datetime
) -> Decision:
    """The decision of a policy on a case at a time: the worst finding after levels, waivers and release.

    The same function serves the daemon, the command line, replay and every other face. It reads no clock and no store
    and never raises for any case: a rule that raises is a finding that holds, with reason `fault`.
    """
    spent, evidence = account(policy, case), case.evidence
    found = _findings(policy, case, waivers, at, spent)
    open_ = [f for f in found if f.effect.rank >= Answer.HOLD.rank]
    votes = releases.bound(policy, case, evidence, approvals, at)
    after, names = _released(policy, case, waivers, votes if open_ else (), found, spent)
    broken = case.glass if glass.live(policy, case.glass, evidence, at) else None
    if broken is not None:
        after = _broken(policy, case, waivers, after, spent)
    after = sorted(_without_echo(after), key=_badness)
    answer = Answer.worst([f.effect for f in after])
    findings = tuple(f for f in after if f.answer is not Answer.GO)
    passed = len(after) - len(findings)
    broken = broken if any(f.broken_by for f in findings) else None
    reason, sentence = _said(policy, answer, findings, passed)
    if broken is not None:
        sentence = (
            f"BREAK-GLASS by {broken.by} until {broken.expires:%Y-%m-%d %H:%M} UTC or {broken.max_flop:.4g} FLOP, "
            f"review due ({broken.reason}): {sentence}"
        )
    bounds = [v.max_flop for v in votes if names and v.max_flop is not None]
    return Decision(
        family=case.family,
        run=case.run,
        answer=answer,
        reason=reason,
        sentence=sentence,
        findings=findings,
        passed=passed,
        budget=spent.record,
        waived=sum(bool(f.waived_by) for f in findings),
        approvals=names or releases.names_at(policy, votes, at),
        released=bool(names),
        break_glass=broken.id if broken is not None else "",
        until=broken.expires if broken is not None else None,
        max_flop=min([*bounds, *([broken.max_flop] if broken is not None else [])], default=None),
        needed=policy.release.quorum if any(releases.reaches(f) for f in open_) else 0,
        policy=policy.digest,
        policy_name=policy.name,
        evidence=evidence,
        at=at,
        judgement_version=_version(case),
    )


def examine(
    policy: Policy, case: Case, waivers: Sequence[Waiver], approvals: Sequence[Approval], at: datetime
) -> Examination:
    """What every rule and the house say of a case, waivers applied and nothing released: what `explain` shows."""
    votes = releases.bound(policy, case, case.evidence, approvals, at)
    return Examination(
        _findings(policy, case, waivers, at, account(policy, case)), releases.names_at(policy, votes, at)
    )


def _findings(
    policy: Policy, case: Case, waivers: Sequence[Waiver], at: datetime, spent: Account
) -> tuple[Finding, ...]:
    looks = [_look(terms, case, policy, at) for terms in policy.rules if terms.applies(case)]
    binding = {terms.id for terms in policy.binding}
    said = [spent.spend(finding) for look in looks for finding in look.findings]
    said += house.unread(policy, case, [look for look in looks if look.terms.id in binding])
    said += house.absent(case)
    said += house.unknown_stage(policy, case)
    said += house.unreviewed(case, at)
    if case.latch is not None:
        said.append(house.latched(case.latch))
    findings = applied(said, waivers, family=case.family, run=case.run, policy=policy, at=at)
    if not any(f.effect.rank >= Answer.HOLD.rank for f in findings):
        findings += tuple(house.blind(policy, case))
    return findings


def _released(
    policy: Policy,
    case: Case,
    waivers: Sequence[Waiver],
    votes: Sequence[Approval],
    findings: Sequence[Finding],
    spent: Account,
) -> tuple[list[Finding], tuple[str, ...]]:
    """The findings, those marked that a quorum saw when they approved, and the names of those who released any.

    What stood open when a person approved is computed again for that moment, so that a release lasts as long as its
    evidence and policy do, and never covers what time brought later: an evaluation grown old, a waiver run out.
    """
    seen: dict[str, dict[Key, Answer]] = {}
    if releases.suffice(policy, [vote.by for vote in votes]):
        seen = {vote.id: _open_at(policy, case, waivers, vote.at, spent) for vote in votes}
    after, names = [], dict[str, None]()
    for finding in findings:
        knew = [v for v in votes if seen.get(v.id, {}).get(_key(finding), Answer.GO).rank >= finding.answer.rank]
        by = releases.quorum(policy, knew) if seen and releases.reaches(finding) else ()
        names |= dict.fromkeys(by)
        after.append(finding.model_copy(update={"released_by": ", ".join(by)}) if by else finding)
    return after, tuple(names)


def _broken(
    policy: Policy, case: Case, waivers: Sequence[Waiver], findings: Sequence[Finding], spent: Account
) -> list[Finding]:
    """The findings, those marked that stood open when the glass was broken and that people may set aside."""
    if case.glass is None:
        return list(findings)
    seen, by = _open_at(policy, case, waivers, case.glass.at, spent), case.glass.by
    return [
        f.model_copy(update={"broken_by": by})
        if not f.released_by and releases.reaches(f) and seen.get(_key(f), Answer.GO).rank >= f.answer.rank
        else f
        for f in findings
    ]


def _open_at(policy: Policy, case: Case, waivers: Sequence[Waiver], at: datetime, spent: Account) -> dict[Key, Answer]:
    # What a person approved of was going on, never a stage that they were not asked about.
    then = case.model_copy(update={"entering": ""})
    if case.latch is not None and case.latch.at > at:
        then = then.model_copy(update={"latch": None})
    worst: dict[Key, Answer] = {}
    for finding in _findings(policy, then, waivers, at, spent):
        if releases.reaches(finding):
            worst[_key(finding)] = Answer.worst([finding.answer, worst.get(_key(finding), Answer.GO)])
    return worst


def _without_echo(findings: Sequence[Finding]) -> list[Finding]:
    """The findings without a latch that only repeats what others say: then time alone makes no new decision.

    A latch is left out beside a pause no weaker than itself, and, once released, beside whatever was released with it.
    """
    others = [f for f in findings if f.reason is not Reason.latched]

    def repeats(latch: Finding) -> bool:
        if latch.released_by:
            return any(f.released_by for f in others)
        return any(f.effect is Answer.PAUSE and _STRICT[f.level] >= _STRICT[latch.level] for f in others)

    return [f for f in findings if f.reason is not Reason.latched or not repeats(f)]


def _key(finding: Finding) -> Key:
    return finding.rule, finding.subject, finding.reason


def cannot_decide(family: str, run: str, reason: Reason, sentence: str, at: datetime) -> Decision:
    """The HOLD of a run that no policy could be asked about: no policy loads, or the store cannot be read."""
    finding = house.hold(Level.hard, reason, sentence, remedy="the cause were repaired")
    return Decision(
        family=family,
        run=run,
        answer=Answer.HOLD,
        reason=reason,
        sentence=sentence,
        findings=(finding,),
        passed=0,
        policy="",
        policy_name="",
        evidence="",
        at=at,
        judgement_version=0,
    )


def _look(terms: RuleTerms, case: Case, policy: Policy, at: datetime) -> house.Look:
    try:
        rule = rule_of(terms.kind)
        own = type(rule).__module__.startswith("policies.rules.")  # what these make is whole, and was checked once
        said = rule.look(terms, case, policy, at)
        findings = tuple(f if own and _is_owned(f, terms) else _owned(f, terms) for f in said)
        return house.Look(terms, findings, tuple(part for part in terms.parts if rule_of(part.kind).reads_verdicts))
    except Exception as error:
        why = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        fault = Finding(
            rule=terms.id,
            kind=terms.kind,
            level=terms.level,
            answer=Answer.HOLD,
            reason=Reason.fault,
            magnitude=1.0,
            sentence=f"{case.family}/{case.run}: rule {terms.id!r} failed: {why}",
            would_pass_if=f"the rule of kind {terms.kind!r} were repaired",
        )
        return house.Look(terms, (fault,), terms.parts)


def _is_owned(finding: Finding, terms: RuleTerms) -> bool:
    named = finding.rule == terms.id and finding.kind == terms.kind and finding.level is terms.level
    return named and not (finding.waived_by or finding.released_by or finding.broken_by)


def _owned(finding: Finding, terms: RuleTerms) -> Finding:
    """The finding under the name and level of its table, whatever a rule from outside wrote there."""
    mine = {
        "rule": terms.id,
        "kind": terms.kind,
        "level": terms.level,
        "waived_by": "",
        "released_by": "",
        "broken_by": "",
    }
    return Finding.model_validate({**finding.model_dump(), **mine})


def _badness(finding: Finding) -> tuple[int, int, int, float, str, str, str]:
    """Sorts the worst finding first, and equal ones always the same way."""
    return (
        -finding.effect.rank,
        -finding.answer.rank,
        -_STRICT[finding.level],
        -finding.magnitude,
        finding.rule,
        finding.subject,
        finding.sentence,
    )


def _version(case: Case) -> int:
    return max([v.judgement_version for v in case.verdicts] + [d.judgement_version for d in case.diagnoses], default=0)


def _said(policy: Policy, answer: Answer, findings: Sequence[Finding], passed: int) -> tuple[Reason, str]:
    """Reason and sentence of a decision: of its worst finding, or what a GO rests on."""
    if answer is not Answer.GO:
        return findings[0].reason, findings[0].sentence
    parts = [f"{passed} test{'' if passed == 1 else 's'} passed"]
    waived, freed = [f for f in findings if f.waived_by], [f for f in findings if f.released_by]
    idle = [f for f in findings if not f.waived_by and not f.released_by]
    if freed:
        alone = " (single-person release)" if policy.release.quorum == 1 else ""
        parts.append(f"{len(freed)} released by {freed[0].released_by}{alone}")
    if waived:
        parts.append(f"{len(waived)} waived by {', '.join(sorted({f.waived_by for f in waived}))}")
    if idle:
        worst = Answer.worst([f.answer for f in idle])
        parts.append(f"{len(idle)} recorded by shadow rules (worst would be {worst}: {idle[0].sentence})")
    sentence = "; ".join(parts)
    trial = all(rule.level is Level.shadow for rule in policy.rules)
    return Reason.ok, f"SHADOW POLICY, nothing can stop this run: {sentence}" if trial else sentence
