"""Suites on trend by construction, with breaks planted: ladders of correlated tasks under the engine's own laws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, stdtr

from monitor.prior import shipped
from monitor.science.fit import group
from monitor.science.law import DOF
from monitor.science.predict import Targets, mixtures
from monitor.science.transforms import binomial_variance
from monitor.science.view import Ladder, view

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

STEP = float(np.log(4.0))
"""Nats of FLOP between neighbouring rungs."""

ITEMS = 1000
SCATTER = 0.012
"""Typical scatter of a rung about its trend, in nats of a loss and as a share of a score's range."""


@dataclass(frozen=True)
class Made:
    """Values (suites, tasks, rungs); the first half of the tasks are losses, the others scores of ITEMS items."""

    value: Array
    scatter: Array
    """(suites, tasks): standard deviation of one result about its trend, in nats or shares."""

    @property
    def losses(self) -> int:
        """Number of tasks that are losses."""
        return self.value.shape[1] // 2


def made(rng: np.random.Generator, suites: int, tasks: int, rungs: int, rho: float, lift: Array | None = None) -> Made:
    """Ladders on trend; every pair of tasks of a rung has scatter of correlation `rho`.

    `lift` (suites, tasks, rungs), in standard deviations of a result toward capability, is added to what was on trend.
    """
    x = STEP * np.arange(rungs)
    shape = (suites, tasks)
    scatter = SCATTER * np.exp(0.4 * rng.standard_normal(shape))
    common = np.sqrt(rho) * rng.standard_normal((suites, 1, rungs))
    e = common + np.sqrt(1 - rho) * rng.standard_normal((*shape, rungs))
    half = tasks // 2
    n_loss, n_score = (suites, half), (suites, tasks - half)
    floor, gain = rng.uniform(0.3, 2.0, n_loss), rng.uniform(0.5, 3.0, n_loss)
    decay = rng.uniform(0.05, 0.2, n_loss)
    loss = np.log(floor[..., None] + gain[..., None] * np.exp(-decay[..., None] * x))
    score = expit(rng.uniform(-1.5, 0.5, n_score)[..., None] + rng.uniform(0.05, 0.35, n_score)[..., None] * x)
    size = np.concatenate(
        [scatter[:, :half], np.sqrt(scatter[:, half:] ** 2 + (score * (1 - score)).mean(-1) / ITEMS)], 1
    )
    up = np.zeros((*shape, rungs)) if lift is None else lift
    loss = np.exp(loss - size[:, :half, None] * (e[:, :half] + up[:, :half]))
    # What scatters by sampling is its own; only the rest is shared by the tasks of a rung.
    share = score + scatter[:, half:, None] * e[:, half:]
    drawn = rng.binomial(ITEMS, np.clip(share, 0, 1)) / ITEMS
    score = np.clip(np.round((drawn + size[:, half:, None] * up[:, half:]) * ITEMS) / ITEMS, 0, 1)
    return Made(np.concatenate([loss, score], axis=1), size)


def planted(suite: Made, tasks: Indices, rung: int, size: float) -> Made:
    """The suite with `tasks` moved at `rung` by `size` standard deviations of a result toward capability."""
    value = suite.value.copy()
    loss, score = tasks[tasks < suite.losses], tasks[tasks >= suite.losses]
    value[:, loss, rung] *= np.exp(-size * suite.scatter[:, loss])
    value[:, score, rung] = np.clip(
        np.round((value[:, score, rung] + size * suite.scatter[:, score]) * ITEMS) / ITEMS, 0, 1
    )
    return Made(value, suite.scatter)


def tails(suite: Made, seen: int, tasks: Indices | None = None) -> Array:
    """P(a result at least as capable) of rung `seen` under the laws from the rungs before it, (suites, tasks)."""
    chosen = np.arange(suite.value.shape[1]) if tasks is None else tasks
    out = np.empty((suite.value.shape[0], chosen.size))
    for score in (False, True):
        at = np.flatnonzero((chosen >= suite.losses) == score)
        if at.size:
            own = suite.value[:, chosen[at]]
            found = _tails(own.reshape(-1, own.shape[-1]), seen, score=score)
            out[:, at] = found.reshape(-1, at.size)
    return out


def _tails(value: Array, seen: int, *, score: bool) -> Array:
    cost = np.exp(STEP * np.arange(seen))
    views = []
    for y in value[:, :seen]:
        noise = np.asarray(binomial_variance(y, np.full(seen, float(ITEMS)))) if score else np.full(seen, np.nan)
        bounds = {"lower": 0.0, "upper": 1.0} if score else {"lower": 0.0, "upper": None}
        views.append(view(Ladder(scale=cost[:, None], cost=cost, value=y, noise=noise, falls=not score, **bounds)))
    out = np.empty(len(views))
    dictionary = shipped().of(views[0].category)
    at = Targets(np.array([[STEP]]), np.array([STEP]), np.array([[v.variance[-1]] for v in views]))
    mixed = mixtures(group(views, dictionary), views[0].better, at)
    z = np.array([float(v.forward(np.array([y]))[0]) for v, y in zip(views, value[:, seen], strict=True)])
    t = (z[:, None] - mixed.mean[:, 0]) / mixed.scale[:, 0]
    weight = mixed.weight[:, 0] / mixed.weight[:, 0].sum(axis=1, keepdims=True)
    out = (weight * stdtr(DOF[views[0].category.link], t if not score else -t)).sum(axis=1)
    return np.asarray(np.clip(out, 1e-300, 1.0), dtype=float)
