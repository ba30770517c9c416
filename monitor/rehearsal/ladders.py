"""The fixture ladders: results made on paper, so that everybody knows what a gate should say of them.

Every ladder has the same straight rungs, four times the compute apart: a log-likelihood that rises to its bound as a
power law, and a score that rises evenly. What a ladder is named after happens to the first task, on the checkpoint
that is judged.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from checkpoints_db.records import Checkpoint, Metric, Result
from policies.policy_tests import Given
from policies.spelling import matches

ASKED = datetime(2026, 11, 2, 9, tzinfo=UTC)
"""When a run asks, where a test says nothing."""
APART = timedelta(days=91)
"""Time from the evaluation of one rung to that of the next."""
FLOP = 4.096e23
"""Compute of the checkpoint, where a test says nothing."""
STEP = 4.0
ITEMS = 2000
NOISE = (0.004, -0.006, 0.002, 0.005, -0.004, -0.001, 0.003, -0.002)
"""Drawn once, of the size that 2000 items leave: written down, so that no other version of a generator draws others."""


@dataclass(frozen=True)
class Shown:
    """What one task shows on one rung."""

    likelihood: float
    score: float
    answered: float | None = None
    """Mean probability of the whole right answer, where it was measured."""


@dataclass(frozen=True)
class Ladder:
    """One fixture: how many rungs it has, and what its first task shows on the checkpoint."""

    rungs: int = 6
    first: Callable[[int, int], Shown] | None = None
    """Rung and number of rungs to what the first task shows; None where it is like the others."""
    wobble: float = 1.0
    """How many times as noisy as 2000 items make it."""
    lacks_last: bool = False
    """Whether the checkpoint was not evaluated on the last task."""
    hours: float = 1.0
    """How long ago its results arrived."""


def _straight(rung: int) -> Shown:
    return Shown(-(0.9 + 1.2 * STEP ** (-0.12 * rung)), 0.30 + 0.045 * rung)


def _moved(likelihood: float, score: float) -> Callable[[int, int], Shown]:
    """The first task leaves its trend on the checkpoint, by so much."""

    def show(rung: int, rungs: int) -> Shown:
        on_trend = _straight(rung)
        if rung < rungs:
            return on_trend
        return Shown(on_trend.likelihood + likelihood, on_trend.score + score)

    return show


def _artefact(rung: int, rungs: int) -> Shown:
    """A likelihood that rises evenly, and a score that is the probability of a whole answer: flat, then it jumps."""
    likelihood = -2.0 - 0.25 * (rungs - rung)
    answered = math.exp(12 * (likelihood + 1.9))
    return Shown(likelihood, round(answered * ITEMS) / ITEMS, answered)


LADDERS: dict[str, Ladder] = {
    "straight": Ladder(),
    "jump": Ladder(first=_moved(0.5, 0.3)),
    "artefact": Ladder(rungs=12, first=_artefact),
    "unexplained_jump": Ladder(first=_moved(0.0, 0.3)),
    "latent_break": Ladder(first=_moved(0.5, 0.0)),
    "drop": Ladder(first=_moved(-0.5, -0.3)),
    "missing_evaluation": Ladder(lacks_last=True),
    "late": Ladder(lacks_last=True, hours=72.0),
    "noisy": Ladder(wobble=40.0),
    "too_short": Ladder(rungs=3),
}


def rungs_of(given: Given) -> list[Result]:
    """The results of the smaller rungs."""
    ladder = LADDERS[given.ladder]
    return [result for rung in range(ladder.rungs) for result in _results(given, ladder, rung)]


def checkpoint_of(given: Given) -> list[Result]:
    """The results of the checkpoint that is judged, without those that a test drops."""
    ladder = LADDERS[given.ladder]
    results = _results(given, ladder, ladder.rungs)
    if ladder.lacks_last:
        results = [result for result in results if result.task != given.task[-1]]
    return [r for r in results if not matches(r.task, given.drop) and not matches(r.metric.name, given.drop)]


def idle_drops(given: Given) -> list[str]:
    """What `drop` names that the ladder does not have."""
    results = _results(given, LADDERS[given.ladder], LADDERS[given.ladder].rungs)
    names = {name for result in results for name in (result.task, result.metric.name)}
    return [glob for glob in given.drop if not any(matches(name, (glob,)) for name in names)]


def _results(given: Given, ladder: Ladder, rung: int) -> list[Result]:
    run = given.run if rung == ladder.rungs else f"rung-{rung}"
    flop = (given.compute or FLOP) * STEP ** (rung - ladder.rungs)
    at = Checkpoint(family=given.family, run=run, model=run, flop=flop)
    dated = {"date": (given.at or ASKED) - timedelta(hours=ladder.hours) - (ladder.rungs - rung) * APART}
    tasks = [result for n, task in enumerate(given.task) for result in _task(given, ladder, at, rung, n, task)]
    return [result.model_copy(update=dated) for result in tasks]


def _task(given: Given, ladder: Ladder, at: Checkpoint, rung: int, number: int, task: str) -> list[Result]:
    special = number == 0 and ladder.first is not None
    shown = ladder.first(rung, ladder.rungs) if special and ladder.first else _straight(rung)
    noise, items = NOISE[(rung + number) % len(NOISE)] * ladder.wobble, round(ITEMS / max(1.0, ladder.wobble))
    score = shown.score
    if shown.answered is None:
        score += NOISE[(rung + 3 * number) % len(NOISE)] * min(ladder.wobble, 25.0)
    likelihood = Metric(name=given.continuous, kind="continuous", upper=0.0)
    match = Metric(name=given.thresholded, kind="thresholded", lower=0.0, upper=1.0)
    stderr = 0.005 * ladder.wobble
    results = [
        Result(task=task, metric=likelihood, value=shown.likelihood - noise, stderr=stderr, n=items, checkpoint=at),
        Result(task=task, metric=match, value=min(max(score, 0.0), 1.0), n=items, checkpoint=at),
    ]
    if shown.answered is not None:
        answer = Metric(name="prob_answer", kind="continuous", lower=0.0, upper=1.0)
        results.append(Result(task=task, metric=answer, value=shown.answered, stderr=0.008, n=items, checkpoint=at))
    return results
