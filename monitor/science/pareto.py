"""Which of several choices nobody would leave for another, whatever weighs how much."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def front(costs: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Whether each choice is on the Pareto front: no other costs at most as much in everything and less in something.

    `costs` (n, k), smaller is better; exact comparisons. Choices with equal costs in everything are on it together or
    not at all. Raises ValueError where a cost is no number. Reference: Pareto, Manuale (1906); all pairs are compared,
    n^2 k.

    >>> front([[1, 4], [2, 2], [2, 2], [3, 2], [4, 1]]).tolist()
    [True, True, True, False, True]
    """
    c = np.asarray(costs, dtype=float)
    if np.isnan(c).any():
        raise ValueError("a cost that is not a number cannot be compared; leave that choice out")
    no_worse = (c[:, None] <= c[None]).all(axis=2)  # [i, j]: i costs at most as much as j in everything
    better = no_worse & (c[:, None] < c[None]).any(axis=2)
    return np.asarray(~better.any(axis=0), dtype=bool)
