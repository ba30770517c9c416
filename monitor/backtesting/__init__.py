"""Tables of history -> how forecasts would have done: the larger rungs are hidden, forecast, and then compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from checkpoints_db.errors import UnreadableFile
from monitor.backtesting import summary
from monitor.backtesting.answer import Answer, Summary
from monitor.backtesting.outcome import Outcome, asked, outcome
from monitor.backtesting.trial import Trial, read
from monitor.science import suite
from monitor.science.dictionary import Prior
from monitor.science.learn import STRENGTH

__all__ = ["Answer", "Outcome", "Progress", "Trial", "backtest", "outcomes", "read"]

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much."""


def backtest(
    tables: Sequence[Path],
    prior: Prior,
    *,
    seed: int = 0,
    digest: str = "",
    strength: float = STRENGTH,
    progress: Progress | None = None,
    timer: Callable[[], float] = time.perf_counter,
) -> Answer:
    """Forecast every target row of `tables` from the training rows of its table, and score what came.

    Each table is a suite of its own: its training rows move the `prior`, held by `strength` ladders. The engine draws
    nothing at random: `seed` and `digest` (of the prior) are only recorded. Raises EvidenceError where a table cannot
    be read.
    """
    start = timer()
    names = [path.name for path in tables]
    for path in tables:
        if names.count(path.name) > 1:
            raise UnreadableFile(str(path), "", "a second table of this name; rename one, the answer tells them by it")
    read_in = [read(path) for path in tables]
    done = [o for trials in read_in for o in outcomes(trials, prior, strength, progress, timer)]
    return Answer(
        tables=tuple(names),
        seed=seed,
        code_version=version("holdpoint"),
        series=tuple(o.answer for o in done),
        summary=Summary(rows=tuple(summary.rows(done)), prior=digest, seconds=round(timer() - start, 3)),
    )


def outcomes(
    trials: Sequence[Trial],
    prior: Prior,
    strength: float = STRENGTH,
    progress: Progress | None = None,
    timer: Callable[[], float] = time.perf_counter,
) -> list[Outcome]:
    """The outcome of every trial of one table that has targets."""
    tell = progress or (lambda _what, _done, _of: None)
    name = trials[0].table if trials else ""
    seen = [(trial, asked(trial)) for trial in trials if trial.targets]
    views = [ask[0] for _, ask in seen if ask is not None]
    taught = suite.taught(views, prior, strength, lambda done, of: tell(f"{name}: learning", done, of))
    out = []
    for i, (trial, ask) in enumerate(seen, start=1):
        out.append(outcome(trial, ask, taught, timer))
        tell(f"{name}: forecasting", i, len(seen))
    return out
