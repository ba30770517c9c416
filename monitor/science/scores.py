"""How good a predictive law was: PIT, CRPS, interval score, coverage, skill."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class Law(Protocol):
    """What a predictive law offers."""

    def quantile(self, p: npt.ArrayLike) -> Array:
        """Quantiles at `p`."""

    def cdf(self, y: npt.ArrayLike) -> Array:
        """P(Y <= y)."""

    def sf(self, y: npt.ArrayLike) -> Array:
        """P(Y >= y)."""


def pit(law: Law, y: float) -> float:
    """Probability integral transform, uniform on [0, 1] for a calibrated law; the middle of the jump at a point
    mass."""
    return 0.5 * (float(law.cdf(y)) + 1.0 - float(law.sf(y)))


_CUTS = np.array([0.02, 0.15, 0.5, 0.85, 0.98])
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(6)


def crps_levels(levels: int = 199) -> Array:
    """Levels of the quantiles that `crps` integrates between, shape (7,)."""
    return np.array([0.5 / levels, 1 - 0.5 / levels, *_CUTS])


def crps(law: Law, y: float, levels: int = 199, known: Array | None = None) -> float:
    """Continuous ranked probability score, in units of the metric; lower is better.

    The integral of (F(x) - [x >= y])^2 over x (Gneiting & Raftery 2007, eq. 20), by Gauss-Legendre between quantiles of
    F and `y`. What lies beyond the quantiles 0.5 / levels and 1 - 0.5 / levels is moved onto them: the logarithm of a
    loss has a Student-t law, and its score without that would be infinite. `known`: the quantiles at `crps_levels`,
    where they were asked for with others.

    >>> from scipy.stats import norm
    >>> class Normal:
    ...     quantile, cdf, sf = norm.ppf, norm.cdf, norm.sf
    >>> round(crps(Normal, 0.0), 4)  # (sqrt(2) - 1) / sqrt(pi) = 0.2337
    0.2337
    """
    q = law.quantile(crps_levels(levels)) if known is None else known
    low, high = float(q[0]), float(q[1])
    cuts = np.unique(np.clip(np.append(q, y), low, high))
    half = 0.5 * np.diff(cuts)
    x = (cuts[:-1] + half)[:, None] + half[:, None] * _NODES
    # Where a law has a quicker distribution function it is precise enough to be squared and added up.
    below = getattr(law, "rough", law.cdf)
    over = (below(x.ravel()).reshape(x.shape) - (x >= y)) ** 2
    return float((half * (over @ _WEIGHTS)).sum()) + max(low - y, 0.0) + max(y - high, 0.0)


def interval_score(lower: float, upper: float, y: float, alpha: float) -> float:
    """Width plus 2 / alpha times the miss, for a central 1 - alpha interval (Gneiting & Raftery 2007, eq. 43).

    >>> interval_score(0.0, 1.0, 1.5, 0.2)
    6.0
    """
    return (upper - lower) + 2 / alpha * (max(lower - y, 0.0) + max(y - upper, 0.0))


def inside(pits: Array, share: float) -> float:
    """Share of PIT values inside the central interval of probability `share`.

    >>> inside(np.array([0.05, 0.5, 0.9, 0.95]), 0.8)
    0.5
    """
    half = (1 - share) / 2
    return float(np.mean((pits >= half) & (pits <= 1 - half + 1e-12)))


def skill(miss: Array, miss_persistence: Array) -> float | None:
    """1 - mean absolute error / that of persistence; None where persistence never missed.

    >>> skill(np.array([1.0, 1.0]), np.array([2.0, 2.0]))
    0.5
    """
    base = float(np.mean(miss_persistence)) if miss_persistence.size else 0.0
    return 1 - float(np.mean(miss)) / base if base > 0 else None
