"""What a shape does not explain: white wander, a correlated discrepancy, and what counts of the sampling noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Noise:
    """Covariance of results about their shape: share * stderr^2 + wander^2 (I + ratio^2 K_length)."""

    wander: float
    """Standard deviation of one rung beyond its sampling noise (seed, recipe), in the unit of the dictionary."""
    ratio: float
    """Standard deviation of the correlated discrepancy, in wanders; 0: none."""
    length: float
    """Its correlation length in nats of scale."""
    share: float
    """Share of the sampling variance that differs between rungs: they answer the same items, so part is common."""


def matern(distance: Array, length: float) -> Array:
    """Matérn correlation with smoothness 3/2: (1 + q) exp(-q), q = sqrt(3) d / length.

    Reference: Rasmussen & Williams 2006, eq. 4.17.

    >>> matern(np.array([0.0, 1.0]), 1.0).round(6)
    array([1.      , 0.483358])
    """
    q = np.sqrt(3.0) * distance / length
    return np.asarray((1 + q) * np.exp(-q), dtype=float)


TWICE = 1.5
"""Correlations reach this much further along parameters than along tokens: sizes are few and far apart."""


def correlation(a: Array, b: Array, length: float) -> Array:
    """Correlation of the discrepancy between scales `a` (n, axes) and `b` (m, axes), in nats -> (n, m)."""
    if a.shape[1] == 1:
        return matern(np.abs(a - b.T), length)
    return matern(np.abs(a[:, :1] - b[:, :1].T), TWICE * length) * matern(np.abs(a[:, 1:] - b[:, 1:].T), length)
