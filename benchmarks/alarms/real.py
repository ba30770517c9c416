"""Public tables walked as the gate walks them: every rung sealed from the smaller ones, judged, diagnosed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from checkpoints_db.errors import ForecastError
from checkpoints_db.records import PLANE, Axis, Case, Checkpoint, Forecast, Point, Reading, Result, Sealed, Series
from monitor.backtesting import Trial, read
from monitor.diagnosis import diagnose
from monitor.forecasting import forecast
from monitor.science.view import DENSE
from monitor.verdicts import judge
from policies.schema import Policy

AT = datetime(2026, 11, 23, tzinfo=UTC)
FEWEST = 4


@dataclass(frozen=True)
class Asked:
    """One series at one checkpoint: what was sealed, what came, and the rungs below."""

    sealed: Sealed
    result: Result
    rungs: Series


@dataclass(frozen=True)
class Suite:
    """Every series of one table at one checkpoint."""

    table: str
    run: str
    rungs: int
    asked: tuple[Asked, ...]

    def case(self, policy: Policy, results: tuple[Result, ...] | None = None) -> Case:
        """The case a gate would see; `results` in the place of what came, one for each of `asked`."""
        came = results or tuple(each.result for each in self.asked)
        verdicts = tuple(judge(a.sealed, r, policy.judging) for a, r in zip(self.asked, came, strict=True))
        history = {a.rungs.id: a.rungs for a in self.asked}
        by_task = defaultdict(list)
        for v in verdicts:
            by_task[v.task].append(v)
        read = tuple(diagnose(task, own, history) for task, own in by_task.items())
        family = self.asked[0].result.checkpoint.family
        return Case(
            family=family, run=self.run, judged=True, verdicts=verdicts, diagnoses=read, first_at=AT, last_at=AT
        )


def suites(path: Path) -> list[Suite]:
    """The suites of a table, one for each checkpoint with FEWEST rungs below it; learning curves are left out."""
    found: dict[str, list[tuple[int, Asked]]] = defaultdict(list)
    for trial in read(path):
        if trial.axes and not _curve(trial):
            for run, rungs, asked in _walked(trial):
                found[run].append((rungs, asked))
    out = []
    for run, own in found.items():
        # A checkpoint is one suite: all of its results, of one run and family.
        out.append(Suite(path.stem, run, int(np.median([r for r, _ in own])), tuple(a for _, a in own)))
    return out


def _curve(trial: Trial) -> bool:
    # Many rungs on one axis are checkpoints of one run, each of its own suite.
    return len(trial.axes) == 1 and len(trial.train) > DENSE


def _walked(trial: Trial) -> Iterator[tuple[str, int, Asked]]:
    plane = len(trial.axes) == 2
    axis: Axis = PLANE if plane else trial.axes[0]  # type: ignore[assignment]
    points = [(r, _point(trial, r, plane)) for r in (*trial.train, *trial.targets)]
    for i, (r, _) in enumerate(points):
        if plane:
            below = [p for q, p in points if (q.params or 0.0) < (r.params or 0.0)]
            longer = [q for q, _ in points if q.params == r.params and (q.tokens or 0.0) > (r.tokens or 0.0)]
            if longer:  # one checkpoint of each size: the costliest
                continue
        else:
            below = [p for _, p in points[:i]]
        if len({p.x for p in below}) < FEWEST:
            continue
        series = _series(trial, axis, below)
        try:
            made: Forecast = forecast(series)
        except ForecastError:
            continue
        sealed = Sealed(forecast=made, at=AT, seq=1)
        yield _checkpoint(trial, r).id, len(below), Asked(sealed, _result(trial, r), series)


def _series(trial: Trial, axis: Axis, below: list[Point]) -> Series:
    first = _result(trial, trial.train[0])
    return Series(
        id=first.series,
        family=trial.family or "none",
        task=trial.task,
        metric=trial.metric,
        stage="",
        conditions="",
        axis=axis,
        points=tuple(sorted(below, key=lambda p: p.x)),
    )


def _checkpoint(trial: Trial, r: Reading) -> Checkpoint:
    return Checkpoint(
        family=trial.family or "none",
        run=r.run or r.model,
        model=r.model,
        params=r.params,
        tokens=r.tokens,
        flop=r.flop,
    )


def _point(trial: Trial, r: Reading, plane: bool) -> Point:
    place = (r.params or 1.0, r.tokens or 1.0)
    x = 6 * place[0] * place[1] if plane else float(getattr(r, trial.axes[0]))
    at = _checkpoint(trial, r)
    return Point(
        run=at.run,
        checkpoint=at.id,
        x=x,
        plane=place if plane else None,
        value=r.value,
        stderr=r.stderr,
        n=r.n,
        result=_result(trial, r).identity,
    )


def _result(trial: Trial, r: Reading) -> Result:
    return Result(checkpoint=_checkpoint(trial, r), task=r.task, metric=r.metric, value=r.value, stderr=r.stderr, n=r.n)
