"""A history made for measuring: families of models over three years, tasks on trend, a few of which break."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

from checkpoints_db import Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.records import Checkpoint, Forecast, Metric, Result, Series
from monitor import gate
from monitor.forecasting import forecast
from policies.schema import Policy

START = datetime(2023, 11, 1, tzinfo=UTC)
YEARS = timedelta(days=3 * 365)
HISTORY = 4
"""Rungs of each family that are baseline history."""
LOSS = Metric(name="nll", kind="continuous", direction="lower", lower=0)
SCORE = Metric(name="acc", kind="thresholded", lower=0, upper=1, chance=0)


class Plan(NamedTuple):
    """A family: how many sizes, how many steps of each, whether steps are rungs of one series."""

    family: str
    sizes: int
    steps: int = 1

    @property
    def checkpoints(self) -> int:
        """Checkpoints of the family."""
        return self.sizes * self.steps


def catalogue_text(plans: Sequence[Plan]) -> str:
    """The catalogue of some families, as TOML."""
    return "".join(f'[[family]]\nname = "{plan.family}"\naxis = "flop"\ncompare_at = "any"\n' for plan in plans)


def checkpoints(plan: Plan) -> list[Checkpoint]:
    """The checkpoints of a family in the order of their training: sizes a factor of 1.3 or more apart."""
    ratio = max(1.3, 4.0 ** (8 / plan.sizes))
    found = []
    for i in range(plan.sizes):
        flop = 1e19 * ratio**i
        for step in range(1, plan.steps + 1):
            name = f"{plan.family}-{i:02d}"
            stage = "" if plan.steps == 1 else f"step {1000 * step}"
            share = step / plan.steps
            found.append(
                Checkpoint(
                    family=plan.family,
                    run=name,
                    model=name,
                    step=None if plan.steps == 1 else 1000 * step,
                    stage=stage,
                    params=1e7 * ratio ** (i / 2),
                    flop=flop * share,
                )
            )
    return found


def results(plan: Plan, tasks: int, rng: np.random.Generator, breaking: float = 0.02) -> list[list[Result]]:
    """The results of every checkpoint: one loss and one score of each task; this share of tasks breaks at the end."""
    rate = rng.uniform(0.06, 0.14, tasks)
    level = rng.uniform(1.0, 3.0, tasks)
    middle = rng.uniform(18.5, 23.0, tasks)
    breaks = np.where(rng.random(tasks) < breaking, rng.integers(HISTORY, plan.sizes, tasks), plan.sizes)
    found = []
    for checkpoint in checkpoints(plan):
        size = int(checkpoint.run.rpartition("-")[2])
        flop = checkpoint.flop or 1.0
        loss = level * (flop / 1e19) ** -rate + 0.5 + rng.normal(0, 0.01, tasks)
        loss = np.where(size >= breaks, loss * 0.7, loss)
        share = 0.85 / (1 + np.exp(-1.2 * (np.log10(flop) - middle)))
        score = rng.binomial(500, np.clip(np.where(size >= breaks, share + 0.3, share), 0, 1)) / 500
        made = []
        for task in range(tasks):
            common = {"task": f"task-{task:03d}", "n": 500, "checkpoint": checkpoint, "harness": "bench"}
            made.append(Result(metric=LOSS, value=float(loss[task]), stderr=0.01, **common))
            made.append(Result(metric=SCORE, value=float(score[task]), **common))
        found.append(made)
    return found


def pool(workers: int) -> ProcessPoolExecutor:
    """Processes of their own, each with one thread for linear algebra."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))


def forecasts(series: Sequence[str]) -> list[str]:
    """Forecasts of some series, as JSON both ways."""
    return [forecast(Series.model_validate_json(text)).model_dump_json() for text in series]


def build(path: Path, plans: Sequence[Plan], tasks: int, policy: Policy, workers: int = 2, seed: int = 7) -> None:
    """A store in which all of that happened: recorded, judged, decided and sealed as the daemon would have."""
    catalogue_file = path.with_suffix(".toml")
    catalogue_file.write_text(catalogue_text(plans), encoding="utf-8")
    catalogue, rng = Catalogue.from_toml(catalogue_file), np.random.default_rng(seed)
    every = [(plan, k, made) for plan in plans for k, made in enumerate(results(plan, tasks, rng))]
    # Families train side by side: the k-th checkpoints of all come about the same time.
    every.sort(key=lambda each: (each[1] / each[0].checkpoints, each[0].family))
    apart = YEARS / max(len(every), 1)
    with Store.open(path, create=True) as store, pool(workers) as processes:
        for i, (plan, k, made) in enumerate(every):
            at, checkpoint = START + i * apart, made[0].checkpoint
            baseline = k < HISTORY * plan.steps
            with store.transaction():
                head = store.ledger.head[0]
                store.evidence.record(made, baseline=baseline, seen_at=at, seen_after=head, at=at)
                if not baseline:
                    gate.settle(store, catalogue, policy, plan.family, checkpoint.run, at)
            if k >= HISTORY * plan.steps - 1:
                with store.transaction():
                    for sealed in _sealed(processes, store, plan.family, checkpoint.stage, catalogue, workers):
                        store.judgements.seal(sealed, at + timedelta(minutes=1))


def _sealed(
    processes: ProcessPoolExecutor, store: Store, family: str, stage: str, catalogue: Catalogue, workers: int
) -> Iterator[Forecast]:
    series = [s.model_dump_json() for s in store.evidence.ladders(family, stage, catalogue.axis(family)).values()]
    chunks = [series[i :: 4 * workers] for i in range(4 * workers)]
    for texts in processes.map(forecasts, chunks):
        yield from map(Forecast.model_validate_json, texts)
