"""Rule `level`: the confidence bound of a result against a ceiling, whatever the trend says."""

from __future__ import annotations

import math
from collections.abc import Collection
from datetime import datetime
from statistics import NormalDist
from typing import Annotated, Literal

from pydantic import Field

from checkpoints_db.records import Answer, Case, Finding, Kind, Reason, Verdict
from policies.direction import ANSWERS, HIGHER, LOWER, WIDER
from policies.rule_terms import RuleTerms
from policies.rules.base import absent, found, out_of_range, spoken, subject_of
from policies.schema import Policy
from policies.spelling import Globs, matches


class LevelTerms(RuleTerms):
    """Keys of a `level` rule."""

    kind: Literal["level"]
    """Kind of rule."""
    metric: Annotated[Globs, WIDER]
    """Metrics whose value is compared with the ceiling, by name."""
    ceiling: float
    """Value that must not be reached; for a metric where lower is more capable, the value to stay above."""
    confidence: Annotated[float, Field(gt=0.5, lt=1), HIGHER] = 0.95
    """One-sided confidence of the bound of the observed value."""
    assume_exact: Annotated[bool, LOWER] = False
    """Take a value without known noise as exact, instead of holding."""
    answer: Annotated[Literal["warn", "hold", "pause"], ANSWERS] = "pause"
    """What the rule says when the bound reaches the ceiling."""

    def takes(self, task: str, metric: str, kind: Kind | None, domains: Collection[str]) -> bool:
        """Whether the rule compares this metric of this task with its ceiling."""
        return matches(metric, self.metric) and super().takes(task, metric, kind, domains)


class LevelRule:
    """Compares the confidence bound toward capability with a ceiling."""

    kind = "level"
    terms = LevelTerms
    reads_verdicts = True

    def look(self, terms: LevelTerms, case: Case, policy: Policy, at: datetime) -> tuple[Finding, ...]:
        """One finding per selected result, and one HOLD per selected result that is not there."""
        taken = [v for v in case.verdicts if terms.takes_verdict(v, case)]
        there = tuple(self._compare(terms, verdict) for verdict in taken)
        return there + tuple(
            found(
                terms,
                Answer.HOLD,
                Reason.no_data,
                f"{case.family}/{case.run}: {subject} has no result to compare with the ceiling of {terms.ceiling:g}",
                subject=subject,
                magnitude=1.0,
                remedy="the result were there",
            )
            for subject in absent(terms, case, terms.metric)
        )

    def _compare(self, terms: LevelTerms, verdict: Verdict) -> Finding:
        subject, sign = subject_of(verdict.task, verdict.metric.name), verdict.metric.sign
        bound = bound_of(verdict, terms.confidence)
        exact = bound is None
        if bound is None:
            bound = verdict.observed
        numbers = {"observed": verdict.observed, "bound": bound, "ceiling": terms.ceiling}
        over = sign * (bound - terms.ceiling)
        where = f"{verdict.checkpoint}: {subject} is {verdict.observed:.4g}"
        word = "below" if sign > 0 else "above"
        remedy = f"its {terms.confidence:.0%} bound stayed {word} {terms.ceiling:g}"
        if over >= 0:
            return found(
                terms,
                spoken(terms.answer),
                Reason.broken,
                f"{where}, {terms.confidence:.0%} bound {bound:.4g}: reaches the ceiling of {terms.ceiling:g}",
                subject=subject,
                numbers=numbers,
                remedy=remedy,
                magnitude=over / (abs(terms.ceiling) or 1.0),
            )
        if words := out_of_range(terms.ceiling, verdict.metric):
            return found(
                terms,
                Answer.HOLD,
                Reason.incomparable,
                f"{where}, and {words}",
                subject=subject,
                numbers=numbers,
                magnitude=1.0,
                remedy="the ceiling were written in the units of the metric",
            )
        if exact and not terms.assume_exact:
            return found(
                terms,
                Answer.HOLD,
                Reason.blind,
                f"{where}, with no standard error and no number of samples: its bound is unknown",
                subject=subject,
                numbers=numbers,
                magnitude=1.0,
                remedy="the log gave its noise, or the rule said assume_exact = true",
            )
        if verdict.why == "remarked":
            return found(
                terms,
                Answer.HOLD,
                Reason.incomparable,
                f"{where}, but is no plain result: {verdict.sentence}",
                subject=subject,
                numbers=numbers,
                remedy="the evaluation were repeated whole",
                magnitude=1.0,
            )
        return found(
            terms,
            Answer.GO,
            Reason.ok,
            f"{where}, bound {bound:.4g}: {word} {terms.ceiling:g}",
            subject=subject,
            numbers=numbers,
        )


def bound_of(verdict: Verdict, confidence: float) -> float | None:
    """One-sided bound of the observed value in the direction of capability; None where no noise is known.

    The farther of value + z * stderr and, for a metric with both bounds, the Wilson bound from the number of samples
    (Wilson 1927; for graded metrics it is conservative, as p (1 - p) is the largest variance on [0, 1]). A standard
    error of 0 says nothing: none of ten samples right is not known to be never right.
    """
    z, sign = NormalDist().inv_cdf(confidence), verdict.metric.sign
    low, high = verdict.metric.lower, verdict.metric.upper
    bounds = []
    if verdict.stderr:
        bounds.append(verdict.observed + sign * z * verdict.stderr)
    if verdict.n is not None and low is not None and high is not None:
        share = min(1.0, max(0.0, (verdict.observed - low) / (high - low)))
        bounds.append(low + (high - low) * wilson(share, verdict.n, sign * z))
    if not bounds or not all(math.isfinite(b) for b in bounds):
        return None
    bound = max(bounds) if sign > 0 else min(bounds)
    if low is not None:
        bound = max(bound, low)
    return bound if high is None else min(bound, high)


def wilson(share: float, n: int, z: float) -> float:
    """Wilson score bound of a share of n samples; upper for z > 0, lower for z < 0.

    >>> round(wilson(0.0, 100, 1.6448536), 4), round(wilson(0.5, 100, 1.6448536), 4)
    (0.0263, 0.5812)
    """
    half = math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (share + z * z / (2 * n) + z * half) / (1 + z * z / n)
