"""Sealed forecasts -> how probable a ceiling is before the next assessment; and how good forecasts have been."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from scipy.special import ndtr

from checkpoints_db.records import (
    PLANE,
    Case,
    Checkpoint,
    ComputeAxis,
    Forecast,
    Place,
    Reach,
    Sealed,
    Skilled,
    Verdict,
    cost_of,
)
from monitor.forecasting import JUDGEMENT_VERSION, laws_at
from monitor.rungs import sampling_variance
from monitor.science.reach import crossing
from monitor.standing import forbids
from policies.assessed import counted
from policies.rule_terms import RuleTerms
from policies.rules.base import subject_of
from policies.rules.reach import ReachTerms
from policies.spelling import spell_multiple

PLACES = 17
"""Places between here and the next assessment at which the forecast is asked."""

SAME = 1e-9
"""Scales that differ by less, as a share, are one."""

EVER = datetime.max.replace(tzinfo=UTC)
"""Every assessment that is recorded counts."""

NEAREST = 1e-3
"""The first of them, in nats beyond the checkpoint or the ladder."""


def reaches(
    rules: Iterable[RuleTerms], case: Case, latest: Checkpoint, seals: Callable[[str], Iterator[Sealed]]
) -> tuple[Reach, ...]:
    """One for each `reach` rule and metric of the case that it selects.

    `seals`: forecasts of a series, the newest first. The first whose ladder ends at the checkpoint or
    before is asked: it may have learnt from this very checkpoint, for it is asked about larger ones only, and what
    larger ones showed later changes nothing of what was to be expected from here.
    """
    return tuple(
        _reach(rule, case, latest, verdict, _from_here(seals(verdict.series), latest))
        for rule in rules
        if isinstance(rule, ReachTerms)
        for verdict in case.verdicts
        if rule.takes_verdict(verdict, case)
    )


def _from_here(seals: Iterator[Sealed], latest: Checkpoint) -> Sealed | None:
    newest = None
    for sealed in seals:
        newest = newest or sealed
        place = latest.place(sealed.forecast.axis)
        if place is None or sealed.forecast.x_last <= cost_of(place) * (1 + SAME):
            return sealed
    return newest


def skills(verdicts: Iterable[Verdict], sealed: Callable[[Verdict], Sealed | None]) -> tuple[Skilled, ...]:
    """How forecasts of each judged series did on its own history; `sealed`: the forecast that a verdict rests on."""
    found = {verdict.series: sealed(verdict) for verdict in verdicts}
    tracks = {series: each.forecast.track for series, each in found.items() if each is not None}
    return tuple(Skilled(series=s, forecasts=track.forecasts, skill=track.skill) for s, track in tracks.items())


def _reach(rule: ReachTerms, case: Case, latest: Checkpoint, verdict: Verdict, sealed: Sealed | None) -> Reach:
    told: dict[str, Any] = {
        "rule": rule.id,
        "checkpoint": verdict.checkpoint,
        "task": verdict.task,
        "metric": verdict.metric,
        "series": verdict.series,
        "level": rule.ceiling,
        "observed": verdict.observed,
        "seen": _seen(verdict, rule.ceiling),
        "judgement_version": JUDGEMENT_VERSION,
    }
    head = f"{verdict.checkpoint}: {subject_of(verdict.task, verdict.metric.name)} is {verdict.observed:.4g}"
    if verdict.why in ("remarked", "degenerate"):
        return Reach(**told, why=verdict.why, sentence=f"{head}, but is no plain result: {verdict.sentence}")
    if sealed is None:
        return Reach(**told, why="unsealed", sentence=f"{head}, and no forecast of it is sealed")
    forecast = sealed.forecast
    start, far = latest.place(forecast.axis), _far(rule, case, latest, forecast)
    told |= {"forecast": forecast.digest, "axis": forecast.axis, "rungs": len(forecast.rungs)}
    if start is None or far is None:
        words = f"{head}, and on {forecast.axis} nothing says how far the next assessment is"
        return Reach(**told, why="no_scale", sentence=words)
    told |= {"start": cost_of(start), "until": far * cost_of(start)}
    if far <= 1:
        words = (
            f"{head}, and the next assessment was due at {told['until']:.4g}, before its scale of {told['start']:.4g}"
        )
        return Reach(**told, sentence=words)
    return _asked(rule, told, forecast, start, far, head)


def _asked(rule: ReachTerms, told: dict[str, Any], forecast: Forecast, start: Place, far: float, head: str) -> Reach:
    path = _path(forecast, start, far)
    if not path:
        words = f"{head}, and its ladder has been evaluated beyond {told['until']:.4g} already"
        return Reach(**told, why="smaller", sentence=words)
    laws = laws_at(forecast, path)
    found = crossing(laws, rule.ceiling, above=forecast.metric.sign > 0)
    last = max(range(len(path)), key=lambda i: cost_of(path[i]))
    ground = forbids(forecast, laws[last], math.log(cost_of(path[last]) / forecast.x_last))
    why = "plateau" if forecast.plateau else "ok" if ground is None else ground[0]
    seen = "" if told["seen"] is None else f", {told['seen']:.2g} by the noise of the result itself"
    sentence = (
        f"{head}; it reaches {rule.ceiling:g} with probability {found.anywhere:.2g} before "
        f"{spell_multiple(float(f'{far:.4g}'))} its scale ({found.somewhere:.2g} at the likeliest one){seen}"
    )
    sentence += "; a flat history says nothing of a take-off" if why == "plateau" else ""
    sentence += f"; {ground[1].sentence}" if ground is not None and why == ground[0] else ""
    both = {"probability": _short(found.anywhere), "marginal": _short(found.somewhere)}
    if not all(math.isfinite(p) for p in both.values()):
        return Reach(**told, why="blind", sentence=f"{head}, and the forecast has no finite numbers that far")
    return Reach(**told, **both, why=why, sentence=sentence)


def _seen(verdict: Verdict, ceiling: float) -> float | None:
    """Probability, by its noise, that the score behind a result has reached the ceiling."""
    variance = sampling_variance(verdict.metric, verdict.observed, verdict.stderr, verdict.n)
    over = verdict.metric.sign * (verdict.observed - ceiling)
    if variance is None:
        return None
    return _short(float(ndtr(over / math.sqrt(variance)))) if variance > 0 else float(over >= 0)


def _short(number: float) -> float:
    # Nine digits: the last ones depend on the machine, and digests must not.
    return float(f"{number:.9g}")


def _far(rule: ReachTerms, case: Case, latest: Checkpoint, forecast: Forecast) -> float | None:
    """How many times larger the next assessment is than the checkpoint; None where that cannot be told."""
    if rule.since == "checkpoint":
        return rule.until
    made = counted(rule, case, EVER)
    axis: ComputeAxis = "effective_compute" if forecast.axis == "effective_compute" else "flop"
    if not made or forecast.axis not in ("flop", "effective_compute", PLANE) or case.compute is None:
        return None
    then, now = made[-1].compute, case.compute.on(axis)
    base = None if then is None else then.on(axis)
    if then is None or base is None or now is None or then.counts != case.compute.counts:
        return None
    return rule.until * base / now


def _path(forecast: Forecast, start: Place, far: float) -> list[Place]:
    """Places beyond the ladder on the way to `far` times the scale of `start`.

    On two axes a run may be trained on, or a larger one be trained: tokens alone, and both in equal shares.
    """
    beyond = max(0.0, math.log(forecast.x_last / cost_of(start))) if len(start) == 1 else 0.0
    nats = math.log(far)
    if beyond + NEAREST > nats:
        return []
    steps = np.linspace(beyond + NEAREST, nats, PLACES)
    if len(start) == 1:
        return [(start[0] * math.exp(s),) for s in steps]
    params, tokens = start
    ways: Sequence[Place] = [(params, tokens * math.exp(s)) for s in steps]
    ways = [*ways, *((params * math.exp(s / 2), tokens * math.exp(s / 2)) for s in steps)]
    return [place for place in ways if forecast.beyond(place)]
