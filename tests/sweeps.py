"""A store to tune on: a few families whose losses fall on straight lines, recorded, sealed and decided as by the
daemon."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from checkpoints_db import Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.records import Checkpoint, Metric, Result
from monitor import gate
from monitor.forecasting import forecast
from monitor.replay import StoreSource
from policies.loader import from_body
from policies.schema import Policy

START = datetime(2024, 1, 1, tzinfo=UTC)
APART = timedelta(days=30)
LOSS = Metric(name="nll", kind="continuous", direction="lower", lower=0)
HISTORY = 4


def policy(**judging: float) -> Policy:
    """One `break` rule, on every loss."""
    rule = {"id": "break", "kind": "break", "level": "soft", "side": "either", "answer": "pause", "tail": 0.01}
    return from_body({"name": "paper", "judging": {"tail": 0.1, "resolve": 1.0, **judging}, "rules": [rule]})


def build(path: Path, families: int = 6, sizes: int = 6, tasks: Sequence[str] = ("sums",), seed: int = 0) -> None:
    """The first four sizes of each family are baseline; the families take turns, one checkpoint every thirty days."""
    rng, at = np.random.default_rng(seed), START
    names = [f"fam{i}" for i in range(families)]
    path.with_suffix(".toml").write_text("".join(f'[[family]]\nname = "{n}"\naxis = "flop"\n' for n in names))
    catalogue, decides = Catalogue.from_toml(path.with_suffix(".toml")), policy()
    with Store.open(path, create=True) as store:
        for size in range(sizes):
            for name in names:
                at += APART
                results = [_result(name, size, task, rng) for task in tasks]
                with store.transaction():
                    head, news = store.ledger.head[0], size >= HISTORY
                    store.evidence.record(results, baseline=not news, seen_at=at, seen_after=head, at=at)
                    if news:
                        gate.settle(store, catalogue, decides, name, results[0].checkpoint.run, at)
                    if size >= HISTORY - 1:
                        for series in store.evidence.ladders(name, "", "flop").values():
                            store.judgements.seal(forecast(series), at)


def _result(family: str, size: int, task: str, rng: np.random.Generator) -> Result:
    flop = 1e18 * 6.0**size
    run = f"s{size}"
    at = Checkpoint(family=family, run=run, model=f"{family}-{run}", params=1e6 * 3**size, flop=flop)
    value = (1.0 + 2.0 * 6.0 ** (-0.12 * size)) * np.exp(0.01 * rng.standard_normal())
    return Result(task=task, metric=LOSS, value=float(value), stderr=0.01, n=1000, checkpoint=at)


def source(path: Path) -> StoreSource:
    """The history of a store made by `build`."""
    return StoreSource(path, Catalogue.from_toml(path.with_suffix(".toml")))
