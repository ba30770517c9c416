"""Verdicts and a link -> posterior weights of the readings, and the surprises that carry them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from checkpoints_db.records import DiagnosisName, Linked, Series, Verdict
from monitor.rungs import sampling_variance
from monitor.science import joint

SHOWN = 0.01
"""Weights below this are left out of a record."""

Weights = tuple[tuple[DiagnosisName, float], ...]
Surprises = tuple[tuple[Literal["continuous", "thresholded", "linked"], float], ...]

NAMES: tuple[DiagnosisName, ...] = (
    "on_trend",
    "metric_artefact",
    "unexplained_jump",
    "genuine_break",
    "latent_break",
    "regression",
    "unresolved_jump",
)


@dataclass(frozen=True)
class Evidence:
    """What the laws say of one task together; empty where none of them spoke."""

    weights: Weights = ()
    surprises: Surprises = ()

    def weight(self, name: DiagnosisName) -> float:
        """Posterior weight of a reading."""
        return dict(self.weights).get(name, 0.0)

    def told(self, *names: DiagnosisName) -> str:
        """The weights of some readings, as a sentence has them; empty where no law spoke."""
        if not self.weights:
            return ""
        return ", ".join(f"{name} {self.weight(name):.2g}" for name in names)


def weigh(c: Verdict | None, t: Verdict | None, link: Linked | None) -> Evidence:
    """Posterior weights of every reading of one task and how surprising each result is, in standard deviations."""
    own = None if t is None else _own(t)
    reading = None if c is None else _own(c)
    between = None if link is None or t is None else _under(link, t)
    if reading is None and own is None:
        return Evidence()
    if c is not None and reading is None:
        return Evidence(surprises=_surprises(None, own, between))
    row = joint.weights(reading, own, between)[0]
    found = sorted(zip(NAMES, row.tolist(), strict=True), key=lambda each: -each[1])
    return Evidence(
        tuple((name, float(f"{w:.4g}")) for name, w in found if w >= SHOWN), _surprises(reading, own, between)
    )


def _own(v: Verdict) -> joint.Reading | None:
    if v.median is None or v.lower is None or v.upper is None or v.tail_above is None or v.tail_below is None:
        return None
    score = float(joint.surprise(v.tail_above, v.tail_below))
    shift, half = v.metric.sign * (v.observed - v.median), 0.5 * (v.upper - v.lower)
    scale = max(float(joint.scale_near(shift, score, half, 0.5 * (1 - v.level))), _grain(v))
    room = v.detectable / v.blindness if v.detectable and v.blindness else abs(v.upper - v.lower)
    return joint.Reading(score, room / scale, scale)


def _under(link: Linked, t: Verdict) -> joint.Reading | None:
    if link.tail_above is None or link.tail_below is None or t.metric.lower is None or t.metric.upper is None:
        return None
    score = float(joint.surprise(link.tail_above, link.tail_below))
    half = 0.5 * (link.upper - link.lower)
    scale = max(float(joint.scale_near(t.observed - link.predicted, score, half, 0.01)), _grain(t))
    return joint.Reading(score, (t.metric.upper - t.metric.lower) / scale, scale)


def _grain(v: Verdict) -> float:
    """No law is narrower than half an item, or than rounding."""
    width = 1.0 if v.metric.lower is None or v.metric.upper is None else v.metric.upper - v.metric.lower
    return max(0.5 * width / v.n if v.n and v.metric.kind == "thresholded" else 0.0, 1e-9 * (1 + abs(v.observed)))


def _surprises(c: joint.Reading | None, t: joint.Reading | None, link: joint.Reading | None) -> Surprises:
    found: list[tuple[Literal["continuous", "thresholded", "linked"], float]] = []
    if c is not None:
        found.append(("continuous", _sd(c)))
    if t is not None:
        found.append(("thresholded", _sd(t)))
    if link is not None:
        found.append(("linked", _sd(link)))
    return tuple(found)


def _sd(r: joint.Reading) -> float:
    return round(float(joint.in_deviations(r.surprise)), 3)


@dataclass(frozen=True)
class Needed:
    """The break of the likelihood that would explain a jump, beside the smallest that could have been seen."""

    size: float
    detectable: float
    base: float
    """The likelihood at which the score was still no higher than its own forecast."""

    @property
    def seen(self) -> bool:
        """Whether such a break would have been seen."""
        return self.size >= self.detectable

    def words(self, name: str) -> str:
        """The comparison, for a reviewer to repeat."""
        would = "would have been seen" if self.seen else "could not have been seen"
        return (
            f"a break of {name} by {self.size:.3g}, from {self.base:.3g} where the score was still as its own forecast "
            f"has it, {would} (smallest visible {self.detectable:.3g})"
        )


def needed(c: Verdict, t: Verdict, history: Mapping[str, Series]) -> Needed | None:
    """How far the likelihood of `c` is beyond the best rung whose score was no higher than the forecast of `t`.

    Had only a break of the ability moved the score, the likelihood would stand without it where it did on that rung.
    None where the ladder does not have both metrics, or a law is missing.
    """
    if c.detectable is None or t.median is None or c.series not in history or t.series not in history:
        return None
    values = {p.checkpoint: p.value for p in history[c.series].points}
    base = t.metric.sign * t.median
    quiet = []
    for p in history[t.series].points:
        noise = sampling_variance(t.metric, p.value, p.stderr, p.n) or 0.0
        if p.checkpoint in values and t.metric.sign * p.value <= base + 2 * noise**0.5:
            quiet.append(values[p.checkpoint])
    if not quiet:
        return None
    best = max(quiet, key=lambda value: c.metric.sign * value)
    return Needed(c.metric.sign * (c.observed - best), c.detectable, best)
