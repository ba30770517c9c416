"""How many pauses for nothing a policy is to be expected to make, where every task is on its trend."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from checkpoints_db.records import Budget, Case, Level
from policies.evalues import weight
from policies.rule_terms import RuleTerms
from policies.schema import Policy

UPWARD = ("genuine_break", "latent_break", "unexplained_jump")


class Chance(NamedTuple):
    """One checkpoint on trend: how many questions were tested, and the probability that any of them pauses."""

    tests: int
    pause: float


def chance_of(policy: Policy, case: Case, budget: Budget | None) -> Chance:
    """What a checkpoint costs in pauses for nothing; the probability is an upper bound where tests depend.

    1 - (1 - tail)^tests for the questions of the budget, its share where that is less; and as much again for rules
    that stand outside of it, each with its own tail. A diagnosis rule needs no tail of its own.
    """
    rules = [r for r in policy.rules if r.level in (Level.soft, Level.hard) and r.applies(case)]
    inside = [r for r in rules if _pauses(r) and not _outside(r, policy)]
    tests = budget.tests if budget is not None else 0
    found = 0.0
    if inside and budget is not None:
        found = any_of(policy.judging.tail, tests)
        if budget.method != "none":
            found = min(found, budget.nominal * (weight(budget.looks) if budget.per == "run" else 1.0))
    for rule in rules:
        if _pauses(rule) and _outside(rule, policy):
            found += any_of(_tail(rule, policy), sum(rule.takes_verdict(v, case) for v in case.verdicts))
        if (
            rule.kind == "drift"
            and getattr(rule, "answer", "") == "pause"
            and any(d.domain == rule.id for d in case.drifts)
        ):
            found += _tail(rule, policy)
    return Chance(tests, min(found, 1.0))


def any_of(tail: float, tests: int) -> float:
    """Probability that any of `tests` independent tests at `tail` fires: 1 - (1 - tail)^tests.

    >>> round(any_of(0.01, 100), 3)
    0.634
    """
    return -math.expm1(tests * math.log1p(-tail))


def total(chances: Iterable[Chance]) -> float:
    """Expected number of checkpoints paused for nothing."""
    return math.fsum(chance.pause for chance in chances)


def _pauses(rule: RuleTerms) -> bool:
    if rule.kind == "break":
        return getattr(rule, "answer", "") == "pause" and getattr(rule, "side", "") in ("above", "either")
    answers = getattr(rule, "answers", None)
    return rule.kind == "diagnosis" and any(getattr(answers, name, "") == "pause" for name in UPWARD)


def _outside(rule: RuleTerms, policy: Policy) -> bool:
    return rule.level is Level.hard or _tail(rule, policy) > policy.judging.tail


def _tail(rule: RuleTerms, policy: Policy) -> float:
    return float(getattr(rule, "tail", None) or policy.judging.tail)
