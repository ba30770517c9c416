"""Breaks of known size: the unit of noise, and where they are planted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

Array = npt.NDArray[np.float64]


def spread(quantile: Callable[[Array], Array]) -> float:
    """The predictive standard deviation of a law, in its own units: half of its central 68.3 % interval.

        (q(Phi(1)) - q(Phi(-1))) / 2

    That is sigma for a normal law, and stays a width where tails are heavy or a bound is near (the robust standard
    deviation of NIST/SEMATECH 1.3.5.6).

    >>> from scipy.stats import norm
    >>> round(spread(norm(5, 0.25).ppf), 12)
    0.25
    """
    low, high = quantile(np.asarray(ndtr([-1.0, 1.0]), dtype=float))
    return 0.5 * float(high - low)


def spots(rng: np.random.Generator, offered: npt.NDArray[np.intp], wanted: int) -> npt.NDArray[np.intp]:
    """Where to plant: (place, which) pairs (n, 2), n at most `wanted`, none twice.

    `offered` (p,): how many there are to choose from at each place. Places take turns, so that each has as many as any
    other while it lasts (stratified sampling without replacement, Cochran 1977).

    >>> spots(np.random.default_rng(0), np.array([2, 1, 0]), 5).shape
    (3, 2)
    """
    shuffled = [rng.permutation(n) for n in offered]
    order = rng.permutation(len(offered))
    turns = [(int(i), int(shuffled[i][k])) for k in range(int(offered.max(initial=0))) for i in order if k < offered[i]]
    return np.array(turns[:wanted], dtype=np.intp).reshape(-1, 2)
