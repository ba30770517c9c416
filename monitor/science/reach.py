"""The probability that a metric reaches a level anywhere on the way to a larger scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from monitor.science.blend import Blend

Array = npt.NDArray[np.float64]


class Crossing(NamedTuple):
    """How probable it is that a level is reached on a path, and at its most probable single place."""

    anywhere: float
    somewhere: float
    """The largest of the single probabilities: never above `anywhere`."""
    at: int
    """Index of the place it is of."""


def crossing(path: Sequence[Blend], level: float, *, above: bool) -> Crossing:
    """P(a result at `level` or beyond, somewhere on the path); `above`: beyond is upward.

    sum over k of w_k max over j of P_k(Y_j beyond level): every law of the path is a mixture of the same components k
    (one shape, slope and noise each, with one weight at all scales), which holds along the whole path. Within one of
    them, results at different scales are taken to be as dependent as can be (comonotone): the largest of its
    probabilities is that of any. More places or independent noise could only raise it, so it is a lower bound, and
    never below the largest single probability, `somewhere`. Raises ValueError for a path without places.

    >>> from monitor.science.blend import Blend
    >>> crossing([], 0.5, above=True)
    Traceback (most recent call last):
    ValueError: a path needs a place
    """
    if not path:
        raise ValueError("a path needs a place")
    single = np.array([float(law.sf(level) if above else law.cdf(level)) for law in path])
    upward = above if path[0].mirror is None else not above
    value = level if path[0].mirror is None else path[0].mirror - level
    total = 0.0
    for i, (share, first) in enumerate(path[0].parts):
        tails = np.stack([law.parts[i][1].tails(value, below=not upward) for law in path])
        total += share * float(tails.max(axis=0) @ (first.weight / first.weight.sum()))
    most = float(single.max())
    return Crossing(min(max(total, most, 0.0), 1.0), min(max(most, 0.0), 1.0), int(single.argmax()))
