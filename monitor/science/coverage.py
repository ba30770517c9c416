"""What a share of hits says of the probability behind it: limits that know how many results there were, and of whom."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

Array = npt.NDArray[np.float64]


def exact_limits(hits: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Limits of a probability after `hits` of `n` independent trials, with coverage of at least `level`.

    Quantiles of Beta(hits, n - hits + 1) and Beta(hits + 1, n - hits) (Clopper & Pearson 1934); `n` need not be whole.
    Without a trial the limits are 0 and 1. Raises ValueError where `hits` is not between 0 and `n`.

    >>> low, high = exact_limits(8, 10)
    >>> round(low, 4), round(high, 4)
    (0.4439, 0.9748)
    """
    if not 0 <= hits <= n:
        raise ValueError(f"{hits:g} hits of {n:g} trials; hits lie between 0 and the number of trials")
    half = (1 - level) / 2
    low = float(betaincinv(hits, n - hits + 1, half)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, n - hits, 1 - half)) if hits < n else 1.0
    return low, high


def effective(hits: Array, n: Array) -> float:
    """How many independent trials the clusters are worth: `hits` (k,) of `n` (k,) trials in each of k clusters.

    n / deff, deff = variance of the pooled share between clusters, k / (k - 1) sum (hits - p n)^2 / (sum n)^2, over
    p (1 - p) / sum n, and at least 1 (Korn & Graubard 1998). Results of one run rise and fall together: one cluster is
    worth one trial, and where all or none hit, k clusters are worth k.

    >>> effective(np.array([8.0, 8.0]), np.array([10.0, 10.0]))  # alike: 20 trials
    20.0
    >>> effective(np.array([10.0, 0.0]), np.array([10.0, 10.0]))  # each all or nothing: one run, one trial
    1.0
    """
    sizes = n[n > 0]
    total, k = float(sizes.sum()), sizes.size
    if not total:
        return 0.0
    p = float(hits.sum()) / total
    own = p * (1 - p) / total
    if k < 2 or own <= 0:
        return float(k)
    between = k / (k - 1) * float(((hits - p * n) ** 2).sum()) / total**2
    return total / max(1.0, between / own)


def limits(hits: Array, n: Array, level: float = 0.95) -> tuple[float, float]:
    """Limits of a probability after `hits` (k,) of `n` (k,) trials in k clusters: exact ones at the effective number.

    >>> low, high = limits(np.array([10.0]), np.array([10.0]))  # ten results of one run are one draw
    >>> round(low, 3), high
    (0.025, 1.0)
    """
    total = float(n.sum())
    worth = effective(hits, n)
    share = float(hits.sum()) / total if total else 0.0
    return exact_limits(share * worth, worth, level)
