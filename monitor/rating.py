"""A series and the knots that a rule registered -> how much faster it grows beyond each of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from checkpoints_db.records import Case, Checkpoint, Knot, Rate, Series, Verdict
from monitor.forecasting import JUDGEMENT_VERSION
from monitor.science.rate import Bend, bend, lower_bound
from policies.rule_terms import RuleTerms
from policies.rules.base import subject_of
from policies.rules.rate import RateTerms

YEAR = 365.25 * 86400.0
"""Seconds of a year."""

SAME = 1e-9
"""Nats, or years, within which two places are one."""

Dates = Mapping[str, datetime]
"""Identity of a result to the day of its evaluation."""
Rungs = list[tuple[str, float, float]]
"""Name, x and value toward capability of each rung."""


def rates(
    rules: Iterable[RuleTerms],
    case: Case,
    latest: Checkpoint,
    ladder: Mapping[str, Series],
    dates: Callable[[str], Dates],
) -> tuple[Rate, ...]:
    """One for each `rate` rule and metric of the case that it selects; `dates`: of the results of a series."""
    return tuple(
        _rate(rule, verdict, latest, ladder.get(verdict.series), dates)
        for rule in rules
        if isinstance(rule, RateTerms)
        for verdict in case.verdicts
        if rule.takes_verdict(verdict, case)
    )


def _rate(
    rule: RateTerms, verdict: Verdict, latest: Checkpoint, series: Series | None, dates: Callable[[str], Dates]
) -> Rate:
    timed = rule.over == "time"
    told: dict[str, Any] = {
        "rule": rule.id,
        "checkpoint": verdict.checkpoint,
        "task": verdict.task,
        "metric": verdict.metric,
        "series": verdict.series,
        "unit": "years" if timed else f"nats of {series.axis}" if series else "nats",
        "judgement_version": JUDGEMENT_VERSION,
    }
    head = f"{verdict.checkpoint}: {subject_of(verdict.task, verdict.metric.name)}"
    if verdict.why in ("remarked", "degenerate"):
        return Rate(**told, why=verdict.why, sentence=f"{head} is no plain result: {verdict.sentence}")
    if series is None or not series.points:
        return Rate(**told, why="too_few", sentence=f"{head} has no smaller rungs")
    rungs = _over_time(series, verdict, latest, dates(series.id)) if timed else _over_scale(series, verdict, latest)
    if rungs is None:
        what = "an evaluation has no date" if timed else f"the checkpoint has no place on {series.axis}"
        return Rate(**told, why="no_scale", sentence=f"{head}: {what}")
    placed = {name: _place(name, rungs, timed=timed) for name in rule.knots}
    knots = [_knot(name, x, rungs, rule.confidence) for name, x in placed.items() if x is not None]
    unknown = tuple(name for name, x in placed.items() if x is None)
    return Rate(**told, knots=tuple(knots), unknown=unknown, sentence=f"{head} {_words(knots, told['unit'])}")


def _over_scale(series: Series, verdict: Verdict, latest: Checkpoint) -> Rungs | None:
    scale, names = latest.scale(series.axis), series.names()
    if scale is None:
        return None
    sign = verdict.metric.sign
    rungs = [(names[p.checkpoint], math.log(p.x), sign * p.value) for p in series.points]
    return [*rungs, (latest.run, math.log(scale), sign * verdict.observed)]


def _over_time(series: Series, verdict: Verdict, latest: Checkpoint, dates: Dates) -> Rungs | None:
    names, sign = series.names(), verdict.metric.sign
    days = [dates.get(p.result) for p in series.points] + [dates.get(verdict.result)]
    if any(day is None for day in days):
        return None
    at = [day.timestamp() / YEAR for day in days if day is not None]
    rungs = [(names[p.checkpoint], x, sign * p.value) for p, x in zip(series.points, at, strict=False)]
    return [*rungs, (latest.run, at[-1], sign * verdict.observed)]


def _place(name: str, rungs: Rungs, *, timed: bool) -> float | None:
    """Where a registered knot lies: at a rung, at a scale, or on a day; None where the ladder has no such place."""
    for rung, x, _ in rungs:
        if rung == name:
            return x
    try:
        if timed:
            day = datetime.fromisoformat(name)
            x = (day if day.tzinfo else day.replace(tzinfo=UTC)).timestamp() / YEAR
        else:
            x = math.log(float(name))
    except ValueError:
        return None
    every = [x for _, x, _ in rungs]
    # What is written down of a scale and what was computed of it may differ in the last digit.
    x = next((at for at in every if abs(at - x) < SAME), x)
    return x if min(every) < x < max(every) else None


def _knot(name: str, x: float, rungs: Rungs, confidence: float | None) -> Knot:
    xs, ys = (np.array([rung[i] for rung in rungs]) for i in (1, 2))
    before, after = int((xs <= x).sum()), int((xs > x).sum())
    counted = {"name": name, "x": x, "before": before, "after": after}
    try:
        fit = bend(xs, ys, x)
    except ValueError:
        return Knot(**counted, earlier=0.0, later=0.0)
    return Knot(**counted, **_slopes(fit, confidence))


def _slopes(fit: Bend, confidence: float | None) -> dict[str, float | None]:
    earlier, later = float(fit.earlier[0]), float(fit.later[0])
    ratio = later / earlier if earlier > 0 and math.isfinite(later / earlier) else None
    bound = math.nan if confidence is None else float(lower_bound(fit, confidence)[0])
    found = {"earlier": earlier, "later": later, "ratio": ratio, "lower": bound if math.isfinite(bound) else None}
    # Nine digits: the last ones depend on the machine, and digests must not.
    return {name: None if value is None else float(f"{value:.9g}") for name, value in found.items()}


def _words(knots: Sequence[Knot], unit: str) -> str:
    if not knots:
        return f"has none of the registered knots (over {unit})"
    said = []
    for knot in knots:
        many = "no ratio" if knot.ratio is None else f"{knot.ratio:.3g} times"
        low = "" if knot.lower is None else f" (at least {knot.lower:.3g})"
        said.append(f"{many}{low} as fast beyond {knot.name} ({knot.before} rungs up to it, {knot.after} beyond)")
    return f"grew over {unit} " + ", ".join(said)
