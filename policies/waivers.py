"""Waivers: which finding one covers, until when, how many there are, and how one is granted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from checkpoints_db.errors import BadWaiver
from checkpoints_db.records import Answer, Finding, Level, Reason, Waiver, digest_of
from checkpoints_db.records.duration import spell_duration
from policies.schema import RESERVED, Policy

_NEVER = {
    Reason.fault: "an error of ours says nothing about the model",
    Reason.latched: "a pause is released, not waived",
}


class Tally(NamedTuple):
    """Waivers of a run or of a house: how many count now, and how many were ever granted."""

    live: int
    ever: int


def live(waiver: Waiver, policy: Policy, at: datetime) -> bool:
    """Whether the waiver counts at this time under this policy; an expired or overlong one is absent."""
    in_time = waiver.at <= at < waiver.expires and waiver.expires - waiver.at <= policy.waivers.max
    return in_time and waiver.policy == policy.digest


def covers(waiver: Waiver, finding: Finding) -> bool:
    """Whether the waiver is of this finding of its run: same rule and subject, no worse answer, no larger magnitude."""
    if finding.level is Level.hard or finding.rule in RESERVED or finding.reason in _NEVER:
        return False
    same = (waiver.rule, waiver.subject) == (finding.rule, finding.subject) and waiver.saw in (None, finding.reason)
    return same and finding.answer.rank <= waiver.answer.rank and finding.magnitude <= waiver.up_to


def applied(
    findings: Iterable[Finding], waivers: Iterable[Waiver], *, family: str, run: str, policy: Policy, at: datetime
) -> tuple[Finding, ...]:
    """The findings of a run, those that a live waiver covers marked with the name of who granted it."""
    mine = [w for w in waivers if (w.family, w.run) == (family, run)]
    if mine:
        mine = [w for w in _within(mine, policy) if live(w, policy, at)]
    return tuple(_marked(finding, mine) for finding in findings)


def _within(waivers: Iterable[Waiver], policy: Policy) -> Iterator[Waiver]:
    """Those granted under this policy, oldest first, of one finding no more than its first and its renewals."""
    count: dict[tuple[str, str], int] = {}
    for waiver in sorted((w for w in waivers if w.policy == policy.digest), key=lambda w: (w.at, w.id)):
        what = (waiver.rule, waiver.subject)
        count[what] = count.get(what, 0) + 1
        if count[what] <= 1 + policy.waivers.renewals:
            yield waiver


def _marked(finding: Finding, waivers: list[Waiver]) -> Finding:
    if finding.answer is Answer.GO:
        return finding
    by = next((w.by for w in waivers if covers(w, finding)), "")
    return finding.model_copy(update={"waived_by": by}) if by else finding


def tally(waivers: Iterable[Waiver], policy: Policy | None, at: datetime) -> Tally:
    """How many of these waivers count at this time, and how many were granted up to it."""
    granted = [w for w in waivers if w.at <= at]
    return Tally(sum(policy is not None and live(w, policy, at) for w in granted), len(_given(granted)))


def _given(waivers: Iterable[Waiver]) -> set[tuple[str, str, str, str, datetime]]:
    """What was granted: one waiver, where it was granted under several policies at once."""
    return {(w.family, w.run, w.rule, w.subject, w.at) for w in waivers}


def renewals(waivers: Iterable[Waiver], at: datetime) -> int:
    """How many of the waivers granted up to this time were of a finding that had been waived before."""
    given = _given(w for w in waivers if w.at <= at)
    return len(given) - len({finding[:4] for finding in given})


def grant(
    policy: Policy,
    finding: Finding,
    *,
    family: str,
    run: str,
    by: str,
    reason: str,
    at: datetime,
    until: datetime,
    earlier: Iterable[Waiver] = (),
) -> Waiver:
    """A waiver of this finding of a run, as it was seen at `at`.

    `earlier` are those granted while the rule was what it is. Raises BadWaiver when it is nameless or reasonless, ends
    before it begins, outlasts the policy, was renewed as often as the policy allows, or when the finding may not be
    waived: a pass, a hard rule, an error of ours, an earlier pause, or something no rule of the policy said.
    """
    what = f"rule {finding.rule!r} on {finding.subject or 'the run'} of {family}/{run}"
    if not by.strip():
        raise BadWaiver(f"{what}: a waiver needs the name of the person who grants it")
    if not reason.strip():
        raise BadWaiver(f"{what}: a waiver needs a reason that a reviewer can check")
    if finding.answer is Answer.GO:
        raise BadWaiver(f"{what}: it passed; there is nothing to waive")
    if finding.level is Level.hard:
        raise BadWaiver(f"{what}: the rule is hard and cannot be waived; only a change of the policy removes it")
    if finding.reason in _NEVER:
        raise BadWaiver(f"{what}: cannot be waived: {_NEVER[finding.reason]}")
    if finding.rule not in {rule.id for rule in policy.rules}:
        known = ", ".join(rule.id for rule in policy.rules)
        raise BadWaiver(f"{what}: policy {policy.name!r} has no such rule to waive (its rules: {known})")
    before = {
        w.at for w in earlier if (w.family, w.run, w.rule, w.subject) == (family, run, finding.rule, finding.subject)
    }
    if len(before) > policy.waivers.renewals:
        raise BadWaiver(
            f"{what}: it was waived {len(before)} times, and the policy allows {policy.waivers.renewals} renewals; "
            "change the rule, or release the gate"
        )
    if until <= at:
        raise BadWaiver(f"{what}: it would end {until.isoformat()}, before it begins; give a later time")
    if until - at > policy.waivers.max:
        raise BadWaiver(
            f"{what}: it would last {(until - at).total_seconds() / 86400:.3g} days; the policy allows "
            f"{spell_duration(policy.waivers.max)}. Choose an earlier end, or change the policy."
        )
    body = {
        "rule": finding.rule,
        "family": family,
        "run": run,
        "subject": finding.subject,
        "up_to": finding.magnitude,
        "answer": finding.answer,
        "saw": finding.reason,
        "by": by.strip(),
        "reason": reason.strip(),
        "policy": policy.digest,
    }
    name = digest_of({**body, "at": at.isoformat(), "expires": until.isoformat()})[:12]
    return Waiver.model_validate({**body, "id": name, "at": at, "expires": until})
