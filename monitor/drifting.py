"""The verdicts of a checkpoint, and how far past rungs moved together -> whether a part of the suite drifts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from checkpoints_db.records import Diagnosis, Drift, Verdict
from monitor.forecasting import JUDGEMENT_VERSION
from monitor.science.drift import FEWEST, Drifted, drift, strongest
from policies.rule_terms import RuleTerms
from policies.spelling import matches

Array = npt.NDArray[np.float64]

NAMED = 3


def drifts(
    rules: Iterable[RuleTerms],
    diagnoses: Sequence[Diagnosis],
    places: Mapping[str, Sequence[float]],
    domains: Callable[[str], Collection[str]] = lambda task: (),
) -> tuple[Drift, ...]:
    """One drift for each `drift` rule that selects at least FEWEST questions with a judged metric.

    `places`: series id to the places of past results under their forecasts, toward capability, oldest first; they are
    read from the last rung back. `domains`: the tags of a task. A question speaks once: by its continuous metric, else
    by its thresholded one.
    """
    out = []
    for rule in rules:
        if rule.kind == "drift":
            heard = [(d, v) for d in diagnoses if (v := _speaker(d)) is not None]
            spoken = {d.question: v for d, v in heard if _taken(rule, d, v, domains)}
            if len(spoken) >= FEWEST:
                out.append(_drift(rule.id, spoken, places))
    return tuple(out)


def _taken(rule: RuleTerms, d: Diagnosis, speaker: Verdict, domains: Callable[[str], Collection[str]]) -> bool:
    asked = any(rule.select.asks(task, domains(task)) for task in (d.question, speaker.task))
    return (
        asked and matches(speaker.metric.name, rule.select.metric) and rule.select.kind in (None, speaker.metric.kind)
    )


def _speaker(d: Diagnosis) -> Verdict | None:
    told = (v for v in (d.continuous, d.thresholded) if v is not None)
    return next((v for v in told if v.tail_above is not None and v.tail_below is not None), None)


def _place(v: Verdict) -> float:
    # The middle of the point mass that a law may have at the result.
    return 0.5 * ((v.tail_below or 0.0) + 1 - (v.tail_above or 0.0))


def _drift(domain: str, spoken: Mapping[str, Verdict], places: Mapping[str, Sequence[float]]) -> Drift:
    verdicts = list(spoken.values())
    now = strongest(np.array([_place(v) for v in verdicts]))
    own = [list(places.get(v.series, ()))[::-1] for v in verdicts]
    past = np.full((max(map(len, own), default=0), len(own)), np.nan)
    for i, column in enumerate(own):
        past[: len(column), i] = strongest(np.array(column))
    found = drift(now, past)
    way = np.argsort(-now if found.mean > 0 else now, kind="stable")[:NAMED]
    furthest = tuple(list(spoken)[i] for i in way)
    first = verdicts[0]
    return Drift(
        family=first.family,
        run=first.run,
        checkpoint=first.checkpoint,
        domain=domain,
        tasks=found.tasks,
        mean=found.mean,
        effective=found.effective,
        rungs=found.rungs,
        tail_above=min(max(found.tail_above, 0.0), 1.0),
        tail_below=min(max(found.tail_below, 0.0), 1.0),
        furthest=furthest,
        sentence=_sentence(first.checkpoint, domain, found, furthest),
        judgement_version=JUDGEMENT_VERSION,
    )


def _sentence(checkpoint: str, domain: str, found: Drifted, furthest: Sequence[str]) -> str:
    side, tail = ("above", found.tail_above) if found.mean > 0 else ("below", found.tail_below)
    return (
        f"{checkpoint}: the {found.tasks} questions of {domain!r} lie {abs(found.mean):.2g} standard deviations {side} "
        f"their forecasts on average; past rungs moved together as {found.effective:.2g} independent questions would, "
        f"so this has probability {tail:.2g} on trend; farthest {', '.join(furthest)}"
    )
