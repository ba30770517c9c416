"""What a result is worth by itself: the sampling noise of a share."""

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
