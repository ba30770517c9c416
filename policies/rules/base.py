"""What a rule is, and how it says what it found."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from checkpoints_db.records import Answer, Case, Finding, Metric, Missing, Reason, Verdict, Why
from policies.rule_terms import RuleTerms
from policies.schema import Policy
from policies.spelling import matches

T_contra = TypeVar("T_contra", bound=RuleTerms, contravariant=True)


class Rule(Protocol[T_contra]):
    """One kind of agreed test. A rule is pure: equal arguments give equal findings."""

    @property
    def kind(self) -> str:
        """Name of the kind, as policy files spell it."""

    @property
    def terms(self) -> type[RuleTerms]:
        """The keys of its table."""

    @property
    def reads_verdicts(self) -> bool:
        """Whether it judges the verdicts it selects; then the engine holds when the ladder has a selected metric
        that this run lacks. False for rules about presence, age or paperwork."""

    def look(self, terms: T_contra, case: Case, policy: Policy, at: datetime) -> tuple[Finding, ...]:
        """Findings of the rule on a run it applies to, passes (answer GO) included. What it raises holds the gate."""


def subject_of(task: str, metric: str) -> str:
    """How a finding names one metric of one task.

    >>> subject_of("arc_easy", "acc,none")
    'arc_easy · acc,none'
    """
    return f"{task} · {metric}"


def trouble_of(case: Case, sentence: str) -> str:
    """How a finding names a contradiction: as it stands, so that who waives one waives no other."""
    return sentence.removeprefix(f"{case.checkpoint}: ")


def takes_missing(terms: RuleTerms, missing: Missing, case: Case) -> bool:
    """Whether the rule would look at what is missing; its kind of metric is not known and counts as the one asked for.

    Takes the records that the policy and the case have; raises nothing.
    """
    return terms.takes(missing.task, missing.metric, None, case.domains_of(missing.task))


def absent(terms: RuleTerms, case: Case, metric: Sequence[str]) -> list[str]:
    """Subjects that a rule about some metrics selects and that are not there, in order of name.

    What the ladder has and the run lacks, and patterns of tasks that no result of the run meets.
    """
    taken = [v for v in case.verdicts if terms.takes_verdict(v, case)]
    named = {subject_of(m.task, m.metric) for m in case.missing if takes_missing(terms, m, case)}
    globs = [glob for glob in terms.select.task if not any(matches(v.task, (glob,)) for v in taken)]
    return sorted(named | {subject_of(glob, " or ".join(metric)) for glob in globs})


def unanswered(
    terms: RuleTerms, case: Case, metric: Sequence[str], answered: Iterable[str], what: str
) -> tuple[Finding, ...]:
    """HOLDs for selected results that are not there, and for those that nobody answered the question of the rule for.

    `answered`: ids of series; `what` completes "has no result ...".
    """
    gone = [(subject, "has no result") for subject in absent(terms, case, metric)]
    known = set(answered)
    left = [v for v in case.verdicts if v.series not in known and terms.takes_verdict(v, case)]
    gone += [(subject_of(v.task, v.metric.name), "has no answer") for v in left]
    return tuple(
        found(
            terms,
            Answer.HOLD,
            Reason.no_data,
            f"{case.family}/{case.run}: {subject} {lack} {what}",
            subject=subject,
            remedy="the result were there",
            magnitude=1.0,
        )
        for subject, lack in gone
    )


def out_of_range(ceiling: float, metric: Metric) -> str:
    """Why no result of a metric could ever reach a ceiling, in words; empty where one could.

    >>> out_of_range(80, Metric(name="acc", kind="thresholded", lower=0, upper=1))
    'no result could reach the ceiling of 80: its best possible value is 1, so they are in different units'
    """
    best = metric.upper if metric.sign > 0 else metric.lower
    if best is None or metric.sign * (ceiling - best) <= 1e-9:
        return ""
    return (
        f"no result could reach the ceiling of {ceiling:g}: its best possible value is {best:g}, so they are in "
        "different units"
    )


def spoken(answer: str) -> Answer:
    """The answer that a policy file spells in lower case.

    >>> spoken("hold")
    <Answer.HOLD: 'HOLD'>
    """
    return Answer(answer.upper())


def fires(finding: Finding) -> bool:
    """Whether a rule's own test is broken: more than an early warning, and more than a doubt that was tuned to WARN."""
    if finding.answer is Answer.GO:
        return False
    return finding.reason is Reason.broken or (finding.reason is Reason.assessment_due and finding.answer.rank >= 2)


