"""Rule `rate`: how much faster a metric grows beyond knots that the policy names beforehand."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from checkpoints_db.records import Answer, Case, Finding, Kind, Knot, Rate, Reason
from policies.direction import ANSWERS, AT_ONCE, LOWER, WIDER
from policies.rule_terms import RuleTerms
from policies.rules.base import doubt, found, spoken, subject_of, unanswered
from policies.schema import Policy
from policies.spelling import Globs, Multiple, Several, matches, spell_multiple

ROUNDING = 1e-12
"""A ratio this near below the limit, as a share of it, has reached it."""


class RateTerms(RuleTerms):
    """Keys of a `rate` rule; all its knots must agree, because one chosen afterwards finds a bend in any trend."""

    kind: Literal["rate"]
    """Kind of rule."""
    metric: Annotated[Globs, WIDER]
    """Metrics or indices, by name."""
    knots: Annotated[Several, Field(min_length=1)]
    """Where the trend may bend: names of rungs, scales (`1e21`) or, over time, dates (`2026-03-01`)."""
    ratio: Annotated[Multiple, LOWER]
    """Multiple of the earlier slope, toward capability, that the later one must reach at every knot."""
    over: Literal["scale", "time"] = "scale"
    """What the slope is over: the logarithm of scale, or the dates of the evaluations."""
    min_generations: Annotated[int, Field(ge=1)] = 3
    """Rungs beyond a knot without which it says nothing yet."""
    confidence: Annotated[Annotated[float, Field(gt=0.5, lt=1)] | None, AT_ONCE] = None
    """One-sided confidence at which the ratio must be reached; left out: its estimate counts."""
    on_few: Annotated[Literal["hold", "warn"], ANSWERS] = "hold"
    """What the rule says while a knot has too few rungs beyond it."""
    answer: Annotated[Literal["warn", "hold", "pause"], ANSWERS] = "pause"
    """What the rule says when it fires."""

    def takes(self, task: str, metric: str, kind: Kind | None, domains: Collection[str]) -> bool:
        """Whether the rule asks about this metric of this task."""
        return matches(metric, self.metric) and super().takes(task, metric, kind, domains)


class RateRule:
    """Fires where the later slope is so much steeper at every registered knot."""

    kind = "rate"
    terms = RateTerms
    reads_verdicts = False

    def look(self, terms: RateTerms, case: Case, policy: Policy, at: datetime) -> tuple[Finding, ...]:
        """One finding for each selected metric; HOLD where a result, a knot or progress before it is not there."""
        own = [rate for rate in case.rates if rate.rule == terms.id]
        gone = unanswered(terms, case, terms.metric, [rate.series for rate in own], "whose rate could be told")
        return gone + tuple(self._judge(terms, rate, policy) for rate in own)

    def _judge(self, terms: RateTerms, rate: Rate, policy: Policy) -> Finding:
        subject, numbers = subject_of(rate.task, rate.metric.name), _numbers(rate, terms)
        reason, remedy, why = _unsure(terms, rate, policy)
        if reason is not Reason.ok:
            few = why and all(knot.after < terms.min_generations for knot in rate.knots)
            return found(
                terms,
                spoken(terms.on_few) if few else Answer.HOLD,
                reason,
                f"{rate.sentence}{why}",
                subject=subject,
                numbers=numbers,
                magnitude=1.0,
                remedy=remedy,
            )
        told = [_told(knot, terms) or 0.0 for knot in rate.knots]
        if min(told) >= terms.ratio * (1 - ROUNDING):
            return found(
                terms,
                spoken(terms.answer),
                Reason.broken,
                f"{rate.sentence}: every one of {len(told)} registered knots reaches {spell_multiple(terms.ratio)}",
                subject=subject,
                numbers=numbers,
                magnitude=max(min(told), 0.0),
                remedy=f"the slope beyond one of its knots were less than {spell_multiple(terms.ratio)} that before it",
            )
        said = f"{rate.sentence}: not every knot reaches {spell_multiple(terms.ratio)}"
        return found(terms, Answer.GO, Reason.ok, said, subject=subject, numbers=numbers)


def _told(knot: Knot, terms: RateTerms) -> float | None:
    return knot.ratio if terms.confidence is None else knot.lower


def _numbers(rate: Rate, terms: RateTerms) -> dict[str, float | None]:
    ratios = {f"ratio_{knot.name}": knot.ratio for knot in rate.knots}
    return {**ratios, **{f"lower_{knot.name}": knot.lower for knot in rate.knots}, "limit": terms.ratio}


def _unsure(terms: RateTerms, rate: Rate, policy: Policy) -> tuple[Reason, str, str]:
    """Why nothing can be told, what would change it, and the words to add; `ok` where all is there."""
    if rate.why != "ok":
        reason, remedy = doubt(rate.why, policy)
        return reason, remedy, ""
    if rate.unknown:
        names = ", ".join(rate.unknown)
        return Reason.unregistered, f"the policy named rungs of this ladder instead of {names}", f"; unknown: {names}"
    few = [knot for knot in rate.knots if knot.after < terms.min_generations]
    if few:
        least = min(few, key=lambda knot: knot.after)
        words = f"; {least.name} has {least.after} rungs beyond it, and {terms.min_generations} are needed"
        return Reason.blind, f"{terms.min_generations} rungs beyond every knot were evaluated", words
    if not rate.knots or any(knot.ratio is None for knot in rate.knots):
        words = "; there was no progress before a knot that later progress could be compared with"
        return Reason.blind, "the knots were registered where the trend had begun", words
    if terms.confidence is not None and any(knot.lower is None for knot in rate.knots):
        return Reason.blind, "more rungs had been evaluated", "; the noise does not let the ratio be bounded"
    return Reason.ok, "", ""
