"""Several policies on one run: each decides by the one `decide()`, and the worst answer wins. Pure.

A loosened policy never applies to evidence that was seen before it. So a run is decided by every policy that was in
force since the evidence of its checkpoint first arrived, and by one that waits for approval where it also tightens.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from checkpoints_db.records import Answer, Approval, Case, Decision, Latch, Level, PolicyName, Reason, Waiver
from policies.engine import decide
from policies.schema import Policy

_STRICT = list(Level)


class InForce(NamedTuple):
    """A policy, and the ledger row with which it came into force; it ends with the next one."""

    policy: Policy
    since: int


class Ruling(NamedTuple):
    """A policy and what it looks at: the case as its own terms judge it."""

    policy: Policy
    case: Case


def name_of(policy: Policy) -> PolicyName:
    """The name, version and digest by which a policy is told from others."""
    return PolicyName(name=policy.name, version=policy.version, sha256=policy.digest)


def asked_of(history: Sequence[InForce], seen_after: int) -> tuple[Policy, ...]:
    """The policies that decide on evidence first noticed after ledger row `seen_after`, the present one last.

    Those that were in force at any moment since, oldest first, each once. `history` is in order of time.
    """
    found: dict[str, Policy] = {}
    for i, one in enumerate(history):
        last = i == len(history) - 1
        if last or history[i + 1].since > seen_after:
            found.pop(one.policy.digest, None)
            found[one.policy.digest] = one.policy
    return tuple(found.values())


def softened(latch: Latch | None, asked: Sequence[Policy]) -> Latch | None:
    """The latch of a run under the policies asked: a hard one is soft where none of them has its rule as hard any more.

    They are those in force since the newest checkpoint arrived. So this comes about by a change that people approved
    and by evidence newer than it, and never by either alone.
    """
    if latch is None or not latch.hard or not latch.rules:
        return latch
    hard = {rule.id for policy in asked for rule in policy.rules if rule.level is Level.hard}
    return latch if hard & set(latch.rules) else latch.model_copy(update={"hard": False})


def latched(latch: Latch | None, decision: Decision, decided: Sequence[Decision]) -> Latch | None:
    """The latch of a run after a decision: a pause latches, and only a release by people opens it.

    `latch` is the one that was kept, as hard as it was made; `decided` is what each policy said for itself.
    """
    if decision.answer is not Answer.PAUSE:
        broken = any(f.broken_by for each in decided for f in each.findings)
        return None if decision.released and not broken else latch
    pausing = [f for each in decided for f in each.findings if f.level is Level.hard and f.effect is Answer.PAUSE]
    rules = {f.rule for f in pausing if f.reason is not Reason.latched}
    if latch is None:
        latch = Latch(decision=decision.digest, at=decision.at, sentence=decision.sentence)
    hard, known = latch.hard or bool(pausing), tuple(sorted(rules | set(latch.rules)))
    return latch.model_copy(update={"hard": hard, "rules": known})


def decide_all(
    rulings: Sequence[Ruling],
    waivers: Sequence[Waiver],
    approvals: Sequence[Approval],
    at: datetime,
    pending: PolicyName | None = None,
) -> Decision:
    """The worst of what several policies decide on one run at a time: what daemon, command line and replay all ask.

    `rulings` are not empty, with the policy in force last among those that were; of equally bad answers the one whose
    finding is harder decides, then one with a reason of its own beside the latch, so that voters see what they reopen,
    and then the later policy. The decision says which policy decided (`policy`), which were asked where there were
    several (`asked`), and which one is configured and waits for approval (`pending`).
    """
    return worst_of(rulings, each_decides(rulings, waivers, approvals, at), pending)


def worst_of(rulings: Sequence[Ruling], decided: Sequence[Decision], pending: PolicyName | None = None) -> Decision:
    """The worst of the decisions that the policies of `rulings` made, in their order, with all who were asked."""
    worst = max(range(len(decided)), key=lambda i: (*_badness(decided[i]), i))
    asked = tuple(name_of(ruling.policy) for ruling in rulings) if len(rulings) > 1 else ()
    return decided[worst].model_copy(update={"asked": asked, "pending": pending})


def each_decides(
    rulings: Sequence[Ruling], waivers: Sequence[Waiver], approvals: Sequence[Approval], at: datetime
) -> list[Decision]:
    """What each policy decides for itself: what a person's vote or waiver has to reach, one by one."""
    return [decide(ruling.policy, ruling.case, waivers, approvals, at) for ruling in rulings]


def _badness(decision: Decision) -> tuple[int, int, bool]:
    stops = [f for f in decision.findings if f.effect is decision.answer]
    hardest = max((_STRICT.index(f.level) for f in stops), default=-1)
    return decision.answer.rank, hardest, any(f.reason is not Reason.latched for f in stops)
