"""A plain long table -> trials: the smaller rungs of a series, and the larger ones that have to be forecast."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers.table import Table
from checkpoints_db.records import Metric, Reading
from checkpoints_db.series import spans_plane
from monitor.science.suite import Question
from monitor.science.transforms import binomial_variance
from monitor.science.view import Ladder

Array = npt.NDArray[np.float64]

LARGEST = 1e100
"""No metric is larger; squares of what is would overflow."""


@dataclass(frozen=True)
class Trial:
    """One series of one table, rows in order of scale. Nothing of a target but its scale and number of items is used
    to forecast it: a standard error would tell the value, sqrt(p (1 - p) / n) as it is."""

    table: str
    family: str
    task: str
    metric: Metric
    axes: tuple[str, ...]
    """("params", "tokens"), or one of params, tokens, flop; empty where no scale is known of every row."""
    train: tuple[Reading, ...]
    targets: tuple[Reading, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        """Family, task and metric."""
        return self.family, self.task, self.metric.name

    @property
    def value(self) -> Array:
        """(n,): training values."""
        return np.array([r.value for r in self.train])

    @property
    def observed(self) -> Array:
        """(m,): what came."""
        return np.array([r.value for r in self.targets])

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """Range of the metric."""
        return self.metric.lower, self.metric.upper

    @property
    def costs(self) -> tuple[Array, Array]:
        """Of the training rows (n,) and of the targets (m,), on one scale."""
        cost = _cost((*self.train, *self.targets))
        return cost[: len(self.train)], cost[len(self.train) :]

    @property
    def question(self) -> Question | None:
        """The ladder of the training rows and the scales of the targets; None without a row or without a scale."""
        if not self.train or not self.axes:
            return None
        cost, to = self.costs
        noise = np.array([_variance(r) for r in self.train])
        ladder = Ladder(
            scale=_scale(self.train, self.axes),
            cost=cost,
            value=self.value,
            noise=noise,
            lower=self.metric.lower,
            upper=self.metric.upper,
            falls=self.metric.direction == "lower",
        )
        return Question(ladder, _scale(self.targets, self.axes), to, self._noise_to_come(noise))

    def _noise_to_come(self, noise: Array) -> Array:
        # That of the last rung, for as many items as the target has; where either is unknown, the ladder's own.
        n = self.train[-1].n
        return np.array([np.nan if n is None or t.n is None or t.n == n else noise[-1] * n / t.n for t in self.targets])


def read(path: Path) -> list[Trial]:
    """Every series of a table that has something to forecast or to learn from, in order of its name.

    Raises EvidenceError (file, line and column) where the table cannot be read, has a row without role, or no target.
    """
    groups: dict[tuple[str, str, str], list[Reading]] = defaultdict(list)
    for r in Table().read(path).readings:
        what = f"{r.task} · {r.metric.name} of {r.model}"
        if r.role is None:
            raise UnreadableFile(str(path), "column role", f"{what} has none; write train or target in every row")
        if max(abs(r.value), r.stderr or 0.0) > LARGEST:
            why = f"{what} has a value or stderr beyond {LARGEST:g}; look for a broken evaluation"
            raise UnreadableFile(str(path), "column value", why)
        groups[r.family or "", r.task, r.metric.name].append(r)
    trials = [_trial(path.name, key, rows) for key, rows in sorted(groups.items())]
    if not any(t.targets for t in trials):
        why = "no row is a target; give the larger rungs the role target, and they are forecast from the others"
        raise UnreadableFile(str(path), "column role", why)
    return trials


def _trial(table: str, key: tuple[str, str, str], rows: Sequence[Reading]) -> Trial:
    rows = sorted(rows, key=_place)
    cost = _cost(rows)
    # Stable: rows of equal cost stay in order of place, whatever the order of the file was.
    ordered = [rows[i] for i in np.argsort(cost, kind="stable")]
    train, targets = (tuple(r for r in ordered if r.role == role) for role in ("train", "target"))
    return Trial(table, key[0], key[1], ordered[0].metric, _axes(rows), train, targets)


def _place(r: Reading) -> tuple[object, ...]:
    date = "" if r.date is None else r.date.isoformat()
    return r.params or 0.0, r.tokens or 0.0, r.flop or 0.0, _run(r), -1 if r.step is None else r.step, date, r.model


def _run(r: Reading) -> str:
    return r.run or r.model


def _known(rows: Sequence[Reading], axis: str) -> bool:
    return bool(rows) and all(getattr(r, axis) is not None for r in rows)


def _axes(rows: Sequence[Reading]) -> tuple[str, ...]:
    known = [axis for axis in ("params", "tokens", "flop") if _known(rows, axis)]
    varies = {axis for axis in known if len({getattr(r, axis) for r in rows}) > 1}
    plane = ("params", "tokens")
    if varies.issuperset(plane) and spans_plane([(r.params or 0.0, r.tokens or 0.0) for r in rows]):
        return plane
    return tuple([axis for axis in ("tokens", "flop", "params") if axis in varies] or known)[:1]


def _scale(rows: Sequence[Reading], axes: Sequence[str]) -> Array:
    return np.array([[getattr(r, axis) for axis in axes] for r in rows], dtype=float).reshape(len(rows), len(axes))


def _cost(rows: Sequence[Reading]) -> Array:
    axes = ("flop",) if _known(rows, "flop") else tuple(a for a in ("params", "tokens") if _known(rows, a))
    return np.asarray(_scale(rows, axes).prod(axis=1), dtype=float)


def _variance(r: Reading) -> float:
    # Squared standard error: stated, else that of a share of n items; NaN where nothing is known of it.
    if r.stderr:
        return r.stderr**2
    m = r.metric
    if r.n is None or m.kind != "thresholded" or m.lower is None or m.upper is None:
        return float("nan")
    width = m.upper - m.lower
    return float(binomial_variance(np.array((r.value - m.lower) / width), np.array(float(r.n)))) * width**2
