"""What there is in a family to plant breaks into: checkpoints that were judged, and the questions asked of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import numpy as np

from checkpoints_db import Seen
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.judgements import Moment
from checkpoints_db.past import Past
from checkpoints_db.records import Approval, Sealed
from monitor import cases
from monitor.forecasting import law_at
from monitor.replay.source import Told
from monitor.rungs import sampling_variance
from monitor.science.planting import spread


class Sitting(NamedTuple):
    """One checkpoint and the moments at which something was decided on it."""

    family: str
    run: str
    checkpoint: str
    order: int
    """How many checkpoints of the family came before it."""
    at: datetime
    """When it was first decided on."""
    first: int
    """Row of its first result."""
    moments: tuple[Moment, ...]
    questions: Mapping[str, tuple[str, ...]]
    """Question to its series that a sealed forecast can judge here."""
    confirmed: bool
    """Whether a person said that what was found there is real: they rejected a release."""

    @property
    def name(self) -> str:
        """The run as `family/run`."""
        return f"{self.family}/{self.run}"


def survey(told: Told, confirmed: Iterable[str] = (), until: datetime | None = None) -> list[Sitting]:
    """The judged checkpoints of a family, in order of their first decision.

    `confirmed`: runs (`family/run`) or checkpoints that are known to have broken; beside them those on which a person
    rejected a release.
    """
    past, family = Past(told.history), told.history.family
    rows: dict[str, int] = {}
    for seq, seen in told.history.results:
        rows.setdefault(seen.result.checkpoint.id, seq)
    found: dict[str, list[Moment]] = {}
    first: dict[str, tuple[str, int, dict[str, tuple[str, ...]]]] = {}
    for moment in told.moments:
        if until is not None and moment.at > until:
            continue
        past.move(moment.seq - 1)
        latest, here = cases.news_of(past, family, moment.run, moment.checkpoint or None)
        if latest is None:
            continue
        found.setdefault(latest.id, []).append(moment)
        first[latest.id] = moment.run, rows[latest.id], _questions(past, told.catalogues.at(moment.seq), here)
    rejected, known = _rejected(told, found), set(confirmed)
    return [
        Sitting(
            family,
            first[name][0],
            name,
            order,
            moments[0].at,
            first[name][1],
            tuple(moments),
            first[name][2],
            name in rejected or bool({name, f"{family}/{first[name][0]}"} & known),
        )
        for order, (name, moments) in enumerate(found.items())
    ]


def _questions(past: Past, catalogue: Catalogue, here: Iterable[Seen]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for seen in here:
        result = seen.result
        if seen.counts and not result.remarks and past.judgements.seal_of(result.series, seen.seen_after) is not None:
            asked = catalogue.question(result.task)
            found[asked] = (*found.get(asked, ()), result.series)
    return found


def _rejected(told: Told, found: Mapping[str, list[Moment]]) -> set[str]:
    """Checkpoints on which the newest decision was still open when a person voted against going on."""
    out = set()
    for review in told.history.reviews:
        if review.kind == "approval" and review.family == told.history.family:
            vote = Approval.model_validate_json(review.text)
            before = [
                (moment.seq, name)
                for name, own in found.items()
                for moment in own
                if moment.run == review.run and moment.seq < review.seq
            ]
            if vote.veto and before:
                out.add(max(before)[1])
    return out


def noises(told: Told, sitting: Sitting, questions: Iterable[str]) -> dict[str, tuple[float, int]]:
    """Series to the predictive standard deviation of its result on a checkpoint, in units of the metric, and the sign
    of capability; series that no law speaks of are left out."""
    past = Past(told.history)
    past.move(sitting.moments[-1].seq - 1)
    wanted = {series for question in questions for series in sitting.questions[question]}
    found = {}
    for seen in past.evidence.results(run=sitting.run, checkpoint=sitting.checkpoint):
        if seen.counts and seen.result.series in wanted:
            sealed = past.judgements.sealed(seen.result.series, seen.seen_after)
            sd = None if sealed is None else _noise(sealed, seen)
            if sd is not None:
                found[seen.result.series] = sd, int(seen.result.metric.sign)
    return found


def _noise(sealed: Sealed, seen: Seen) -> float | None:
    forecast, result = sealed.forecast, seen.result
    place = result.checkpoint.place(forecast.axis)
    if place is None or not forecast.beyond(place):
        return None
    own = sampling_variance(forecast.metric, result.value, result.stderr, result.n)
    sd = spread(law_at(forecast, place, max(own or 0.0, forecast.target_variance)).quantile)
    return sd if np.isfinite(sd) and sd > 0 else None
