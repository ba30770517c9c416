"""What happens to a lab in a year, drawn beforehand: results that land, receivers that fail, clocks that step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from lab import write_table
from replay_history import HISTORY, Plan, results

from checkpoints_db.records import Result

HOUR, DAY = 3600.0, 86400.0
MONTHS = 12
SIZES = 12
"""Most sizes of one family."""

Kind = Literal["lands", "receiver", "restart", "cut", "clock", "accept", "people", "month"]


class Event(NamedTuple):
    """Something that happens, so many seconds after the beginning."""

    after: float
    kind: Kind
    what: Any = None


def plans_of(checkpoints: int) -> list[Plan]:
    """So many checkpoints, in families of twelve sizes at most."""
    families = max(1, -(-checkpoints // SIZES))
    each = [checkpoints // families + (i < checkpoints % families) for i in range(families)]
    return [Plan(f"family-{i}", sizes) for i, sizes in enumerate(each)]


class Year(NamedTuple):
    """What is there when it begins, and what happens then, in order."""

    families: tuple[str, ...]
    seconds: float
    history: Path
    landing: int
    """Files that land."""
    results: int
    """Results in all."""
    events: list[Event]


def drawn(folder: Path, checkpoints: int, tasks: int, days: int, seed: int) -> Year:
    """Draw a year; its files lie in `folder` until they land."""
    rng, plans, seconds = np.random.default_rng(seed), plans_of(checkpoints), days * DAY
    made = {plan.family: results(plan, tasks, rng, max(0.02, 1 / tasks)) for plan in plans}
    history = [result for rungs in made.values() for rung in rungs[:HISTORY] for result in rung]
    news = [(k / plan.sizes, rung) for plan in plans for k, rung in enumerate(made[plan.family][HISTORY:])]
    order = [rung for _, rung in sorted(news, key=lambda each: each[0])]
    files = [write_table(folder / f"{rung[0].checkpoint.run}.csv", rows(rung)) for rung in order]
    times = np.sort(rng.uniform(0, seconds - 2 * DAY, len(files)))
    events = [
        *(Event(float(at), "lands", str(file)) for at, file in zip(times, files, strict=True)),
        *_receivers(rng, days),
        *_ends(rng, days, times),
        *_clock(rng, days),
        *(Event((day + 0.4) * DAY, "people") for day in range(3, days, 7)),
        *(Event(seconds * month / MONTHS, "month") for month in range(1, MONTHS + 1)),
    ]
    return Year(
        families=tuple(plan.family for plan in plans),
        seconds=seconds,
        history=write_table(folder / "history.csv", rows(history)),
        landing=len(files),
        results=len(history) + sum(map(len, order)),
        events=sorted(events, key=lambda event: event.after),
    )


def _receivers(rng: np.random.Generator, days: int) -> Iterator[Event]:
    """On one day in eight the receiver answers 500, or takes everything in and hangs up; for two days at most."""
    for day in range(days - 3):
        if rng.random() < 1 / 8:
            begins = day * DAY + rng.uniform(0, DAY)
            yield Event(begins, "receiver", "500" if rng.random() < 0.5 else "half")
            yield Event(begins + rng.uniform(HOUR, 2 * DAY), "receiver", "ok")
    yield Event((days - 1) * DAY, "receiver", "ok")


def _ends(rng: np.random.Generator, days: int, landings: Sequence[float]) -> Iterator[Event]:
    """The process ends about twice a month: told to, or by a power cut, every other one at work on what has landed."""
    for after in rng.uniform(0, (days - 2) * DAY, max(2, days // 30)):
        yield Event(float(after), "restart")
    for i in range(max(2, days // 30)):
        after = rng.choice(landings) + 1.0 if i % 2 else rng.uniform(0, (days - 2) * DAY)
        yield Event(float(after), "cut", int(rng.integers(0, 200)))


def _clock(rng: np.random.Generator, days: int) -> Iterator[Event]:
    """About six times a year it steps back an hour, or six hours on and, a day later, back.

    Half of that is accepted by a person; of the rest the moment comes again by itself.
    """
    for i in range(max(2, days // 60)):
        after = float(rng.uniform(0.2, 0.9) * (days - 2) * DAY)
        if i % 2 == 0:
            yield Event(after, "clock", -HOUR)
        else:
            yield Event(after, "clock", 6 * HOUR)
            after += DAY
            yield Event(after, "clock", -6 * HOUR)
        if i % 4 in (0, 3):
            yield Event(after + rng.uniform(60, 0.5 * HOUR), "accept")


def rows(made: Sequence[Result]) -> list[dict[str, Any]]:
    """Results as rows of a plain table, as a harness would export them."""
    return [
        {
            "family": one.checkpoint.family,
            "run": one.checkpoint.run,
            "params": one.checkpoint.params,
            "flop": one.checkpoint.flop,
            "task": one.task,
            "metric": one.metric.name,
            "kind": one.metric.kind,
            "direction": one.metric.direction,
            "lower": one.metric.lower,
            "upper": "" if one.metric.upper is None else one.metric.upper,
            "chance": "" if one.metric.chance is None else one.metric.chance,
            "value": one.value,
            "stderr": "" if one.stderr is None else one.stderr,
            "n": one.n,
        }
        for one in made
    ]
