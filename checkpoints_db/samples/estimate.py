"""A value with its standard error, from numbers of documents or from clusters of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class Estimate(NamedTuple):
    """A value with its standard error (None where n = 1) and the number of independent documents behind it."""

    value: float
    stderr: float | None
    n: int


def mean(values: ArrayLike, clusters: ArrayLike | None = None) -> Estimate:
    """Mean over answers, with a standard error that knows which answers belong together.

    `values`: shape (n,), n >= 1. `clusters`: shape (n,), a label for each answer (the document it answers, where one
    was asked several times). Left out, every answer is its own cluster, and the standard error is s / sqrt(n), s the
    sample standard deviation (n - 1). With G clusters it is sqrt(G / (G - 1) * sum_g r_g^2) / n, r_g the sum of
    the residuals of cluster g (Miller 2024, "Adding Error Bars to Evals", section 2.2; Cameron & Miller 2015), and
    the `n` of the estimate is G. Raises ValueError when there is no answer.

    >>> mean([1.0, 2.0, 3.0, 4.0])
    Estimate(value=2.5, stderr=0.6454972243679028, n=4)
    >>> mean([0.25])
    Estimate(value=0.25, stderr=None, n=1)
    >>> mean([1.0, 1.0, 0.0, 0.0], clusters=[7, 7, 8, 8])
    Estimate(value=0.5, stderr=0.5, n=2)
    """
    x = np.asarray(values, dtype=float)
    if x.size == 0:
        raise ValueError("a mean needs at least one document")
    value = float(x.mean())
    if clusters is None:  # to the last bit as ever: a result is known by its numbers, and a new rounding is a conflict
        return Estimate(value, float(x.std(ddof=1) / np.sqrt(x.size)) if x.size > 1 else None, int(x.size))
    return Estimate(value, *_spread(x - value, x.size, clusters))


def ratio(totals: ArrayLike, sizes: ArrayLike, clusters: ArrayLike | None = None) -> Estimate:
    """Ratio of sums R = sum t / sum b, with its standard error by the delta method.

    se = sqrt(n / (n - 1) * sum (t_d - R b_d)^2) / sum b (Cochran, Sampling Techniques, 1977, section 6.4); residuals
    are summed within each of `clusters` first, as in `mean`. `totals` (nats) and `sizes` (bytes): shape (n,). The ratio
    of sums, not the mean of ratios: a two-letter answer must not weigh as much as a sentence. Raises ValueError when
    the sizes sum to nothing.

    >>> ratio([-2.0, -4.0], [1, 3])
    Estimate(value=-1.5, stderr=0.25, n=2)
    >>> ratio([-2.0, -4.0], [2, 4])
    Estimate(value=-1.0, stderr=0.0, n=2)
    """
    t, b = np.asarray(totals, dtype=float), np.asarray(sizes, dtype=float)
    whole = float(b.sum())
    if whole <= 0:
        raise ValueError("a ratio needs a positive total size")
    value = float(t.sum()) / whole
    return Estimate(value, *_spread(t - value * b, whole, clusters))


def _spread(residuals: Floats, whole: float, clusters: ArrayLike | None) -> tuple[float | None, int]:
    """Standard error of a sum of `residuals` over `whole`, and the number of clusters."""
    if clusters is not None:
        labels = np.asarray(clusters)
        if labels.shape != residuals.shape:
            raise ValueError(f"{labels.size} cluster labels for {residuals.size} answers")
        if not np.all(labels[1:] > labels[:-1]):  # else each is a cluster of its own, and in order
            _, place = np.unique(labels, return_inverse=True)
            residuals = np.bincount(place, weights=residuals).astype(float)
    n = int(residuals.size)
    if n < 2:
        return None, n
    return float(np.sqrt(n / (n - 1) * np.sum(residuals**2)) / whole), n
