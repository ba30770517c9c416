"""Releases: whose approvals count for a case, whether they suffice, and how one is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from checkpoints_db.errors import BadRelease
from checkpoints_db.records import Answer, Approval, Case, ChangeApproval, Decision, Finding, Level, Reason, digest_of
from policies.people import person
from policies.schema import RESERVED, Policy
from policies.signed import refusal


def bound(
    policy: Policy, case: Case, evidence: str, approvals: Iterable[Approval], at: datetime
) -> tuple[Approval, ...]:
    """The approvals given by `at` for this evidence (the case's digest) and policy, by time; none after a veto.

    Those of the run's owners and of the policy's authors are left out where the policy excludes them, and those whose
    signature does not stand. Whether enough people approved in time is asked by `quorum`.
    """
    digest = policy.digest
    about = [a for a in approvals if (a.family, a.run, a.evidence) == (case.family, case.run, evidence) and a.at <= at]
    if any(a.veto for a in about):
        return ()
    owners = _excluded(policy, case.family, case.run)
    named = [a for a in about if a.policy == digest and person(a.by) and person(a.by) not in owners]
    mine = [a for a in named if refusal(policy, a) is None]
    return tuple(sorted(mine, key=lambda a: (a.at, a.id)))


def names_at(policy: Policy, approvals: Iterable[Approval | ChangeApproval], at: datetime) -> tuple[str, ...]:
    """Names of the different people whose approvals were given by `at` and no longer than `approval_ttl` before."""
    names: dict[str, str] = {}
    for approval in approvals:
        # Differences of times cannot overflow, sums can.
        if approval.at <= at and at - approval.at < policy.release.approval_ttl:
            names.setdefault(person(approval.by), approval.by)
    return tuple(names.values())


def quorum(policy: Policy, approvals: Sequence[Approval]) -> tuple[str, ...]:
    """Names of those who first made up a quorum together, within `approval_ttl` of each other; empty where none did."""
    for last in approvals:
        names = names_at(policy, approvals, last.at)
        if suffice(policy, names):
            return names
    return ()


def _excluded(policy: Policy, family: str, run: str) -> set[str]:
    owners = policy.owners_of(family, run) if policy.release.exclude_owner else ()
    authors = policy.authors if policy.release.exclude_author else ()
    return {person(name) for name in (*owners, *authors)}


def suffice(policy: Policy, names: Iterable[str]) -> bool:
    """Whether these people may reopen a gate together: enough of them, and every required role among them."""
    people = {person(name) for name in names}
    holders = [{person(name) for name in policy.roles.get(role, ())} for role in policy.release.require_roles]
    return len(people) >= policy.release.quorum and all(people & held for held in holders)


def reaches(finding: Finding) -> bool:
    """Whether people may release the finding: a soft one that is no pass, not waived, and no error of ours.

    An error says nothing that a person could have looked at; it is repaired, or its rule leaves the policy.
    """
    doubtless = finding.answer is Answer.GO or bool(finding.waived_by)
    return finding.level is Level.soft and not doubtless and finding.reason is not Reason.fault


def why_not(policy: Policy, decision: Decision, vote: Approval, at: datetime) -> str:
    """Why a vote does not count for what `decision` rests on at this time, in words; empty where it does."""
    if (vote.family, vote.run) != (decision.family, decision.run):
        return "it is about another run"
    if vote.evidence != decision.evidence:
        return "it was given for other evidence"
    if vote.policy != policy.digest:
        return "it was given under another policy"
    if (broken := refusal(policy, vote)) is not None:
        return str(broken)
    if person(vote.by) in _excluded(policy, vote.family, vote.run) and not vote.veto:
        return "its giver owns the run, or is an author of the policy"
    if vote.at > at:
        return "it is dated in the future"
    late = at - vote.at >= policy.release.approval_ttl and not vote.veto and not decision.released
    return "it expired while it waited for the others" if late else ""


def approve(
    policy: Policy,
    decision: Decision,
    *,
    by: str,
    reason: str,
    at: datetime,
    veto: bool = False,
    max_flop: float | None = None,
) -> Approval:
    """One person's vote on reopening the gate that `decision` closed, bound to its evidence and policy.

    A veto may come from anybody with a name and a reason. Raises BadRelease when the vote is nameless or reasonless,
    from an owner or an author, on a decision that stops nothing or that another policy made, or when something stops
    the run that no release reaches.
    """
    what = f"gate of {decision.family}/{decision.run}"
    if not person(by):
        raise BadRelease(f"{what}: an approval needs the name of the person who gives it")
    if not reason.strip():
        raise BadRelease(f"{what}: an approval needs a reason that a reviewer can check")
    if decision.policy != policy.digest:
        raise BadRelease(f"{what}: policy {policy.name!r} did not make this decision; decide again first")
    if not veto:
        _refuse(policy, decision, by, what)
    body = {
        "family": decision.family,
        "run": decision.run,
        "by": by.strip(),
        "reason": reason.strip(),
        "evidence": decision.evidence,
        "policy": decision.policy,
        "veto": veto,
        "max_flop": max_flop,
    }
    return Approval.model_validate({**body, "id": digest_of({**body, "at": at.isoformat()})[:12], "at": at})


def _refuse(policy: Policy, decision: Decision, by: str, what: str) -> None:
    if person(by) in _excluded(policy, decision.family, decision.run):
        owns = person(by) in {person(name) for name in policy.owners_of(decision.family, decision.run)}
        role = "owns this run" if owns else "is an author of the policy in force"
        raise BadRelease(f"{what}: {by.strip()} {role}; somebody else must approve")
    refuse_unreachable(decision, what)


def refuse_unreachable(decision: Decision, what: str) -> None:
    """Raise BadRelease where nothing stops the run, or something does that people cannot set aside."""
    if decision.answer.rank < Answer.HOLD.rank:
        raise BadRelease(f"{what}: it says {decision.answer}; there is nothing to release")
    for finding in decision.findings:
        if finding.effect.rank >= Answer.HOLD.rank and not reaches(finding):
            mended = finding.rule in RESERVED or finding.reason is Reason.fault
            way = f"it would pass if {finding.would_pass_if}" if mended else "only a change of the policy removes it"
            kind = "an error" if finding.reason is Reason.fault else "hard"
            raise BadRelease(f"{what}: {finding.rule!r} is {kind} and cannot be released; {way} ({finding.sentence})")