def doubts(finding: Finding) -> bool:
    """Whether a rule could not tell."""
    return finding.answer is not Answer.GO and finding.reason not in (Reason.broken, Reason.assessment_due)


LARGEST = 1e300
"""Magnitudes beyond this count as this: a finding is finite."""


def found(
    terms: RuleTerms,
    answer: Answer,
    reason: Reason,
    sentence: str,
    *,
    subject: str = "",
    remedy: str = "",
    numbers: Mapping[str, float | None] | None = None,
    magnitude: float = 0.0,
) -> Finding:
    """A finding of the rule with these terms; numbers that are None or not finite are left out."""
    return Finding(
        rule=terms.id,
        kind=terms.kind,
        level=terms.level,
        answer=answer,
        reason=reason,
        subject=subject,
        sentence=sentence,
        would_pass_if=remedy,
        magnitude=min(max(magnitude, 0.0), LARGEST),
        numbers={n: value for n, value in (numbers or {}).items() if value is not None and math.isfinite(value)},
    )


_DOUBT: dict[Why, tuple[Reason, str]] = {
    "ok": (Reason.ok, ""),
    "blind": (
        Reason.blind,
        "the forecast could see a break of {resolve:.0%} of the metric's room: evaluate more small models, or samples",
    ),
    "plateau": (
        Reason.blind,
        "a smaller model had left the floor, or per-sample logs gave a continuous metric of the task",
    ),
    "saturated": (Reason.blind, "the task were harder, or per-sample logs gave a continuous metric of it"),
    "degenerate": (
        Reason.blind,
        "the score told models apart: look at how it is scored, or log per-sample likelihoods",
    ),
    "trend_unstable": (Reason.blind, "the last rung were evaluated again, or one more rung beside it"),
    "forms_disagree": (Reason.forms_disagree, "a rung between the last one and this model had been evaluated"),
    "too_far": (Reason.blind, "a rung between the last one and this model had been evaluated"),
    "too_few": (Reason.unregistered, "at least {min_rungs} smaller models had been evaluated before this result"),
    "unsealed": (Reason.unregistered, "a forecast had been sealed before the result arrived"),
    "smaller": (Reason.incomparable, "the model were larger than those the forecast learnt from"),
    "remarked": (Reason.incomparable, "the evaluation were repeated whole, under the conditions of the smaller models"),
    "no_scale": (Reason.incomparable, "the catalogue placed the checkpoint on the scale axis of its family"),
    "no_parts": (Reason.no_data, "every part that the catalogue names had been evaluated on this checkpoint"),
}


MAY_SPEAK: frozenset[Why] = frozenset(
    ("ok", "blind", "plateau", "saturated", "trend_unstable", "forms_disagree", "too_far")
)
"""Under these a forecast judged the result: it may not call it expected, but a break that it saw is a break."""


def doubt(why: Why, policy: Policy) -> tuple[Reason, str]:
    """Reason for a verdict that says nothing, and what would have made it say something."""
    reason, remedy = _DOUBT[why]
    return reason, remedy.format(resolve=policy.judging.resolve, min_rungs=policy.judging.min_rungs)


def sight(verdict: Verdict, policy: Policy) -> Why:
    """Whether a sealed forecast judged the result by the terms of this policy: `ok`, or why not.

    A verdict made under looser terms than the policy now has (a candidate in replay, a policy just tightened) is blind
    here: `expected` is worth what the forecast could have seen.
    """
    if verdict.outcome in ("inconclusive", "unforeseen"):
        return "blind" if verdict.why == "ok" else verdict.why
    if verdict.outcome == "expected":
        tails = [t for t in (verdict.tail_above, verdict.tail_below) if t is not None]
        loose = any(tail < policy.judging.tail for tail in tails)
        if loose or (verdict.blindness is not None and verdict.blindness > policy.judging.resolve):
            return "blind"
        if 0 < verdict.rungs < policy.judging.min_rungs:
            return "too_few"
    return "ok"
