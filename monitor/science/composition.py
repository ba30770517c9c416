"""What a composite task may come to, given its parts: independence, the bounds of any dependence, and the excess."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

Array = npt.NDArray[np.float64]


class Bounds(NamedTuple):
    """P(every step succeeds), each of the shape of the leading axes."""

    lower: Array
    """The least that any dependence allows."""
    independent: Array
    upper: Array
    """The most that any dependence allows."""


class Excess(NamedTuple):
    """How far a composite lies from what its parts allow, and how improbable that is by sampling alone."""

    bounds: Bounds
    over_upper: float
    """Tail probability of a composite this far above the upper bound, at most."""
    over_independent: float
    """The same of one this far above independence and the allowance."""
    under_lower: float
    """The same of one this far below the lower bound."""
    detectable: float
    """Smallest excess over the upper bound that is seen at the level, as a share."""


def bounds(share: Array, times: Array) -> Bounds:
    """Chance that a composite succeeds, whose part i is done `times` (k,) times and succeeds with `share` (..., k).

        independent   prod p_i^m_i
        lower, upper  max(0, sum m_i p_i - (sum m_i - 1)) and min p_i, whatever the dependence

    Shares in [0, 1]; NaN stays NaN. Reference: Frechet 1935; the product is the composition of Srivastava et al. 2022.

    >>> told = bounds(np.array([0.9]), np.array([5.0]))
    >>> round(float(told.independent), 3), round(float(told.lower), 3), float(told.upper)
    (0.59, 0.5, 0.9)
    """
    least = (times * share).sum(axis=-1) - (times.sum() - 1)
    return Bounds(np.maximum(least, 0.0), np.prod(share**times, axis=-1), share.min(axis=-1))


def excess(
    observed: float,
    share: Array,
    times: Array,
    variance: Array,
    own: float,
    *,
    allowed: float = 0.0,
    tail: float = 0.01,
) -> Excess:
    """Tail probabilities of a composite `observed`, given its parts `share` (k,), each done `times` (k,) times.

    `variance` (k,) and `own`: squared standard errors of the parts and of the composite; `allowed`: what dependence may
    add to independence before it counts. All shares. One-sided normal tails of

        observed - p_i                      the smallest of k, times k (Bonferroni): a composite needs every part
        observed - prod p_i^m_i - allowed   with the variance sum_i (m_i prod / p_i)^2 v_i (the delta method)
        sum m_i p_i - (sum m_i - 1) - observed

    Parts and composite count as measured apart: common items make the tails too large, never too small.

    >>> told = excess(0.8, np.array([0.7, 0.9]), np.ones(2), np.full(2, 2e-3), 2e-3)
    >>> round(told.over_upper, 3), round(told.over_independent, 3), round(told.detectable, 3)
    (0.114, 0.006, 0.163)
    """
    told, k = bounds(share, times), share.size
    apart = np.sqrt(variance + own)
    over = k * float(ndtr(-(observed - share) / apart).min())
    product = float(told.independent)
    spread = np.sqrt(((_slopes(share, times) ** 2) * variance).sum() + own)
    under = np.sqrt((times**2 * variance).sum() + own)
    least = float((times * share).sum() - (times.sum() - 1))
    return Excess(
        bounds=told,
        over_upper=min(over, 1.0),
        over_independent=float(ndtr(-(observed - product - allowed) / spread)),
        under_lower=float(ndtr(-(least - observed) / under)),
        detectable=float(-ndtri(tail / k) * apart[int(share.argmin())]),
    )


def _slopes(share: Array, times: Array) -> Array:
    # d prod / d p_i, without a division: a part may be 0.
    power = share**times
    others = np.where(np.eye(share.size, dtype=bool), 1.0, power).prod(axis=-1)
    return np.asarray(times * share ** (times - 1) * others, dtype=float)


def wilson(share: Array, variance: Array, level: float) -> tuple[Array, Array]:
    """Interval of a share (...,) that was measured with `variance` (...,), both ends inside [0, 1].

    Wilson's score interval (1927) for the number of items that has this variance, n = p (1 - p) / variance with
    p = (n share + 1) / (n + 2); `level` is its probability, both tails together.

    >>> low, high = wilson(np.array([0.0]), np.array([9.71e-05]), 0.98)
    >>> low.round(4), high.round(4)
    (array([0.]), array([0.0513]))
    """
    n = _items(share, variance)
    z2 = float(ndtri(0.5 + 0.5 * level)) ** 2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return np.clip(middle - half, 0.0, 1.0), np.clip(middle + half, 0.0, 1.0)


def _items(share: Array, variance: Array) -> Array:
    # n = p (1 - p) / variance where p knows n: half a step each time, since at a share of 0 whole ones swing about it.
    n = np.maximum(share * (1 - share), 0.01) / variance
    for _ in range(ROUNDS):
        p = (n * share + 1) / (n + 2)
        n = np.sqrt(n * np.maximum(p * (1 - p) / variance, 1e-300))
    return np.asarray(np.maximum(n, 1.0), dtype=float)


ROUNDS = 60
"""Of a fixed point that comes nearer by half in each."""


def per_step(share: Array, steps: float) -> Array:
    """Success of one of `steps` equal, independent steps from success of the whole, (...,): p = EM^(1/steps).

    Ends of an interval of the whole become ends of the interval of a step, since it rises with it.
    Reference: Schaeffer et al. 2023, section 2, EM = p^L.

    >>> per_step(np.array([0.59049, 0.0]), 5).round(6)
    array([0.9, 0. ])
    """
    return np.asarray(share ** (1 / steps), dtype=float)
