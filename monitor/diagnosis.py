"""The verdicts of one task under its continuous and thresholded metrics -> artefact, break, regression, ..."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from checkpoints_db.records import Diagnosis, DiagnosisName, Kind, Linked, Series, Verdict, Why
from monitor.forecasting import JUDGEMENT_VERSION
from monitor.items import linked_by_items
from monitor.rungs import on_floor, sampling_variance
from monitor.science.link import Band, fitted, item_product, mean_product
from monitor.standing import FORBIDS

CONTINUOUS_ORDER = (
    "log_likelihood_per_byte",
    "bits_per_byte",
    "log_likelihood",
    "brier",
    "brier_score",
    "prob_choice",
    "prob_answer",
    "loss",
    "byte_perplexity",
    "word_perplexity",
    "perplexity",
)
"""Which continuous metric speaks: likelihood per byte first (lengths cancel), probabilities of whole answers last (they
are half-way to a threshold). Names not listed come after, in alphabetical order."""

THRESHOLDED_ORDER = ("exact_match", "pass@1", "acc", "acc_norm", "accuracy", "multiple_choice_grade", "f1", "em")
"""Which thresholded metric speaks; names not listed come after, in alphabetical order."""

SILENT = frozenset({"expected_calibration_error"})
"""Thresholded metrics that never speak: they rise and fall without the ability."""


@dataclass(frozen=True)
class _Said:
    name: DiagnosisName
    why: Why
    words: str
    linked: Linked | None = None


def diagnose(question: str, verdicts: Sequence[Verdict], history: Mapping[str, Series]) -> Diagnosis:
    """Read the verdicts of ONE checkpoint and question together; the worse reading wins where two are possible.

    `history` maps series ids to the smaller rungs, for a link fitted on them. Raises ValueError without any verdict, or
    with verdicts of two checkpoints.
    """
    if not verdicts:
        raise ValueError(f"question {question!r}: a diagnosis needs at least one verdict")
    if len({v.checkpoint for v in verdicts}) > 1:
        raise ValueError(f"question {question!r}: verdicts of more than one checkpoint")
    continuous, thresholded = primary(verdicts, "continuous"), primary(verdicts, "thresholded")
    said = _read(continuous, thresholded, verdicts, history)
    first = verdicts[0]
    return Diagnosis(
        family=first.family,
        run=first.run,
        checkpoint=first.checkpoint,
        question=question,
        name=said.name,
        why=said.why,
        continuous=continuous,
        thresholded=thresholded,
        linked=said.linked,
        sentence=f"{first.run}: {said.words}",
        judgement_version=JUDGEMENT_VERSION,
    )


def primary(verdicts: Sequence[Verdict], kind: Kind) -> Verdict | None:
    """The metric of `kind` that speaks for the task, by name and never by outcome; None where there is none.

    Order: CONTINUOUS_ORDER or THRESHOLDED_ORDER (the filter after a comma does not count), then metric name, then task.
    """
    order = CONTINUOUS_ORDER if kind == "continuous" else THRESHOLDED_ORDER

    def rank(v: Verdict) -> tuple[int, str, str]:
        name = bare(v.metric.name)
        return order.index(name) if name in order else len(order), v.metric.name, v.task

    speaking = (v for v in verdicts if v.metric.kind == kind and bare(v.metric.name) not in SILENT)
    return min(speaking, key=rank, default=None)


def bare(name: str) -> str:
    """A metric name without the harness's filter.

    >>> bare("exact_match,none")
    'exact_match'
    """
    return name.partition(",")[0]


def _read(c: Verdict | None, t: Verdict | None, verdicts: Sequence[Verdict], history: Mapping[str, Series]) -> _Said:
    if c is None:
        return _thresholded_only(t) if t is not None else _Said("inconclusive", "unsealed", "nothing was measured")
    if c.outcome == "above":
        return _broken(c, t)
    if c.outcome == "below":
        return _Said("regression", "ok", f"{_of(c)} is below its forecast")
    if t is not None and t.outcome == "below":
        return _Said("regression", "ok", f"{_of(t)} is below its forecast, {_of(c)} is not")
    if c.outcome != "expected":
        return _doubtful(c, t, verdicts, history)
    if t is None:
        return _Said("on_trend", "ok", f"{_of(c)} is as forecast; no thresholded metric")
    if t.outcome == "expected":
        return _Said("on_trend", "ok", f"{_of(c)} and {_of(t)} are as forecast")
    return _linked(c, t, verdicts, history)


def _thresholded_only(t: Verdict) -> _Said:
    only = "only a thresholded metric exists"
    if t.outcome == "above":
        return _Said("unresolved_jump", "ok", f"{_of(t)} is above its forecast and {only}; log per-sample likelihoods")
    if t.outcome == "below":
        return _Said("regression", "ok", f"{_of(t)} is below its forecast; {only}")
    if t.outcome == "expected":
        return _Said("on_trend", "ok", f"{_of(t)} is as forecast; {only}")
    return _Said("inconclusive", t.why, f"{_of(t)} cannot tell ({t.why}) and {only}; log per-sample likelihoods")


def _broken(c: Verdict, t: Verdict | None) -> _Said:
    if t is None:
        return _Said("genuine_break", "ok", f"{_of(c)} is above its forecast; no thresholded metric to compare")
    if t.outcome == "above":
        words = f"{_of(c)} and {_of(t)} are both above their forecasts: the ability itself broke its trend"
        return _Said("genuine_break", "ok", words)
    words = f"{_of(c)} is above its forecast while {_of(t)} does not show it ({t.outcome}, {t.why})"
    return _Said("latent_break", "ok", words)


def _linked(c: Verdict, t: Verdict, verdicts: Sequence[Verdict], history: Mapping[str, Series]) -> _Said:
    link = linked(c, t, verdicts, history)
    if t.why in ("remarked", "smaller", "no_scale"):
        return _Said("inconclusive", t.why, f"{_of(t)} cannot be compared ({t.why})", link)
    if link is None:
        return _unlinked(c, t)
    shown = f"{_of(t)} {t.observed:.3g}, the link predicts {link.predicted:.3g} [{link.lower:.3g}, {link.upper:.3g}]"
    if t.observed > link.upper:
        words = f"{shown}: it rose without the likelihood, {_of(c)} is as forecast"
        return _Said("unexplained_jump", "ok", words, link)
    if t.outcome == "above" or _left(t):
        words = f"{shown}: the jump was made by the metric, {_of(c)} is as forecast"
        return _Said("metric_artefact", "ok", words, link)
    return _Said("on_trend", "ok", f"{shown}: as the likelihood says, and {_of(c)} is as forecast", link)


def _doubtful(c: Verdict, t: Verdict | None, verdicts: Sequence[Verdict], history: Mapping[str, Series]) -> _Said:
    # A likelihood inside a forecast that is refused may not excuse a jump, and must not turn it into silence.
    link = None
    if c.why in FORBIDS and t is not None and t.outcome == "above":
        said = _linked(c, t, verdicts, history)
        if said.name == "unexplained_jump":
            return said
        link = said.linked
    return _Said("inconclusive", c.why, f"{_of(c)} cannot tell ({c.why}){_aside(t)}", link)


def _unlinked(c: Verdict, t: Verdict) -> _Said:
    if t.outcome == "above":
        words = f"{_of(t)} is above its forecast, {_of(c)} is not, and no link explains it"
        return _Said("unexplained_jump", "ok", words)
    words = f"{_of(c)} is as forecast, {_of(t)} cannot tell ({t.why}) and no link says what it should be"
    return _Said("inconclusive", t.why, words)


def _left(t: Verdict) -> bool:
    # Inside a forecast that could not see, and yet clearly off its middle: the reader should learn why it moved.
    if t.median is None or t.detectable is None:
        return False
    variance = sampling_variance(t.metric, t.observed, t.stderr, t.n)
    noise = 3 * math.sqrt(variance) if variance is not None else 0.0
    least = noise if t.why == "plateau" else max(noise, 0.5 * t.detectable)
    return t.metric.sign * (t.observed - t.median) > max(least, 1e-12)


def linked(c: Verdict, t: Verdict, verdicts: Sequence[Verdict], history: Mapping[str, Series]) -> Linked | None:
    """What the continuous metrics say the thresholded metric `t` should have been; None where no link applies.

    In order: its items, by what items as likely did on smaller rungs; the checkpoint's own mean probability of the
    right choice or answer; a line fitted on smaller rungs; p**L.
    """
    lower, upper = t.metric.lower, t.metric.upper
    if lower is None or upper is None or t.metric.sign < 0:
        return None
    by_items = linked_by_items(c, t, history)
    if by_items is not None:
        return _scaled("items", by_items, lower, upper)
    own = {bare(v.metric.name): v for v in verdicts}
    mean = own.get("prob_choice") or own.get("prob_answer")
    if mean is not None:
        return _scaled("item_product", item_product(mean.observed, t.n), lower, upper)
    band = _fitted(c, t, history, lower, upper)
    if band is not None:
        return _scaled("fitted", band, lower, upper)
    ll = own.get("log_likelihood")
    if ll is not None:
        return _scaled("mean_product", mean_product(ll.observed, t.n), lower, upper)
    return None


def _fitted(c: Verdict, t: Verdict, history: Mapping[str, Series], lower: float, upper: float) -> Band | None:
    if c.series not in history or t.series not in history:
        return None
    # By checkpoint: on two axes, or with every step in one series, a run is several rungs.
    values = {p.checkpoint: p.value for p in history[c.series].points}
    moved = [p for p in history[t.series].points if p.checkpoint in values and not on_floor([p], t.metric)]
    noise = [sampling_variance(t.metric, p.value, p.stderr, p.n) or 0.0 for p in moved]
    width = upper - lower
    return fitted(
        np.array([values[p.checkpoint] for p in moved]),
        np.array([(p.value - lower) / width for p in moved]),
        np.array(noise) / width**2,
        c.observed,
        t.n,
    )


def _scaled(method: str, band: Band, lower: float, upper: float) -> Linked:
    at = [lower + (upper - lower) * share for share in (band.predicted, band.lower, band.upper)]
    return Linked.model_validate({"method": method, "predicted": at[0], "lower": at[1], "upper": at[2]})


def _of(v: Verdict) -> str:
    return f"{v.task} · {v.metric.name}"


def _aside(t: Verdict | None) -> str:
    return "" if t is None else f"; {_of(t)}: {t.outcome}"
