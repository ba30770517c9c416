"""Rule `scale_step`: training compute against that of the last assessment, of a reference model, or a fixed figure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from checkpoints_db.records import Answer, Assessment, Case, Compute, Finding, Reason
from policies.assessed import SinceTerms, counted, named
from policies.direction import ANSWERS, LOWER, NEUTRAL, SOONER
from policies.rules.base import found, spoken
from policies.schema import Policy
from policies.spelling import Multiple, spell_multiple

ROUNDING = 1e-12
"""A figure this near below its limit, as a share of it, has reached it: 2.0 may be written in several ways."""


class ScaleStepTerms(SinceTerms):
    """Keys of a `scale_step` rule; either a factor, of the last assessment or of a reference, or a fixed figure."""

    kind: Literal["scale_step"]
    """Kind of rule."""
    factor: Annotated[Multiple | None, LOWER] = None
    """Multiple of compute at which the rule fires."""
    at: Annotated[float, Field(gt=0)] | None = None
    """FLOP at which the rule fires, until an assessment was made at or above it."""
    reference: Annotated[Annotated[float, Field(gt=0)] | None, LOWER] = None
    """FLOP of a named model that `factor` is a multiple of, instead of the last assessment; no assessment lifts it."""
    reference_name: Annotated[str, NEUTRAL] = ""
    """The model that `reference` is of."""
    axis: Literal["flop", "effective_compute"] = "flop"
    """What is compared: training FLOP, or effective compute as the catalogue declares it."""
    counts: str = ""
    """What the FLOP of `at` or `reference` count, in the words of the catalogue; a run counted otherwise holds."""
    since: Literal["last", "largest"] = "last"
    """Which assessment counts: the last one in time, or the one of the most compute."""
    warn_at: Annotated[Annotated[float, Field(gt=0, lt=1)] | None, SOONER] = None
    """Share of the figure from which the rule warns."""
    answer: Annotated[Literal["warn", "hold", "pause"], ANSWERS] = "hold"
    """What the rule says when it fires."""

    @model_validator(mode="after")
    def _one_figure(self) -> Self:
        if (self.factor is None) == (self.at is None):
            raise ValueError(f'rule {self.id!r}: give either factor = "4x" or at = 1e25')
        if self.reference is not None and self.factor is None:
            raise ValueError(f'rule {self.id!r}: a reference needs its factor; write factor = "1x"')
        return self


class Span(NamedTuple):
    """What a figure may be: the same number twice where it is exact."""

    low: float
    high: float


class ScaleStepRule:
    """Fires where so much compute has come together, exactly at its figure; where counts differ, at the larger one."""

    kind = "scale_step"
    terms = ScaleStepTerms
    reads_verdicts = False

    def look(self, terms: ScaleStepTerms, case: Case, policy: Policy, at: datetime) -> tuple[Finding, ...]:
        """One finding; HOLD where compute is unknown or counted otherwise, `assessment_due` where none was made."""
        now, place = case.compute, case.checkpoint or f"{case.family}/{case.run}"
        if now is None or now.on(terms.axis) is None:
            what = terms.axis.replace("_", " ") if terms.axis != "flop" else "training compute"
            why = f"{place}: its {what} is not known"
            return (_hold(terms, Reason.no_data, why, f"the catalogue gave the {what} of the checkpoint"),)
        made = counted(terms, case, at)
        if terms.at is not None:
            return (_at_figure(terms, place, now, terms.at, made),)
        if terms.reference is not None:
            return (_over_reference(terms, place, now, terms.reference),)
        return (_since_assessment(terms, place, now, made),)


def _since_assessment(terms: ScaleStepTerms, place: str, now: Compute, made: list[Assessment]) -> Finding:
    if not made:
        why = f"{place}: no {_bare(terms)} of its {terms.of} is recorded, so nothing says how far it has come since"
        return _hold(terms, Reason.assessment_due, why, f"{terms.wanted} were recorded")
    base = made[-1]
    if terms.since == "largest":
        base = max(made, key=lambda a: (0.0 if a.compute is None else a.compute.on(terms.axis) or 0.0, a.at))
    then = base.compute
    if then is None or then.on(terms.axis) is None:
        why = f"{place}: the compute at the {named(base)} is not known"
        return _hold(terms, Reason.no_data, why, f"{terms.wanted} with known compute were recorded")
    differ = _counted_otherwise(terms, now, then.counts, then.estimator)
    if differ:
        return _hold(terms, Reason.incomparable, f"{place}: {differ} the {named(base)}", "both were counted alike")
    unit, factor = _figure(terms, then, then.on(terms.axis)), terms.factor or 1.0
    head = f"{place}: {_figure(terms, now, now.on(terms.axis))} {_words(terms, now)}"
    return _judged(terms, head, ratios(now, then, terms.axis), factor, f"the {unit} of the {named(base)}", now)


def _over_reference(terms: ScaleStepTerms, place: str, now: Compute, reference: float) -> Finding:
    differ = _counted_otherwise(terms, now, terms.counts, now.estimator) if terms.counts else ""
    if differ:
        return _hold(terms, Reason.incomparable, f"{place}: {differ} the reference", "both were counted alike")
    span = amount(now, terms.axis)
    head = f"{place}: {_figure(terms, now, now.on(terms.axis))} {_words(terms, now)}"
    of = f"the {reference:.6g} of {terms.reference_name or 'the reference model'}"
    return _judged(terms, head, Span(span.low / reference, span.high / reference), terms.factor or 1.0, of, now)


def _at_figure(terms: ScaleStepTerms, place: str, now: Compute, figure: float, made: Iterable[Assessment]) -> Finding:
    differ = _counted_otherwise(terms, now, terms.counts, now.estimator) if terms.counts else ""
    if differ:
        return _hold(
            terms, Reason.incomparable, f"{place}: {differ} the figure of the policy", "both were counted alike"
        )
    head = f"{place}: {_figure(terms, now, now.on(terms.axis))} {_words(terms, now)}"
    for each in made:
        then = each.compute
        if then is not None and then.on(terms.axis) is not None and reached(amount(then, terms.axis).low, figure):
            return found(terms, Answer.GO, Reason.ok, f"{head}; the {named(each)} was made beyond {figure:.6g}")
    span = amount(now, terms.axis)
    ratio = Span(span.low / figure, span.high / figure)
    return _judged(terms, head, ratio, 1.0, f"the figure of {figure:.6g} in the policy", now)


def _judged(terms: ScaleStepTerms, head: str, ratio: Span, factor: float, of: str, now: Compute) -> Finding:
    span = f"{ratio.high:.6g} times"
    if ratio.low < ratio.high:
        span = f"between {ratio.low:.6g} and {ratio.high:.6g} times"
    sentence = f"{head}, {span} {of}; the step is {spell_multiple(factor)}"
    numbers = {"ratio_low": ratio.low, "ratio_high": ratio.high, "factor": factor, "compute": now.on(terms.axis)}
    lifts = terms.reference is None
    remedy = f"it had stayed below {spell_multiple(factor)}" + (f", or {terms.wanted} were recorded" if lifts else "")
    reason = Reason.assessment_due if lifts else Reason.broken
    if reached(ratio.high, factor):
        if not reached(ratio.low, factor):
            other = f" (also counted as {now.also:.6g})" if now.also is not None else ""
            may = f" (may be off by {now.within:.0%})" if now.estimated else ""
            sentence += f", which lies between its counts{other}{may}: the larger one decides"
        size = ratio.high / factor
        return found(terms, spoken(terms.answer), reason, sentence, numbers=numbers, remedy=remedy, magnitude=size)
    if terms.warn_at is not None and reached(ratio.high, terms.warn_at * factor):
        said = f"{sentence}, and the policy warns from {terms.warn_at:.0%} of it"
        due = Reason.assessment_due
        return found(terms, Answer.WARN, due, said, numbers=numbers, remedy=remedy, magnitude=ratio.high / factor)
    return found(terms, Answer.GO, Reason.ok, sentence, numbers=numbers)


def ratios(now: Compute, then: Compute, axis: Literal["flop", "effective_compute"]) -> Span:
    """How many times the compute of `then` that of `now` is, by each count that both have; wider where one may be off.

    Both must have a figure on `axis`, counted alike.

    >>> ratios(Compute(flop=4e20, also=4.2e20), Compute(flop=2e20, also=2e20), "flop")
    Span(low=2.0, high=2.1)
    """
    found = [(now.on(axis) or 0.0) / (then.on(axis) or 1.0)]
    if axis == "flop" and now.also is not None and then.also is not None:
        found.append(now.also / then.also)
    off = 1 + max(now.within, then.within)
    return Span(min(found) / off, max(found) * off)


def amount(compute: Compute, axis: Literal["flop", "effective_compute"]) -> Span:
    """What the figure on `axis` may be, by every count there is."""
    if axis == "flop":
        return Span(compute.low, compute.high)
    figure = compute.effective or 0.0
    return Span(figure / (1 + compute.within), figure * (1 + compute.within))


def reached(value: float, limit: float) -> bool:
    """Whether `value` is at `limit` or beyond, to rounding.

    >>> reached(2.0, 2.0), reached(1.99, 2.0)
    (True, False)
    """
    return value >= limit * (1 - ROUNDING)


def _counted_otherwise(terms: ScaleStepTerms, now: Compute, counts: str, estimator: str) -> str:
    if _plain(now.counts) != _plain(counts):
        return f"its FLOP count {now.counts or 'what nobody says'!r}, and {counts or 'what nobody says'!r} at"
    if terms.axis == "effective_compute" and _plain(now.estimator) != _plain(estimator):
        return f"its effective compute is by {now.estimator!r}, and by {estimator!r} at"
    return ""


def _plain(words: str) -> str:
    return " ".join(words.casefold().split())


def _figure(terms: ScaleStepTerms, compute: Compute, figure: float | None) -> str:
    return f"{figure:.6g} {'FLOP' if terms.axis == 'flop' else 'of effective compute'}"


def _words(terms: ScaleStepTerms, now: Compute) -> str:
    convention = now.counts or "nobody says how they were counted"
    return f"({now.estimator or 'no estimator named'}; {convention})" if terms.axis != "flop" else f"({convention})"


def _bare(terms: ScaleStepTerms) -> str:
    return terms.wanted.removeprefix("an ")


def _hold(terms: ScaleStepTerms, reason: Reason, sentence: str, remedy: str) -> Finding:
    return found(terms, Answer.HOLD, reason, sentence, remedy=remedy, magnitude=1.0)
