"""What results are worth by themselves: the sampling noise of a share, and how far several lie apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def binomial_variance(share: Array, n: Array) -> Array:
    """Sampling variance of a share of `n` items, p (1 - p) / n at p = (n share + 1) / (n + 2): never 0, not even at
    0 of n.

    >>> binomial_variance(np.array([0.0, 0.5]), np.array([100.0, 100.0])).round(7)
    array([9.71e-05, 2.50e-03])
    """
    p = (n * share + 1) / (n + 2)
    return np.asarray(p * (1 - p) / n, dtype=float)


ROUNDING = 1e-12
"""Values that differ by this part of the largest, or less, are equal: the mean of equal ones need not be theirs."""


def spread(values: Array) -> float:
    """Standard deviation of `values` (n,), n >= 1, in their unit; 0 where they are equal up to ROUNDING.

    >>> spread(np.array([1.0, 3.0])), spread(np.array([0.1, 0.1, 0.1])), bool(np.std([0.1, 0.1, 0.1]) > 0)
    (1.0, 0.0, True)
    """
    sd = float(np.std(values))
    return sd if sd > ROUNDING * float(np.abs(values).max()) else 0.0
