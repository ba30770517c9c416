"""A predictive law as the quantiles it is published by: what can be computed again from these numbers alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

Array = npt.NDArray[np.float64]

LEVELS = (0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.995)
"""Probabilities whose quantiles are published."""

NAMES = tuple(f"{p:g}" for p in LEVELS)

_STEPS = 199
_GRID = (np.arange(_STEPS) + 0.5) / _STEPS


RUNAWAY = 3.9


def held(quantiles: Array) -> Array:
    """Quantiles at LEVELS with the outermost at most RUNAWAY times as far from the median as their neighbours.

    `quantiles` (..., 11 or more): those at LEVELS come first.

    The exponential of a log law can put 99.5 % a thousand times beyond 97.5 %, which says nothing of the metric.

    >>> held(np.array([0.0, 0, 0, 0, 0, 1, 2, 2, 2, 3, 1000])).max()
    np.float64(8.8)
    """
    q = np.array(quantiles, dtype=float)
    middle = q[..., 5]
    q[..., 0] = np.maximum(q[..., 0], middle - RUNAWAY * (middle - q[..., 1]))
    q[..., 10] = np.minimum(q[..., 10], middle + RUNAWAY * (q[..., 9] - middle))
    return q


def quantile(levels: Array, quantiles: Array, p: Array) -> Array:
    """The quantile function at `p`: linear between `levels` in normal scores, beyond them along the last piece.

    >>> quantile(ndtr(np.array([-1.0, 0.0, 1.0])), np.array([-1.0, 0.0, 1.0]), ndtr(np.array([0.5, 2.0]))).round(9)
    array([0.5, 2. ])
    """
    at, z = ndtri(levels), ndtri(p)
    inner = np.interp(z, at, quantiles)
    first = (quantiles[1] - quantiles[0]) / (at[1] - at[0])
    last = (quantiles[-1] - quantiles[-2]) / (at[-1] - at[-2])
    inner = np.where(z < at[0], quantiles[0] + (z - at[0]) * first, inner)
    return np.asarray(np.where(z > at[-1], quantiles[-1] + (z - at[-1]) * last, inner), dtype=float)


def crps(quantiles: Array, y: float) -> float:
    """Continuous ranked probability score of `y` from the quantiles at LEVELS, in units of the metric.

    Twice the mean pinball loss on 199 equal steps of the quantile function (Gneiting & Raftery 2007, section 4.2).

    >>> round(crps(ndtri(np.array(LEVELS)), 0.0), 3)  # standard normal: (sqrt(2) - 1) / sqrt(pi) = 0.234
    0.234
    """
    q = quantile(np.array(LEVELS), quantiles, _GRID)
    return float(2 * np.mean(np.maximum(_GRID * (y - q), (_GRID - 1) * (y - q))))


def tails(levels: Array, quantiles: Array, y: float) -> tuple[float, float]:
    """(P(Y <= y), P(Y >= y)) by inverting the quantile function; quantiles that are equal are a point mass there.

    >>> below, above = tails(np.array(LEVELS), ndtri(np.array(LEVELS)), 3.0)
    >>> round(below, 6), round(above, 6)
    (0.99865, 0.00135)
    """
    z = ndtri(levels)
    return float(ndtr(_score(z, quantiles, y))), float(ndtr(_score(-z[::-1], -quantiles[::-1], -y)))


def _score(z: Array, q: Array, y: float) -> float:
    # The largest normal score whose quantile is at most y.
    k = int(np.searchsorted(q, y, side="right"))
    i = min(max(k, 1), q.size - 1)
    rise = q[i] - q[i - 1]
    if rise <= 0:  # a point mass at the end of the range: y has all of it below, or none
        return np.inf if y >= q[i] else -np.inf
    return float(z[i - 1] + (y - q[i - 1]) * (z[i] - z[i - 1]) / rise)
