"""Where should a threshold be? Every setting over history as it was, and with breaks planted into it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from checkpoints_db.errors import EvidenceError
from monitor.prior import Prior
from monitor.replay import Source
from monitor.tuning.looking import Job, runs_of
from monitor.tuning.outcome import outcome
from monitor.tuning.params import Param, changed, current
from monitor.tuning.planting import HORIZON, Plant, plants
from monitor.tuning.records import Tuning
from monitor.tuning.sizes import Size
from monitor.tuning.spread import Spread, here
from monitor.tuning.summing import DRAWS, Price, Tried, summed
from monitor.tuning.survey import Sitting, survey
from policies.schema import Policy

YEAR = timedelta(days=365.25)

Tell = Callable[[str, int, int], None]


class Asked(NamedTuple):
    """What is swept, what is planted, and what it costs."""

    params: Sequence[Param]
    points: int
    """Values of each parameter."""
    sizes: Sequence[Size]
    places: int = 40
    """Where breaks are planted, each of every size."""
    horizon: int = HORIZON
    """Checkpoints at which a break may be stopped."""
    ratio: float = 10.0
    """Cost of a missed break in false pauses."""
    breaks: float = 1.0
    """Real breaks a year to be expected."""
    seed: int = 0
    """Of the generator, for the record."""
    confirmed: Sequence[str] = ()
    """Runs or checkpoints whose breaks are known to be real."""
    since: datetime | None = None
    """Checkpoints first decided on before are left out."""
    until: datetime | None = None
    per_year: float | None = None
    """Checkpoints that are a year; by the dates of history unless told."""


def tune(
    source: Source,
    policy: Policy,
    asked: Asked,
    *,
    prior: Prior,
    rng: np.random.Generator,
    families: Sequence[str] | None = None,
    spread: Spread = here,
    tell: Tell = lambda *_: None,
) -> Tuning:
    """Sweep parameters of `policy` over the history of `source`, and say which setting costs least.

    `prior`: what forecasts that have seen a planted break believe beforehand; `rng`: draws where breaks are planted,
    and resampled histories; `spread`: who does the work, which has no part in the answer. Raises EvidenceError where
    nothing was judged, or a year of this history cannot be told.
    """
    sittings = _sittings(source, asked, families, tell)
    every = [s for own in sittings.values() for s in own]
    if not every:
        whose = f" of {', '.join(families)}" if families else ""
        raise EvidenceError(
            f"{source.name}: no checkpoint{whose} was judged in that time, so nothing can be tuned; bring results with "
            "`holdpoint ingest`, or look for families in `holdpoint checkpoint list`"
        )
    begins, ends = _span(every, source, asked)
    years = _years(source, asked, len(every), begins, ends)
    place_rng, draw_rng = rng.spawn(2)
    planted = plants(
        source,
        sittings,
        asked.sizes,
        asked.places,
        place_rng,
        asked.horizon,
        lambda done, of: tell("planting breaks", done, of),
    )
    policies, tried = _settings(policy, asked)
    jobs = _jobs(source, sittings, policies, planted, prior)
    looked = spread(jobs, lambda done, of: tell("runs", done, of))
    found = outcome(sittings, planted, looked, len(policies))
    settings, recommended = summed(tried, found, Price(years, asked.ratio, asked.breaks), draw_rng)
    return Tuning(
        policy=policy.digest,
        policy_name=policy.name,
        source=source.name,
        params=tuple(p.name for p in asked.params),
        units=tuple(p.unit for p in asked.params),
        logarithmic=tuple(p.log for p in asked.params),
        begins=begins,
        ends=ends,
        years=years,
        runs=len(found.runs),
        checkpoints=sum(not s.confirmed for s in every),
        confirmed=sum(s.confirmed for s in every),
        planted=len(planted),
        sizes=tuple(size.label for size in asked.sizes),
        horizon=asked.horizon,
        cost_ratio=asked.ratio,
        breaks_a_year=asked.breaks,
        seed=asked.seed,
        draws=DRAWS,
        settings=settings,
        recommended=recommended,
        notes=(*source.notes, *_notes(every, planted, asked)),
    )


def _sittings(source: Source, asked: Asked, families: Sequence[str] | None, tell: Tell) -> dict[str, list[Sitting]]:
    names = [family for family, n in source.weights().items() if n and (families is None or family in families)]
    found = {}
    for done, family in enumerate(names, 1):
        with source.told(family) as told:
            own = survey(told, asked.confirmed, asked.until)
        found[family] = [s for s in own if asked.since is None or s.at >= asked.since]
        tell("families", done, len(names))
    return found


def _span(every: Sequence[Sitting], source: Source, asked: Asked) -> tuple[datetime, datetime]:
    last = max(moment.at for s in every for moment in s.moments)
    return asked.since or min(s.at for s in every), max(asked.until or source.ends or last, last)


def _years(source: Source, asked: Asked, checkpoints: int, begins: datetime, ends: datetime) -> float:
    if asked.per_year is not None:
        return checkpoints / asked.per_year
    if ends - begins < timedelta(days=1):
        raise EvidenceError(
            f"{source.name}: all {checkpoints} checkpoints came within a day, so nobody can tell how many false pauses "
            "a year that is; say with --per-year how many checkpoints are a year"
        )
    return (ends - begins) / YEAR


def _settings(policy: Policy, asked: Asked) -> tuple[tuple[Policy, ...], list[Tried]]:
    """Every combination of values, in order, and the policy as it is where that is none of them."""
    now = tuple(current(policy, param) for param in asked.params)
    grid = list(itertools.product(*(param.values(asked.points) for param in asked.params)))
    policies = [changed(policy, asked.params, values) for values in grid]
    tried = [_tried(asked.params, values, p, current=values == now) for values, p in zip(grid, policies, strict=True)]
    if not any(t.current for t in tried):
        policies.append(policy)
        tried.append(_tried(asked.params, now, policy, current=True))
    order = sorted(range(len(tried)), key=lambda i: [(v is None, v or 0.0) for v in tried[i].values])
    return tuple(policies[i] for i in order), [tried[i] for i in order]


def _tried(params: Sequence[Param], values: Sequence[float | None], policy: Policy, *, current: bool) -> Tried:
    spelled = tuple(
        f"{p.name} = {'left out' if v is None else p.spelled(v)}" for p, v in zip(params, values, strict=True)
    )
    return Tried(tuple(values), spelled, policy.digest, current)


def _jobs(
    source: Source,
    sittings: dict[str, list[Sitting]],
    policies: tuple[Policy, ...],
    planted: Sequence[Plant],
    prior: Prior,
) -> list[Job]:
    jobs = []
    for family, run in runs_of(sittings):
        own = tuple(s for s in sittings[family] if s.run == run)
        orders = {s.order for s in own}
        mine = tuple((i, p) for i, p in enumerate(planted) if p.family == family and orders & set(p.looks))
        jobs.append(Job(source, family, run, policies, own, mine, prior))
    return jobs


def _notes(every: Sequence[Sitting], planted: Sequence[Plant], asked: Asked) -> list[str]:
    groups = sum(p.grouped for p in planted)
    planting = (
        f"{len(planted)} breaks were planted, {groups} of them into several questions at once, each seen by at most "
        f"{asked.horizon} checkpoints; forecasts made after a break have learnt of it"
    )
    alone = "every checkpoint is decided on by itself: no earlier pause, waiver or release counts, nor time alone"
    notes = [planting, alone]
    if (blind := sum(not s.questions for s in every)) > 0:
        notes.append(f"no sealed forecast could judge {blind} checkpoints; no break was planted into them")
    if not any(s.confirmed for s in every):
        notes.append("no break is known to be real (a rejected release, or --confirmed): all pauses are taken as false")
    if not planted:
        notes.append("no break could be planted, so nothing is known of what is missed")
    return notes
