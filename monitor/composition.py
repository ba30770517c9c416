"""A composite task beside its parts, as the catalogue declares them -> a diagnosis of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from checkpoints_db.catalogue import Composition
from checkpoints_db.records import Composed, Diagnosis, DiagnosisName, Metric, Point, Span, Verdict, Why
from monitor.diagnosis import primary
from monitor.forecasting import JUDGEMENT_VERSION
from monitor.rungs import sampling_variance
from monitor.science.composition import Excess, bounds, excess, per_step, wilson
from policies.terms import Judging

Array = npt.NDArray[np.float64]


class _Shares(NamedTuple):
    """Verdicts as shares of what guessing leaves, all of shape (k,)."""

    observed: Array
    variance: Array
    """NaN where the noise is unknown."""

    def span(self, i: int, level: float) -> Span:
        share, variance = self.observed[i : i + 1], self.variance[i : i + 1]
        if not np.isfinite(variance[0]):  # nothing is known of it, so it may be anything
            return Span(value=float(share[0]), lower=0.0, upper=1.0)
        low, high = wilson(share, variance, level)
        return Span(value=float(share[0]), lower=float(low[0]), upper=float(high[0]))


def compose(
    declared: Sequence[Composition], asked: Mapping[str, Sequence[Verdict]], judging: Judging
) -> Iterator[Diagnosis]:
    """A diagnosis of every declared composition whose composite has a score on this checkpoint.

    `asked`: question -> verdicts of one checkpoint. The score is the thresholded metric that speaks for a task. Only
    parts are compared: a composition of steps alone puts no question. What comes of it stands beside the diagnosis of
    the task's own metrics and never replaces it, so it can close a gate and open none.
    """
    for each in declared:
        whole = _score(each.task, asked)
        if whole is None or not each.parts:
            continue
        found = {part: score for part in each.counted if (score := _score(part, asked)) is not None}
        if len(found) < len(each.counted):
            absent = ", ".join(repr(part) for part in each.counted if part not in found)
            words = f"no score of {absent} on this checkpoint: evaluate it, or take it out of the catalogue"
            alone = Composed(formula=each.formula, observed=_shares([whole]).span(0, judging_level(judging)))
            yield _said(each, whole, "inconclusive", "no_parts", alone, words)
        else:
            yield _compared(each, whole, found, judging)


def judging_level(judging: Judging) -> float:
    """Probability inside the intervals of a policy.

    >>> judging_level(Judging())
    0.98
    """
    return 1 - 2 * judging.tail


def _score(question: str, asked: Mapping[str, Sequence[Verdict]]) -> Verdict | None:
    verdicts = asked.get(question) or [v for own in asked.values() for v in own if v.task == question]
    usable = [v for v in verdicts if v.why != "remarked" and is_rate(v.metric)]
    return primary(usable, "thresholded")


def is_rate(metric: Metric) -> bool:
    """Whether a metric can be read as a rate of success: thresholded, rising, between two bounds."""
    return metric.kind == "thresholded" and metric.sign > 0 and metric.lower is not None and metric.upper is not None


def step_at(metric: Metric, point: Point, steps: int, level: float = 0.95) -> Span:
    """Success of one of `steps` steps at a rung, from the rate of success of the whole task above chance.

    >>> rung = Point(run="a", checkpoint="f/a", x=1.0, value=0.59049, n=1000, result="r")
    >>> step_at(Metric(name="em", kind="thresholded", lower=0, upper=1), rung, 5).value
    0.9
    """
    variance, width = sampling_variance(metric, point.value, point.stderr, point.n), _width(metric)
    noise = np.array([np.nan if variance is None else variance / width**2])
    return steps_of(_Shares(np.array([_above(metric, point.value)]), noise).span(0, level), steps)


def _shares(verdicts: Sequence[Verdict]) -> _Shares:
    def known(v: Verdict) -> float:
        variance = sampling_variance(v.metric, v.observed, v.stderr, v.n)
        return float("nan") if variance is None else variance / _width(v.metric) ** 2

    return _Shares(np.array([_above(v.metric, v.observed) for v in verdicts]), np.array([known(v) for v in verdicts]))


def _floor(metric: Metric) -> float:
    return (metric.lower or 0.0) if metric.chance is None else metric.chance


def _width(metric: Metric) -> float:
    return max((metric.upper or 0.0) - _floor(metric), 1e-9)


def _above(metric: Metric, value: float) -> float:
    # A guess that hits is no step that succeeded: what the parts bound is what lies above chance.
    return min(max((value - _floor(metric)) / _width(metric), 0.0), 1.0)


def _compared(each: Composition, whole: Verdict, found: Mapping[str, Verdict], judging: Judging) -> Diagnosis:
    level, times = judging_level(judging), np.array([each.counted[part] for part in found], dtype=float)
    own, parts = _shares([whole]), _shares(list(found.values()))
    told, noisy = bounds(parts.observed, times), np.isnan([*own.variance, *parts.variance]).any()
    seen = None
    if not noisy:
        share, variance = float(own.observed[0]), float(own.variance[0])
        seen = excess(share, parts.observed, times, parts.variance, variance, allowed=judging.excess, tail=judging.tail)
    span = own.span(0, level)
    made = Composed(
        formula=each.formula,
        observed=span,
        parts={part: parts.span(i, level) for i, part in enumerate(found)},
        least=float(told.lower),
        independent=float(told.independent),
        most=float(told.upper),
        foreseen=_foreseen(list(found.values()), times),
        over_most=None if seen is None else seen.over_upper,
        over_independent=None if seen is None else seen.over_independent,
        allowed=judging.excess,
        detectable=None if seen is None else seen.detectable,
        step=None if each.steps < 2 else steps_of(span, each.steps),
    )
    name, why, words = _read(made, seen, judging)
    return _said(each, whole, name, why, made, words)


def steps_of(whole: Span, steps: int) -> Span:
    """Success of one of `steps` steps, from that of the whole.

    >>> steps_of(Span(value=0.59049, lower=0.03125, upper=1.0), 5)
    Span(value=0.9, lower=0.5, upper=1.0)
    """
    value, lower, upper = per_step(np.array([whole.value, whole.lower, whole.upper]), steps).round(12).tolist()
    return Span(value=value, lower=lower, upper=upper)


def _foreseen(parts: Sequence[Verdict], times: Array) -> Span | None:
    # The parts' errors taken together: no dependence among them makes the interval too narrow.
    ends = [(v.median, v.lower, v.upper) for v in parts]
    if any(end is None for each in ends for end in each):
        return None
    shares = np.array([[_above(v.metric, end or 0.0) for end in each] for v, each in zip(parts, ends, strict=True)])
    value, lower, upper = bounds(shares.T, times).independent.tolist()
    return Span(value=value, lower=lower, upper=upper)


def _read(made: Composed, seen: Excess | None, judging: Judging) -> tuple[DiagnosisName, Why, str]:
    if seen is None:
        return "inconclusive", "blind", "without item counts or standard errors nobody can tell what is above them"
    if seen.over_upper < judging.tail:
        weakest = min(made.parts, key=lambda part: made.parts[part].value)
        words = (
            f"above its weakest part, {weakest} {made.parts[weakest].value:.3g} (tail probability "
            f"{seen.over_upper:.1g}): no dependence of the parts explains that; look for contamination, a format "
            "learnt, a changed scorer, or a part that it does not need"
        )
        return "unexplained_jump", "ok", words
    if seen.over_independent < judging.tail:
        words = (
            f"above independence by more than the policy allows ({judging.excess:g}; tail probability "
            f"{seen.over_independent:.1g}); its parts succeed on the same items, or it is done in another way"
        )
        return "unexplained_jump", "ok", words
    if seen.detectable > judging.resolve:
        words = (
            f"an excess of {seen.detectable:.2g} could hide in the noise (the policy asks for {judging.resolve:.0%})"
        )
        return "inconclusive", "blind", words
    below = seen.under_lower < judging.tail
    words = "below what they give at the least: it needs more than them" if below else "as they allow"
    return "on_trend", "ok", f"{words}; smallest excess it could have seen {seen.detectable:.2g}"


def _said(each: Composition, whole: Verdict, name: DiagnosisName, why: Why, made: Composed, words: str) -> Diagnosis:
    head = f"{each.formula}: {whole.metric.name} {made.observed.value:.3g}"
    if made.independent is not None and made.least is not None and made.most is not None:
        head += f"; its parts give {made.independent:.3g} when independent, {made.least:.3g} to {made.most:.3g} at all"
    return Diagnosis(
        family=whole.family,
        run=whole.run,
        checkpoint=whole.checkpoint,
        question=each.formula[:500],
        name=name,
        why=why,
        continuous=None,
        thresholded=whole,
        composed=made,
        sentence=f"{whole.run}: {head}; {words}",
        judgement_version=JUDGEMENT_VERSION,
    )
