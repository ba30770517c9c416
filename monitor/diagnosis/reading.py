"""The verdicts of one task under its continuous and thresholded metrics -> artefact, break, regression, ...

Names rest on the joint evidence: posterior weights of all readings, with floors that no weight can lower. What is above
by its own verdict is never on trend; a likelihood that could not see excuses nothing; what cannot be told is said so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from checkpoints_db.records import Diagnosis, DiagnosisName, Linked, Series, Shape, Verdict, Why
from monitor.diagnosis.evidence import Evidence, needed, weigh
from monitor.diagnosis.linking import linked, vague
from monitor.diagnosis.shapes import dipped, shape_of
from monitor.diagnosis.speaking import primary, said_of
from monitor.forecasting import JUDGEMENT_VERSION
from monitor.rungs import sampling_variance
from monitor.standing import FORBIDS

LOOK = 0.1
"""A score inside its own forecast is held against the link where its tail is below this: what lies nearer to the middle
cannot weigh enough."""

LIKELY = 0.5
"""Posterior weight from which on a reading is given its name where two verdicts alone would not."""

BROKE: frozenset[DiagnosisName] = frozenset({"genuine_break", "latent_break", "unexplained_jump", "unresolved_jump"})

_Question = tuple[Sequence[Verdict], Mapping[str, Series]]


@dataclass(frozen=True)
class _Said:
    name: DiagnosisName
    why: Why
    words: str
    linked: Linked | None = None


def diagnose(
    question: str, verdicts: Sequence[Verdict], history: Mapping[str, Series], later: Mapping[str, Series] | None = None
) -> Diagnosis:
    """Read the verdicts of ONE checkpoint and question together; the worse reading wins where two are possible.

    `history` maps series ids to the smaller rungs, for a link fitted on them, `later` to the larger ones, where there
    are any: they only tell a dip from a regression. Raises ValueError without any verdict, or with verdicts of two
    checkpoints.
    """
    if not verdicts:
        raise ValueError(f"question {question!r}: a diagnosis needs at least one verdict")
    if len({v.checkpoint for v in verdicts}) > 1:
        raise ValueError(f"question {question!r}: verdicts of more than one checkpoint")
    continuous, thresholded = primary(verdicts, "continuous"), primary(verdicts, "thresholded")
    spoke = [v for v in (continuous, thresholded) if v is not None]
    shapes = tuple(s for s in (shape_of(v, history) for v in spoke) if s is not None)
    said, evidence = _read(continuous, thresholded, (verdicts, history))
    said = _shaped(said, spoke, shapes)
    if said.name == "regression":
        said = _dip(said, spoke, history, later or {})
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
        weights=evidence.weights,
        surprises=evidence.surprises,
        shapes=shapes,
        sentence=f"{first.run}: {said.words}{_weighed(said, evidence)}",
        judgement_version=JUDGEMENT_VERSION,
    )


def _read(c: Verdict | None, t: Verdict | None, asked: _Question) -> tuple[_Said, Evidence]:
    link = linked(c, t, *asked) if c is not None and t is not None and _worth_a_link(c, t) else None
    evidence = weigh(c, t, link)
    if c is None:
        alone = _thresholded_only(t) if t is not None else _Said("inconclusive", "unsealed", "nothing was measured")
        return alone, evidence
    if c.outcome == "above":
        return replace(_broken(c, t, evidence), linked=link), evidence
    if c.outcome == "below":
        return _Said("regression", "ok", f"{said_of(c)} is below its forecast", link), evidence
    if t is not None and t.outcome == "below":
        words = f"{said_of(t)} is below its forecast, {said_of(c)} is not"
        return _Said("regression", "ok", words, link), evidence
    if c.outcome != "expected":
        return _doubtful(c, t, link, evidence, asked[1]), evidence
    if t is None:
        return _Said("on_trend", "ok", f"{said_of(c)} is as forecast; no thresholded metric"), evidence
    if t.outcome == "expected":
        return _expected(c, t, link, evidence), evidence
    return _explained(c, t, link, evidence, asked[1]), evidence


def _worth_a_link(c: Verdict, t: Verdict) -> bool:
    """Whether what the link says can matter: it is dear, and ten thousand tasks have to be read in seconds."""
    if c.outcome == "expected":
        # Where both are as forecast and the score is not near its edge, no link could weigh enough.
        return t.outcome != "expected" or (t.tail_above is not None and t.tail_above < LOOK)
    return c.outcome == "above" or (c.why in FORBIDS and t.outcome == "above")


def _thresholded_only(t: Verdict) -> _Said:
    only = "only a thresholded metric exists"
    if t.outcome == "above":
        words = f"{said_of(t)} is above its forecast and {only}; log per-sample likelihoods"
        return _Said("unresolved_jump", "ok", words)
    if t.outcome == "below":
        return _Said("regression", "ok", f"{said_of(t)} is below its forecast; {only}")
    if t.outcome == "expected":
        return _Said("on_trend", "ok", f"{said_of(t)} is as forecast; {only}")
    return _Said("inconclusive", t.why, f"{said_of(t)} cannot tell ({t.why}) and {only}; log per-sample likelihoods")


def _broken(c: Verdict, t: Verdict | None, evidence: Evidence) -> _Said:
    if t is None:
        return _Said("genuine_break", "ok", f"{said_of(c)} is above its forecast; no thresholded metric to compare")
    if t.outcome == "above":
        words = f"{said_of(c)} and {said_of(t)} are both above their forecasts: the ability itself broke its trend"
        return _Said("genuine_break", "ok", words)
    if _left(t) and evidence.weight("genuine_break") > evidence.weight("latent_break"):
        words = (
            f"{said_of(c)} is above its forecast, and {said_of(t)} rose with it ({t.observed:.3g}, middle of its own "
            f"forecast {t.median:.3g}): the ability itself broke its trend"
        )
        return _Said("genuine_break", "ok", words)
    words = f"{said_of(c)} is above its forecast while {said_of(t)} does not show it ({t.outcome}, {t.why})"
    return _Said("latent_break", "ok", words)


def _expected(c: Verdict, t: Verdict, link: Linked | None, evidence: Evidence) -> _Said:
    if link is not None and _beyond(t, link) and evidence.weight("unexplained_jump") >= LIKELY:
        words = f"{_shown(t, link)}: it rose without the likelihood, though inside its own wide forecast"
        return _Said("unexplained_jump", "ok", f"{words}; {said_of(c)} is as forecast", link)
    return _Said("on_trend", "ok", f"{said_of(c)} and {said_of(t)} are as forecast", link)


def _explained(c: Verdict, t: Verdict, link: Linked | None, evidence: Evidence, history: Mapping[str, Series]) -> _Said:
    """The likelihood is as forecast, the score is above its own or could not be judged: does the link say why?"""
    if t.why in ("remarked", "smaller", "no_scale"):
        return _Said("inconclusive", t.why, f"{said_of(t)} cannot be compared ({t.why})", link)
    if link is None or (vague(link, t) and t.outcome != "above"):
        return _unlinked(c, t)
    shown = _shown(t, link)
    if _beyond(t, link) or evidence.weight("unexplained_jump") >= LIKELY:
        words = f"{shown}: it rose without the likelihood, {said_of(c)} is as forecast"
        return _Said("unexplained_jump", "ok", words, link)
    if t.outcome == "above" or _left(t):
        return _made_by_the_metric(c, t, link, history)
    if _short_of(t, link) and evidence.weight("regression") >= LIKELY:
        words = f"{shown}: the score did not follow the likelihood, {said_of(c)} is as forecast"
        return _Said("regression", "ok", words, link)
    return _Said("on_trend", "ok", f"{shown}: as the likelihood says, and {said_of(c)} is as forecast", link)


def _made_by_the_metric(c: Verdict, t: Verdict, link: Linked, history: Mapping[str, Series]) -> _Said:
    # An artefact is what the link foresaw, under a likelihood that would have shown a break that explains it too.
    shown = _shown(t, link)
    if vague(link, t):
        words = f"{shown}: the smaller rungs do not say how the score follows; log per-sample likelihoods"
        return _Said("inconclusive", "blind", f"{words}; {said_of(c)} is as forecast", link)
    if t.median is not None and t.metric.sign * (link.predicted - t.median) < 0.5 * t.metric.sign * (
        t.observed - t.median
    ):
        words = f"{shown}: the link did not foresee the rise from {t.median:.3g}, and does not rule it out"
        return _Said("inconclusive", "blind", f"{words}; {said_of(c)} is as forecast", link)
    need = needed(c, t, history)
    compared = "" if need is None else f"; {need.words(c.metric.name)}"
    if need is not None and not need.seen:
        words = f"{shown}: as the likelihood says, but its forecast could not tell{compared}"
        return _Said("inconclusive", "blind", words, link)
    words = f"{shown}: the jump was made by the metric, {said_of(c)} is as forecast{compared}"
    return _Said("metric_artefact", "ok", words, link)


def _doubtful(
    c: Verdict, t: Verdict | None, link: Linked | None, evidence: Evidence, history: Mapping[str, Series]
) -> _Said:
    # A likelihood inside a forecast that is refused may not excuse a jump, and must not turn it into silence.
    if c.why in FORBIDS and t is not None and t.outcome == "above":
        said = _explained(c, t, link, evidence, history)
        if said.name == "unexplained_jump":
            return said
    aside = "" if t is None else f"; {said_of(t)}: {t.outcome}"
    return _Said("inconclusive", c.why, f"{said_of(c)} cannot tell ({c.why}){aside}", link)


def _unlinked(c: Verdict, t: Verdict) -> _Said:
    if t.outcome == "above":
        words = f"{said_of(t)} is above its forecast, {said_of(c)} is not, and no link explains it"
        return _Said("unexplained_jump", "ok", words)
    words = f"{said_of(c)} is as forecast, {said_of(t)} cannot tell ({t.why}) and no link says what it should be"
    return _Said("inconclusive", t.why, words)


def _shaped(said: _Said, spoke: Sequence[Verdict], shapes: Sequence[Shape]) -> _Said:
    """What the shapes add: a score that measures nothing judges nothing, and falling is no safety."""
    if not shapes:
        return said
    by_metric = {(s.task, s.metric): s for s in shapes}
    first = by_metric.get((spoke[0].task, spoke[0].metric.name))
    if first is not None and first.name == "degenerate" and said.name in ("on_trend", "inconclusive"):
        return replace(said, name="inconclusive", why="degenerate", words=f"{said.words}; {first.sentence}")
    if first is not None and first.name == "inverse" and said.name == "on_trend":
        words = f"{said.words}; {first.sentence}: falling is no safety, of 11 such tasks 6 turned at a larger size"
        return replace(said, name="inverse_scaling", words=words)
    told = [s.sentence for s in shapes if s.name == "degenerate"]
    # Where this rung broke, it alone would make the turn.
    turned = () if said.name in BROKE else ("u_shaped", "dip", "peaked", "inverse")
    told += [_brief(s) for s in shapes if s.name in turned]
    if {s.name for s in shapes} == {"rising", "sudden"}:
        sudden, smooth = sorted(shapes, key=lambda s: s.name != "sudden")
        told.append(f"{_brief(sudden)}, {_brief(smooth)}: the suddenness is that of {sudden.metric}")
    return replace(said, words="; ".join([said.words, *told]))


def _brief(shape: Shape) -> str:
    return f"{shape.metric} is {shape.name} over {shape.rungs} rungs"


def _dip(said: _Said, spoke: Sequence[Verdict], history: Mapping[str, Series], later: Mapping[str, Series]) -> _Said:
    below = [v for v in spoke if v.outcome == "below"]
    told = [dipped(v, history, later) for v in below]
    if not below or any(t is None for t in told) or any(v.outcome == "above" for v in spoke):
        return said
    return replace(said, name="dip", words=f"{said.words}, and it is one rung: {'; '.join(t for t in told if t)}")


def _beyond(t: Verdict, link: Linked) -> bool:
    if link.tail_above is None:
        return t.observed > link.upper
    return link.tail_above < 0.5 * (1 - t.level)


def _short_of(t: Verdict, link: Linked) -> bool:
    return link.tail_below is not None and link.tail_below < 0.5 * (1 - t.level)


def _left(t: Verdict) -> bool:
    # Inside a forecast that could not see, and yet clearly off its middle: the reader should learn why it moved.
    if t.median is None or t.detectable is None:
        return False
    variance = sampling_variance(t.metric, t.observed, t.stderr, t.n)
    noise = 3 * math.sqrt(variance) if variance is not None else 0.0
    least = noise if t.why == "plateau" else max(noise, 0.5 * t.detectable)
    return t.metric.sign * (t.observed - t.median) > max(least, 1e-12)


def _shown(t: Verdict, link: Linked) -> str:
    return f"{said_of(t)} {t.observed:.3g}, the link predicts {link.predicted:.3g} [{link.lower:.3g}, {link.upper:.3g}]"


def _weighed(said: _Said, evidence: Evidence) -> str:
    """The weight of the reading and of its strongest rival; quiet tasks need no arithmetic."""
    if said.name in ("on_trend", "inverse_scaling") or not evidence.weights:
        return ""
    named: list[DiagnosisName] = [name for name, _ in evidence.weights[:2]]
    if said.name not in named and evidence.weight(said.name) > 0:
        named.append(said.name)
    sds = ", ".join(f"{what} {sd:+.1f}" for what, sd in evidence.surprises)
    return f"; weights: {evidence.told(*named)} (surprises in standard deviations: {sds})"
