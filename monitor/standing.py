"""What a sealed forecast is worth: the grounds of `monitor.science.refusal`, in the words of records."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from checkpoints_db.records import Doubt, Forecast, Standing, Why
from monitor.science import levels, refusal
from monitor.science.blend import Blend
from monitor.science.signs import apart

Array = npt.NDArray[np.float64]

FORBIDS: tuple[Why, ...] = ("saturated", "trend_unstable", "forms_disagree", "too_far")
"""Grounds under which no result is called expected. Of the others, a plateau forbids it already, and how uncertain a
forecast may be the policy says (`judging.resolve`)."""


def sealed(
    values: Array, next_rung: Blend, floor: refusal.Doubt | None, best: float | None, missed: float | None
) -> Standing:
    """The standing of a forecast that learnt from `values` (n,), in order of scale; `next_rung` is its law one rung on.

    `floor`: why it is a plateau, where it is one; `best`: the best possible value, where its last rungs have reached
    it; `missed`: how far the forecast of its last rung was off, in standard deviations.
    """
    found = [] if floor is None else [floor]
    if best is not None:
        found.append(refusal.saturated(best))
    if missed is not None and missed > refusal.MISSED:
        found.append(refusal.unstable(missed))
    expected = refusal.expected_miss(values, next_rung.quantile(np.array(levels.LEVELS))[None])
    if expected > refusal.VAGUE:
        found.append(refusal.vague(expected))
    return Standing(status="refused" if found else "forecast", doubts=tuple(map(_record, found)))


def forbids(forecast: Forecast, law: Blend, ahead: float) -> tuple[Why, Doubt] | None:
    """The first ground for which a result that lies inside `law`, `ahead` nats beyond the ladder, may not be called
    expected; None where there is none."""
    found = [*forecast.standing.doubts, *at(forecast, law, ahead)]
    return next(((why, doubt) for why in FORBIDS for doubt in found if doubt.name == why), None)


def at(forecast: Forecast, law: Blend, ahead: float) -> list[Doubt]:
    """Grounds against one target, `law` its law, `ahead` nats beyond the ladder."""
    span = math.log(max(r.cost for r in forecast.ladder) / min(r.cost for r in forecast.ladder))
    found: dict[str, refusal.Doubt] = {}
    for lens, (share, own) in zip(forecast.lenses, law.parts, strict=True):
        arrivals = np.array([weight for _, weight in lens.arrivals])
        told = apart(own, [atom.form for atom in lens.atoms], arrivals)
        for doubt in refusal.of_target(own.seen.category, ahead, span, told) if share > 0 else ():
            found.setdefault(doubt.name, doubt)
    return [_record(doubt) for doubt in found.values()]


def _record(doubt: refusal.Doubt) -> Doubt:
    return Doubt(name=doubt.name, sentence=doubt.sentence, settles=doubt.settles)
