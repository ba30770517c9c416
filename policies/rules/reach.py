"""Rule `reach`: how probable it is that a metric reaches a ceiling before the next assessment."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from checkpoints_db.records import Answer, Case, Finding, Kind, Reach, Reason
from policies.assessed import SinceTerms, counted
from policies.direction import ANSWERS, HIGHER, LOWER, WIDER
from policies.rules.base import doubt, found, out_of_range, spoken, subject_of, unanswered
from policies.schema import Policy
from policies.spelling import Globs, Multiple, matches, spell_multiple


class ReachTerms(SinceTerms):
    """Keys of a `reach` rule."""

    kind: Literal["reach"]
    """Kind of rule."""
    metric: Annotated[Globs, WIDER]
    """Metrics, by name."""
    ceiling: float
    """Value that must not be reached; for a metric where lower is more capable, the value to stay above."""
    until: Annotated[Multiple, HIGHER]
    """How far the next assessment is: a multiple of scale, of training compute where that orders the ladder."""
    since: Literal["checkpoint", "assessment"] = "checkpoint"
    """What `until` is a multiple of: the scale of the newest checkpoint, or the compute at the last assessment."""
    probability: Annotated[float, Field(gt=0, lt=1), LOWER] = 0.1
    """Probability of reaching the ceiling, at which the rule fires."""
    answer: Annotated[Literal["warn", "hold", "pause"], ANSWERS] = "hold"
    """What the rule says when it fires."""

    def takes(self, task: str, metric: str, kind: Kind | None, domains: Collection[str]) -> bool:
        """Whether the rule asks about this metric of this task."""
        return matches(metric, self.metric) and super().takes(task, metric, kind, domains)


class ReachRule:
    """Asks the sealed forecast up to the next assessment, and the noise of the result that is there."""

    kind = "reach"
    terms = ReachTerms
    reads_verdicts = False

    def look(self, terms: ReachTerms, case: Case, policy: Policy, at: datetime) -> tuple[Finding, ...]:
        """One finding for each selected metric; HOLD where a result or a forecast is not there."""
        place = f"{case.family}/{case.run}"
        if terms.since == "assessment" and not counted(terms, case, at):
            why = f"{place}: no assessment of its {terms.of} is recorded that the next one could be measured from"
            remedy = f"{terms.wanted} were recorded"
            return (found(terms, Answer.HOLD, Reason.assessment_due, why, remedy=remedy, magnitude=1.0),)
        own = [reach for reach in case.reaches if reach.rule == terms.id]
        what = f"from which a ceiling of {terms.ceiling:g} could be reached"
        gone = unanswered(terms, case, terms.metric, [reach.series for reach in own], what)
        return gone + tuple(self._judge(terms, reach, policy) for reach in own)

    def _judge(self, terms: ReachTerms, reach: Reach, policy: Policy) -> Finding:
        subject = subject_of(reach.task, reach.metric.name)
        likely = max(reach.probability or 0.0, reach.seen or 0.0)
        there = reach.metric.sign * (reach.observed - terms.ceiling) >= 0
        numbers = {
            "observed": reach.observed,
            "ceiling": terms.ceiling,
            "probability": reach.probability,
            "seen": reach.seen,
            "marginal": reach.marginal,
            "limit": terms.probability,
            "until": reach.until,
        }
        if there or likely >= terms.probability:
            return found(
                terms,
                spoken(terms.answer),
                Reason.broken if there else Reason.assessment_due,
                f"{reach.sentence}; the policy allows {terms.probability:g}",
                subject=subject,
                numbers=numbers,
                magnitude=1.0 if there else likely,
                remedy=f"that probability were below {terms.probability:g}, or it were assessed before it is "
                f"{spell_multiple(terms.until)} larger",
            )
        reason, remedy = self._unsure(terms.ceiling, reach, policy)
        if reason is not Reason.ok:
            return found(
                terms,
                Answer.HOLD,
                reason,
                "; ".join(filter(None, [reach.sentence, out_of_range(terms.ceiling, reach.metric)])),
                subject=subject,
                numbers=numbers,
                magnitude=1.0,
                remedy=remedy,
            )
        return found(terms, Answer.GO, Reason.ok, reach.sentence, subject=subject, numbers=numbers)

    def _unsure(self, ceiling: float, reach: Reach, policy: Policy) -> tuple[Reason, str]:
        """Why a small probability is worth nothing, and what would make it worth something."""
        if out_of_range(ceiling, reach.metric):
            return Reason.incomparable, "the ceiling were written in the units of the metric"
        if reach.until is not None and reach.start is not None and reach.until <= reach.start:
            return Reason.assessment_due, "it were assessed: the next assessment was due at a smaller scale"
        if reach.why != "ok":
            return doubt(reach.why, policy)
        if reach.probability is None:
            return doubt("unsealed", policy)
        if reach.rungs < policy.judging.min_rungs:
            return doubt("too_few", policy)
        return Reason.ok, ""
