"""Rule `break`: a result so improbable under its sealed forecast that the trend is taken to be broken."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from checkpoints_db.records import Answer, Case, Finding, Reason, Verdict
from policies.direction import ANSWERS, HIGHER, LOWER, SIDES
from policies.rule_terms import RuleTerms
from policies.rules.base import MAY_SPEAK, doubt, found, sight, spoken, subject_of
from policies.schema import Policy

SMALLEST = 1e-300
"""Tail probabilities below this count as this."""


class BreakTerms(RuleTerms):
    """Keys of a `break` rule."""

    kind: Literal["break"]
    """Kind of rule."""
    side: Annotated[Literal["above", "below", "either"], SIDES] = "above"
    """Direction of the break, in terms of capability: a loss lower than forecast is `above`."""
    tail: Annotated[Annotated[float, Field(gt=0, le=0.2)] | None, HIGHER] = None
    """Tail probability, per side, below which the rule fires; left out: `judging.tail`."""
    min_effect: Annotated[float, Field(ge=0), LOWER] = 0.0
    """Smallest distance from the forecast's median that counts, in units of the metric."""
    answer: Annotated[Literal["warn", "hold", "pause"], ANSWERS] = "pause"
    """What the rule says when it fires."""
    on_inconclusive: Annotated[Literal["hold", "warn"], ANSWERS] = "hold"
    """What it says of a result that no sealed forecast could judge."""


def surprise(tail: float | None) -> float:
    """Magnitude of a tail probability: -log10, so 0.001 has 3; 0 where there is none.

    >>> surprise(0.001)
    3.0
    """
    return 0.0 if tail is None else -math.log10(max(tail, SMALLEST)) + 0.0


def around(verdict: Verdict) -> str:
    """The sealed forecast of a verdict in words."""
    if verdict.median is None:
        return "its forecast"
    band = ""
    if verdict.lower is not None and verdict.upper is not None:
        band = f" [{verdict.lower:.4g}, {verdict.upper:.4g}] at {verdict.level:.0%}"
    return f"the forecast of {verdict.median:.4g}{band}"


class BreakRule:
    """Fires on the tail probability of a sealed forecast."""

    kind = "break"
    terms = BreakTerms
    reads_verdicts = True

    def look(self, terms: BreakTerms, case: Case, policy: Policy, at: datetime) -> tuple[Finding, ...]:
        """One finding per selected verdict."""
        return tuple(
            self._judge(terms, verdict, policy) for verdict in case.verdicts if terms.takes_verdict(verdict, case)
        )

    def _judge(self, terms: BreakTerms, verdict: Verdict, policy: Policy) -> Finding:
        side, tail = worse_side(terms.side, verdict)
        limit = policy.judging.tail if terms.tail is None else terms.tail
        subject = subject_of(verdict.task, verdict.metric.name)
        effect = None if verdict.median is None else abs(verdict.observed - verdict.median)
        numbers = {
            "observed": verdict.observed,
            "median": verdict.median,
            "lower": verdict.lower,
            "upper": verdict.upper,
            "tail": tail,
            "limit": limit,
            "effect": effect,
            "detectable": verdict.detectable,
        }
        improbable = tail < limit if tail is not None else verdict.outcome == side
        # A blind forecast may still have seen a break larger than it promised to; one of another kind may not speak.
        why = sight(verdict, policy)
        if why in MAY_SPEAK and improbable and (effect is None or effect >= terms.min_effect):
            chance = "" if tail is None else f"; tail probability {tail:.2g}, limit {limit:g}"
            fell = terms.side == "either" and side == "below"
            return found(
                terms,
                spoken(terms.answer),
                Reason.broken,
                f"{verdict.checkpoint}: {subject} came out at {verdict.observed:.4g}, {side} {around(verdict)}{chance}",
                subject=f"{subject} below" if fell else subject,  # who waives a fall waives no rise
                numbers=numbers,
                magnitude=surprise(tail),
                remedy=f"the tail probability were at least {limit:g}",
            )
        room = _room(verdict)
        if room is not None and terms.min_effect > room:
            return found(
                terms,
                Answer.HOLD,
                Reason.incomparable,
                f"{verdict.checkpoint}: no break of {subject} could be as large as min_effect = {terms.min_effect:g}: "
                f"its range is {room:g} wide, so they are in different units",
                subject=subject,
                numbers=numbers,
                magnitude=1.0,
                remedy="min_effect were written in the units of the metric",
            )
        if why != "ok":
            reason, remedy = doubt(why, policy)
            return found(
                terms,
                spoken(terms.on_inconclusive),
                reason,
                verdict.sentence,
                subject=subject,
                numbers=numbers,
                magnitude=verdict.blindness or 0.0,
                remedy=remedy,
            )
        return found(
            terms,
            Answer.GO,
            Reason.ok,
            f"{verdict.checkpoint}: {subject} did not break {around(verdict)}",
            subject=subject,
            numbers=numbers,
        )


def _room(verdict: Verdict) -> float | None:
    """How far two values of the metric may lie apart; None where it has no two bounds."""
    lower, upper = verdict.metric.lower, verdict.metric.upper
    return None if lower is None or upper is None else upper - lower


def worse_side(side: Literal["above", "below", "either"], verdict: Verdict) -> tuple[str, float | None]:
    """The side that a rule watches, with its tail probability; of both, the less probable one."""
    tails = {"above": verdict.tail_above, "below": verdict.tail_below}
    if side != "either":
        return side, tails[side]
    known = {name: tail for name, tail in tails.items() if tail is not None}
    if known:
        name = min(known, key=lambda n: known[n])
        return name, known[name]
    return ("below" if verdict.outcome == "below" else "above"), None
