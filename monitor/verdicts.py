"""Sealed forecast + result -> verdict: a statement about one metric, with no action in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from checkpoints_db.records import PLANE, Doubt, Forecast, Metric, Outcome, Place, Result, Sealed, Verdict, Why, cost_of
from monitor.forecasting import JUDGEMENT_VERSION, law_at
from monitor.rungs import sampling_variance
from monitor.science.blend import Blend
from monitor.science.power import smallest_break
from monitor.science.scores import crps, crps_levels
from monitor.standing import forbids
from policies.terms import Judging

_UNSEEN: dict[Why, str] = {
    "unsealed": "no forecast of this series was sealed before the result arrived",
    "too_few": "the ladder has too few rungs for a forecast",
    "smaller": "the checkpoint is not larger than the rungs of the ladder",
    "remarked": "the result carries a remark and is not comparable with the ladder",
    "no_scale": "the checkpoint has no position on the axis of the series",
}


@dataclass(frozen=True)
class _Reading:
    """What the law says of one result."""

    median: float
    lower: float
    upper: float
    tail_above: float
    tail_below: float
    detectable: float
    at_bound: bool
    pit: float
    crps: float


def judge(
    sealed: Sealed | None, result: Result, judging: Judging, *, why_not: Why = "unsealed", words: str = ""
) -> Verdict:
    """Compare `result` with the forecast that was sealed before it; total and pure, raises nothing for valid records.

    Without a seal of this very series the outcome is `unforeseen`, with `why_not` and, where given, `words` on it.
    `above` and `below` are meant in the direction of capability. `expected` is only said where a break of
    `judging.resolve` of the metric's room would have been seen. On two axes a checkpoint is beyond the ladder, and not
    `smaller`, where no rung has at least as many parameters and at least as many tokens.
    """
    return judge_under(sealed, result, (judging,), why_not=why_not, words=words)[0]


def judge_under(
    sealed: Sealed | None, result: Result, judgings: Sequence[Judging], *, why_not: Why = "unsealed", words: str = ""
) -> list[Verdict]:
    """`judge` under several terms, in their order, at little more than the price of one: the law is the same."""

    def unjudged(outcome: Outcome, why: Why, words: str, seen: Sealed | None = sealed) -> list[Verdict]:
        return [_unjudged(seen, result, judging, outcome, why=why, words=words) for judging in judgings]

    if sealed is None or not _of_one_series(sealed.forecast, result):
        because = why_not if why_not in _UNSEEN else "unsealed"
        return unjudged("unforeseen", because, words or _UNSEEN[because], None)
    forecast = sealed.forecast
    place = result.checkpoint.place(forecast.axis)
    if result.remarks:
        return unjudged("inconclusive", "remarked", f"{_UNSEEN['remarked']} ({', '.join(result.remarks)})")
    if place is None:
        return unjudged("inconclusive", "no_scale", f"{_UNSEEN['no_scale']} ({forecast.axis})")
    if not forecast.beyond(place):
        axis = "6 * params * tokens" if forecast.axis == PLANE else forecast.axis
        words = f"{_UNSEEN['smaller']} ({axis} {cost_of(place):.3g}, largest rung {forecast.x_last:.3g})"
        return unjudged("inconclusive", "smaller", words)
    if all(len(forecast.rungs) < judging.min_rungs for judging in judgings):
        return [_short(sealed, result, judging) for judging in judgings]
    return _judged(sealed, result, judgings, place)


def _of_one_series(forecast: Forecast, result: Result) -> bool:
    then, now = forecast.metric, result.metric
    same_metric = (then.direction, then.lower, then.upper) == (now.direction, now.lower, now.upper)
    return forecast.series == result.series and same_metric


def _short(sealed: Sealed, result: Result, judging: Judging) -> Verdict:
    words = f"{len(sealed.forecast.rungs)} rungs, the policy asks for {judging.min_rungs}"
    return _unjudged(sealed, result, judging, "inconclusive", why="too_few", words=words)


def _judged(sealed: Sealed, result: Result, judgings: Sequence[Judging], place: Place) -> list[Verdict]:
    forecast = sealed.forecast
    own = sampling_variance(forecast.metric, result.value, result.stderr, result.n)
    # The noise under the forecast is that of a typical rung; a noisier evaluation adds its own.
    law = law_at(forecast, place, max(own or 0.0, forecast.target_variance))
    read = _read(law, forecast.metric, result.value, tuple(dict.fromkeys(judging.tail for judging in judgings)))
    ahead = math.log(cost_of(place) / forecast.x_last)
    doubt, common = forbids(forecast, law, ahead), _common(sealed, result, judgings[0])
    return [
        _short(sealed, result, judging)
        if len(forecast.rungs) < judging.min_rungs
        else _compared(sealed, result, judging, read[judging.tail], ahead, doubt, common)
        for judging in judgings
    ]


def _compared(
    sealed: Sealed,
    result: Result,
    judging: Judging,
    seen: _Reading,
    ahead: float,
    doubt: tuple[Why, Doubt] | None,
    common: dict[str, Any],
) -> Verdict:
    forecast = sealed.forecast
    if not np.isfinite([seen.median, seen.lower, seen.upper, seen.tail_above, seen.tail_below, seen.crps]).all():
        words = "the forecast has no finite numbers this far beyond its ladder"
        return _unjudged(sealed, result, judging, "inconclusive", why="blind", words=words)
    blindness = seen.detectable / forecast.room
    outcome, why = _outcome(seen, judging, held(forecast, blindness, judging, doubt))
    return Verdict(
        **{**common, "level": _level(judging)},
        outcome=outcome,
        why=why,
        median=seen.median,
        lower=seen.lower,
        upper=seen.upper,
        tail_above=seen.tail_above,
        tail_below=seen.tail_below,
        detectable=seen.detectable,
        blindness=blindness,
        rungs=len(forecast.rungs),
        distance=ahead,
        skill=forecast.track.skill,
        coverage=forecast.track.inside_80,
        pit=seen.pit,
        crps=seen.crps,
        persistence=forecast.last_value,
        room=forecast.room,
        sentence=_sentence(result, judging, seen, outcome=outcome, why=why, blindness=blindness) + _grounds(why, doubt),
    )


def _read(law: Blend, metric: Metric, value: float, tails: tuple[float, ...]) -> dict[float, _Reading]:
    """What the law says of a result, for each tail."""
    # One search for all: finding quantiles is what most of a verdict's time goes into.
    levels = np.array([level for tail in tails for level in (tail, 0.5, 1 - tail)])
    found = law.quantile(np.concatenate([levels, crps_levels()]))
    edges = found[: levels.size].reshape(-1, 3)
    over, under = float(law.sf(value)), float(law.cdf(value))
    pit = min(max(0.5 * (under + 1.0 - over), 0.0), 1.0)
    if metric.sign < 0:
        over, under = under, over
    over, under = min(max(over, 0.0), 1.0), min(max(under, 0.0), 1.0)
    missed = crps(law, value, known=found[levels.size :])
    out = {}
    for tail, (lower, median, upper) in zip(tails, edges.tolist(), strict=True):
        least = detectable(metric, lower, median, upper)
        at_bound = _on_bound(metric, lower, upper) is not None
        out[tail] = _Reading(median, lower, upper, over, under, least, at_bound, pit, missed)
    return out


def detectable(metric: Metric, lower: float, median: float, upper: float) -> float:
    """Minimum detectable break of an interval, in units of the metric.

    The distance from the median to the edge of the interval in the direction of capability, and at least half of the
    interval: a law that spans the range because it cannot tell a take-off from a plateau has its median anywhere.

    >>> round(detectable(Metric(name="acc", kind="thresholded", lower=0, upper=1), 0.4, 0.5, 0.7), 9)
    0.2
    """
    best = _on_bound(metric, lower, upper)
    edge = upper if metric.sign > 0 else lower
    least = smallest_break(median, edge if best is None else best, metric.sign)
    return max(least, 0.5 * (upper - lower))


def _on_bound(metric: Metric, lower: float, upper: float) -> float | None:
    """The best possible value, where the interval reaches it: beyond it there is nothing to observe."""
    edge, best = (upper, metric.upper) if metric.sign > 0 else (lower, metric.lower)
    return best if best is not None and abs(best - edge) <= 1e-6 * (1 + abs(best)) else None


def _outcome(seen: _Reading, judging: Judging, unseen: Why) -> tuple[Outcome, Why]:
    # A break that was seen is a break, whatever the forecast is worth.
    if seen.tail_above < judging.tail:
        return "above", "ok"
    if seen.tail_below < judging.tail:
        return "below", "ok"
    return ("expected" if unseen == "ok" else "inconclusive"), unseen


def held(forecast: Forecast, blindness: float, judging: Judging, doubt: tuple[Why, Doubt] | None) -> Why:
    """Why a result inside the interval is not called expected; ok where it is.

    `blindness`: the smallest break that would be seen, as a share of the metric's room; `doubt`: what
    `standing.forbids` says.
    """
    if forecast.plateau:
        return "plateau"
    if blindness > judging.resolve:
        return "blind"
    return "ok" if doubt is None else doubt[0]


def _grounds(why: Why, doubt: tuple[Why, Doubt] | None) -> str:
    if doubt is None or why != doubt[0]:
        return ""
    return f"; {doubt[1].sentence}; to settle it: {doubt[1].settles}"


def _sentence(result: Result, judging: Judging, seen: _Reading, *, outcome: Outcome, why: Why, blindness: float) -> str:
    span = f"{100 * (1 - 2 * judging.tail):g} %"
    head = (
        f"{_name(result)} observed {result.value:.3g}, forecast {seen.median:.3g} "
        f"[{seen.lower:.3g}, {seen.upper:.3g}] at {span}"
    )
    tail = min(seen.tail_above, seen.tail_below) if outcome in ("above", "below") else seen.tail_above
    said = {"above": "above", "below": "below", "expected": "as expected"}.get(outcome, f"inconclusive, {why}")
    least = f"smallest break it could have seen {seen.detectable:.2g}"
    if seen.at_bound:
        least = (
            f"the interval reaches the best possible value: a break of up to {seen.detectable:.2g} "
            "could not have been seen, a larger one cannot happen"
        )
    if why == "blind":
        least += f", {blindness:.0%} of the metric's room (the policy asks for {judging.resolve:.0%})"
    if why == "plateau":
        least += "; too few rungs have left their floor, and a flat history says nothing about a take-off"
    return f"{head}; tail probability {tail:.1g}, {said}; {least}"


def _name(result: Result) -> str:
    return f"{result.checkpoint.run}: {result.task} · {result.metric.name}"


def _unjudged(
    sealed: Sealed | None, result: Result, judging: Judging, /, outcome: Outcome, *, why: Why, words: str
) -> Verdict:
    rungs = 0 if sealed is None else len(sealed.forecast.rungs)
    sentence = f"{_name(result)} observed {result.value:.3g}, {outcome}: {words}"
    return Verdict(**_common(sealed, result, judging), outcome=outcome, why=why, rungs=rungs, sentence=sentence)


def _common(sealed: Sealed | None, result: Result, judging: Judging) -> dict[str, Any]:
    at = result.checkpoint
    return {
        "family": at.family,
        "run": at.run,
        "checkpoint": at.id,
        "task": result.task,
        "metric": result.metric,
        "series": result.series,
        "result": result.identity,
        "forecast": None if sealed is None else sealed.name,
        "sealed_at": None if sealed is None else sealed.at,
        "observed": result.value,
        "stderr": result.stderr,
        "n": result.n,
        "level": _level(judging),
        "judgement_version": JUDGEMENT_VERSION,
    }


def _level(judging: Judging) -> float:
    return 1 - 2 * judging.tail
