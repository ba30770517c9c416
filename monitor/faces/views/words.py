"""What diagnoses mean and what to do about them, in the words of whoever is woken by one."""

from __future__ import annotations

from checkpoints_db.records import Diagnosis, DiagnosisName, Metric, TrackRecord, Verdict, Why
from monitor.faces.render import number, probability
from monitor.faces.scene import is_share

MEANS: dict[DiagnosisName, str] = {
    "on_trend": "likelihood and score are as forecast",
    "metric_artefact": "the score jumped, and the likelihood had said that it would: the metric made the jump",
    "unexplained_jump": "the score rose without the likelihood",
    "genuine_break": "likelihood and score both left their forecast: the ability changed",
    "latent_break": "the likelihood left its forecast, and no score shows it yet",
    "regression": "the result is below its forecast",
    "unresolved_jump": "the score jumped, and there is no likelihood to say whether the metric made the jump",
    "inverse_scaling": "the ladder falls with scale, and this rung is as forecast",
    "dip": "one rung lies below its forecast, and larger ones are back above it",
    "inconclusive": "it could not be seen whether the trend broke",
}

NEXT: dict[DiagnosisName, str] = {
    "on_trend": "Nothing has to be done about this task.",
    "metric_artefact": "Read both charts. Nothing stops the run; say in a comment if you disagree.",
    "unexplained_jump": "Look for contamination, a learnt format, a changed scorer or a skill composed of parts: the "
    "rows that moved most are below.",
    "genuine_break": "Assess the ability before the next size is trained; then two people may release the gate.",
    "latent_break": "Assess the ability, although no score shows it yet; the likelihood is ahead of the score.",
    "regression": "Look for a broken evaluation, a training fault or sandbagging; repeat the evaluation.",
    "unresolved_jump": "Evaluate again with per-sample likelihoods; then the two kinds of jump can be told apart.",
    "inverse_scaling": "Read the chart; most tasks that fall with scale turn at a larger size.",
    "dip": "Repeat the evaluation of this rung.",
    "inconclusive": "Make it visible: more items, likelihoods, or another rung; `holdpoint power` says which.",
}

WHY: dict[Why, str] = {
    "ok": "",
    "blind": "a break the policy cares about would have gone unseen",
    "plateau": "too few rungs have left their floor, so a take-off cannot be foreseen",
    "saturated": "the ladder has reached the best possible value, so a gain cannot be seen",
    "degenerate": "the very same value at every rung: the score measures nothing",
    "trend_unstable": "the forecast of the last rung missed it",
    "forms_disagree": "the forms disagree about this scale",
    "too_far": "too far beyond the ladder for one step",
    "too_few": "too few rungs for a forecast",
    "unsealed": "no forecast was sealed before the result",
    "smaller": "not larger than the ladder",
    "remarked": "not comparable with the ladder",
    "no_scale": "no position on this axis",
    "no_parts": "a part of the composition has no score here",
}


def happened(diagnosis: Diagnosis) -> str:
    """What happened, in one sentence."""
    why = WHY[diagnosis.why]
    return MEANS[diagnosis.name] + (f": {why}" if why and diagnosis.name == "inconclusive" else "")


def certainty(verdict: Verdict) -> str:
    """How surely one metric says what it says."""
    parts = []
    tail = verdict.tail_below if verdict.outcome == "below" else verdict.tail_above
    if verdict.outcome in ("above", "below") and tail is not None:
        parts.append(f"this far {verdict.outcome} had probability {probability(tail)}")
    elif WHY[verdict.why]:
        parts.append(WHY[verdict.why])
    if verdict.detectable is not None:
        room = "" if verdict.blindness is None else f" ({verdict.blindness:.0%} of its room)"
        parts.append(f"smallest visible break {amount(verdict.metric, verdict.detectable)}{room}")
    elif verdict.forecast is not None:
        parts.append("no break could have been seen")
    return "; ".join(parts)


def kept(track: TrackRecord) -> str:
    """How often forecasts of a series held on its own past; empty where there was none.

    >>> kept(TrackRecord(forecasts=5, inside_80=0.8))
    '4 of 5 past forecasts held (80 %)'
    """
    if not track.forecasts or track.inside_80 is None:
        return ""
    return f"{round(track.forecasts * track.inside_80)} of {track.forecasts} past forecasts held (80 %)"


def amount(metric: Metric, value: float | None) -> str:
    """A value of a metric: shares of right answers in per cent."""
    if value is None or not is_share(metric):
        return number(value, 3).replace("-", "−")
    return f"{100 * value:.3g} %"


def span(metric: Metric, lower: float | None, upper: float | None) -> str:
    """An interval of a metric."""
    return "–" if lower is None or upper is None else f"[{amount(metric, lower)}, {amount(metric, upper)}]"
