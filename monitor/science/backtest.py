"""Rolling origin: hide the largest rungs, forecast them, and learn weights, relative error and width from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtr

from monitor.science.fit import MEMORY, Batch, Ladder, View, batches, components, priors, views
from monitor.science.predict import Component, log_t

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

FIRST_ORIGIN = 2
"""Rungs the first origin sees: two decide a line, so every form has an opinion on the third."""

MOST_ORIGINS = 12

KAPPAS = np.array([0.05, 0.1, 0.2, 0.3, 0.45, 0.7, 1.0])
"""Grid of the relative error of a predicted change."""

TEMPER = 1.0
"""Power of the evidence of the last origin; those further back count less (`_Origin.worth`)."""

PATIENCE = 4.0
"""Past misses widen a forecast as if this many earlier ones had been exactly calibrated."""


@dataclass(frozen=True)
class Record:
    """How past forecasts of a ladder did, one step ahead; each array has one entry per origin from the second on."""

    pit: Array
    miss: Array
    """|median - observed| in units of the metric."""
    miss_persistence: Array
    spread: Array
    """Mean square of the normal scores of the PIT over ALL rungs ahead: 1 where calibrated, more where too sure."""


@dataclass(frozen=True)
class Fitted:
    """The outcome of the engine: components of the predictive law, its calibration, and its track record."""

    components: tuple[Component, ...]
    calibration: float
    record: Record


@dataclass(frozen=True)
class _Origin:
    k: int
    worth: float
    """Weight of what is learnt here: 1 at the last origin, fading with distance from it as the rungs of a fit do."""
    later: Indices
    mean: Array
    variance: Array
    change: Array
    z: Array
    slope: Array
    dof: Array


def learn(rungs: Ladder, kappa_prior: float) -> Fitted:
    """Fit every form, and weigh, widen and calibrate by what the ladder's own history says.

    `kappa_prior` is the expected relative error of a predicted change. Needs at least 3 rungs.
    """
    seen = views(rungs)
    origins = [_origin(seen, k) for k in _origins(rungs.n)]
    log_prior = priors(seen)
    temper = TEMPER * min(1.0, 10 / max(len(origins), 1))
    kappa = _kappa(origins, log_prior, temper, kappa_prior)
    gains = np.array([o.worth * _densities(o, kappa).mean(axis=1) for o in origins])
    running = log_prior + temper * np.cumsum(np.vstack([np.zeros_like(log_prior), gains]), axis=0)
    record = _record(rungs, origins, running, kappa)
    calibration = float(np.sqrt(max(1.0, (PATIENCE + record.spread.sum()) / (PATIENCE + record.spread.size))))
    kept = components(batches(seen, rungs.n), _normalised(running[-1]), kappa)
    return Fitted(tuple(kept), calibration, record)


def _origins(n: int) -> list[int]:
    ks = np.unique(np.linspace(FIRST_ORIGIN, n - 1, min(MOST_ORIGINS, n - FIRST_ORIGIN)).round().astype(int))
    return [int(k) for k in ks]


def _origin(seen: Sequence[View], k: int) -> _Origin:
    n = seen[0].u.size
    later = np.arange(k, n)
    worth = 1 / (1 + (float(seen[0].u[n - 2] - seen[0].u[k - 1]) / MEMORY) ** 2)
    parts = [_ahead(b, later) for b in batches(seen, k)]
    return _Origin(k, worth, later, *(np.concatenate([p[i] for p in parts]) for i in range(6)))


def _ahead(b: Batch, later: Indices) -> tuple[Array, ...]:
    mean, variance, change = b.moments(later)
    variance = variance + b.view.sampling[later][None, :]
    shape = mean.shape
    z = np.broadcast_to(b.view.z[later], shape)
    slope = np.broadcast_to(b.view.link.log_slope_at(b.view.z[later]), shape)
    sign = 1.0 if b.view.link.rising else -1.0
    return mean * sign, variance, change, z * sign, slope, np.full(shape, b.dof)


def _densities(o: _Origin, kappa: float) -> Array:
    scale = np.sqrt(o.variance + (kappa * o.change) ** 2)
    return log_t(o.z, o.mean, scale, o.dof) + o.slope


def _normalised(log_weights: Array) -> Array:
    w = np.exp(log_weights - log_weights.max())
    return np.asarray(w / w.sum(), dtype=float)


def _kappa(origins: Sequence[_Origin], log_prior: Array, temper: float, expected: float) -> float:
    # Posterior mean of kappa^2 on the grid, the forms weighed anew for each kappa; every origin counts once.
    belief = -0.5 * (np.log(KAPPAS / expected) / 0.6) ** 2
    for i, kappa in enumerate(KAPPAS):
        gains = sum((o.worth * _densities(o, float(kappa)).mean(axis=1) for o in origins), np.zeros_like(log_prior))
        belief[i] += np.logaddexp.reduce(log_prior + temper * gains)
    return float(np.sqrt(_normalised(belief) @ KAPPAS**2))


def _record(rungs: Ladder, origins: Sequence[_Origin], running: Array, kappa: float) -> Record:
    pit, miss, stay, spread = [], [], [], []
    for i, o in enumerate(origins):
        if o.k <= FIRST_ORIGIN:
            continue
        w = _normalised(running[i])
        scale = np.sqrt(o.variance + (kappa * o.change) ** 2)
        pits = w @ stdtr(o.dof, (o.z - o.mean) / scale)
        spread.append(float(np.mean(ndtri(np.clip(pits, 1e-6, 1 - 1e-6)) ** 2)))
        observed = float(rungs.y[o.k])
        pit.append(float(pits[0]))
        miss.append(abs(_middle(rungs, o, w) - observed))
        stay.append(abs(float(rungs.y[o.k - 1]) - observed))
    return Record(np.array(pit), np.array(miss), np.array(stay), np.array(spread))


def _middle(rungs: Ladder, o: _Origin, w: Array) -> float:
    # Weighted median of the components' medians: close to the mixture's median, and free of a root search per origin.
    values = np.concatenate(
        [
            view.link.back(o.mean[start : start + size, 0] * (1.0 if view.link.rising else -1.0))
            for view, start, size in _slices(rungs, o.mean.shape[0])
        ]
    )
    order = np.argsort(values, kind="stable")
    return float(values[order][np.searchsorted(np.cumsum(w[order]), 0.5)])


def _slices(rungs: Ladder, atoms: int) -> list[tuple[View, int, int]]:
    seen = views(rungs)
    size = atoms // len(seen)
    return [(view, i * size, size) for i, view in enumerate(seen)]
