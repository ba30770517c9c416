"""Some policies over a whole history, on as many cores as there are."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from checkpoints_db.judgements import Known
from checkpoints_db.past import Past
from monitor import cases
from monitor.replay.playing import play
from monitor.replay.records import Played
from monitor.replay.source import Source
from monitor.replay.walk import DAILY, Timetable
from policies.schema import Policy

Tell = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much."""

SMALL = 1000
"""Histories of fewer results are walked here: another process takes longer to start."""

PARTS = 2
"""Parts that a family's tasks are judged in, for each process."""

EVEN = 1.15
"""Where the process with most families to walk has at most so many times its share, families are what is shared out;
else the tasks of each."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Asked(NamedTuple):
    """What is asked of a history."""

    policies: Sequence[Policy]
    timetable: Timetable = DAILY
    since: datetime | None = None
    """What came before is walked and not told."""
    until: datetime | None = None
    """Where the walk ends."""


def over(
    source: Source,
    asked: Asked,
    families: Sequence[str] | None = None,
    *,
    workers: int = 0,
    small: int = SMALL,
    tell: Tell = lambda *_: None,
) -> list[list[Played]]:
    """For each policy, what it would have done in each family, in the order of their first results.

    `families`: only these; `workers`: processes, as many as there are cores by default, none of them where the history
    is small. What is judged by equal terms is judged once for all policies.
    """
    weights = {f: n for f, n in source.weights().items() if families is None or f in families}
    total, workers = sum(weights.values()), workers or os.cpu_count() or 1
    if workers == 1 or total < small:
        return _turned(asked, [_alone(source, asked, family, tell) for family in weights])
    with processes(workers) as pool:
        if _most(weights, workers) <= EVEN * total / workers:
            return _turned(asked, _shared_out(pool, source, asked, weights, tell))
        return _turned(asked, [_judged_apart(pool, source, asked, family, workers, tell) for family in weights])


def _turned(asked: Asked, families: Sequence[Sequence[Played]]) -> list[list[Played]]:
    return [[own[i] for own in families] for i in range(len(asked.policies))]


def _most(weights: dict[str, int], workers: int) -> int:
    """Results of the process that gets most, where the next free one always takes the largest family left."""
    loads = [0] * workers
    for weight in sorted(weights.values(), reverse=True):
        loads[loads.index(min(loads))] += weight
    return max(loads)


def in_family(source: Source, asked: Asked, family: str) -> list[Played]:
    """What each policy would have done in one family; what another process is asked."""
    return _alone(source, asked, family, lambda *_: None)


def _alone(source: Source, asked: Asked, family: str, tell: Tell, known: Known | None = None) -> list[Played]:
    known, done = known or Known(), 0
    with source.told(family) as whole:
        told = whole._replace(moments=[m for m in whole.moments if asked.until is None or m.at <= asked.until])
        steps = len(told.moments) * len(asked.policies)

        def step(_: object) -> None:
            nonlocal done
            done += 1
            tell(f"deciding {family}", min(done, steps), steps)

        return [
            play(told, policy, asked.timetable, since=asked.since, known=known, tell=step) for policy in asked.policies
        ]


def _shared_out(
    pool: ProcessPoolExecutor, source: Source, asked: Asked, weights: dict[str, int], tell: Tell
) -> list[list[Played]]:
    """Families side by side, the largest first."""
    largest = sorted(weights, key=lambda family: -weights[family])
    asking = {pool.submit(in_family, source, asked, family): family for family in largest}
    done = 0
    for future in as_completed(asking):
        done += weights[asking[future]]
        future.result()
        tell("walking families", done, sum(weights.values()))
    found = {family: future.result() for future, family in asking.items()}
    return [found[family] for family in weights]


def judge_part(source: Source, asked: Asked, family: str) -> Known:
    """Judge everything that a part of a history will be asked for; what another process is asked."""
    known = Known()
    with source.told(family) as told:
        for judging in dict.fromkeys(policy.judging for policy in asked.policies):
            past = Past(told.history)
            past.judgements.known = known
            for moment in told.moments:
                if asked.until is None or moment.at <= asked.until:
                    past.move(moment.seq - 1)
                    own = told.catalogues.at(moment.seq)
                    cases.judged_ahead(past, own, judging, family, moment.run, moment.checkpoint or None)
    return known


def _judged_apart(
    pool: ProcessPoolExecutor, source: Source, asked: Asked, family: str, workers: int, tell: Tell
) -> list[Played]:
    """One family: its questions are judged side by side, and then decided on one after another."""
    parts, known = PARTS * workers, Known()
    each = [source.part(family, i, parts) for i in range(parts)]
    asking: list[Future[Known]] = [pool.submit(judge_part, own, asked, family) for own in each]
    for done, future in enumerate(as_completed(asking), 1):
        known.learn(future.result())
        tell(f"judging {family}", done, parts)
    return _alone(source, asked, family, tell, known)


@contextmanager
def processes(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that start afresh, each with one thread for linear algebra: more would be in each other's way."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            yield pool
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
