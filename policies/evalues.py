"""Evidence that may be averaged over tests that depend on each other: e-values, added up over looks, and 1 / p."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

SMALLEST = 1e-300
"""P-values below this count as this."""


def calibrated(p: float) -> float:
    """The e-value of a p-value: the mean of kappa p^(kappa - 1) over kappa in (0, 1) (Vovk & Wang 2021, eq. 2).

    (1 - p + p log p) / (p log(p)^2), 1/2 at p = 1. Under the null hypothesis its expectation is at most 1, so 1 / e
    is a p-value again.

    >>> round(calibrated(0.001), 2), round(calibrated(1.0), 2)
    (20.79, 0.5)
    """
    x = -math.log(min(max(p, SMALLEST), 1.0))
    return 0.5 + x / 6 if x < 1e-4 else (math.expm1(x) - x) / (x * x)


def weight(look: int) -> float:
    """Share of a run's budget that belongs to its `look`th look, 1 / (k (k + 1)): together 1, however many come.

    >>> [round(weight(k), 3) for k in (1, 2, 3)]
    [0.5, 0.167, 0.083]
    """
    return 1.0 / (look * (look + 1))


def added_up(past: Sequence[float], now: float) -> float:
    """The evidence of one test over the looks of a run, oldest first: the sum of weight * e.

    It only grows, and its expectation is at most 1 under the null hypothesis whatever the dependence of the looks (a
    product would need each look to be forecast given the ones before): stopping at any look costs nothing.

    >>> round(added_up([30.0], 60.0), 9)
    25.0
    """
    return sum(weight(k) * e for k, e in enumerate([*past, now], start=1))


def averaged(evidence: Sequence[float]) -> list[float]:
    """Adjusted e-values of single tests: the smallest mean of any group that a test belongs to, in the order given.

    Closed testing by the arithmetic mean, valid under any dependence (Vovk & Wang 2021, algorithm 1). A test may be
    named where its adjusted e-value is at least 1 / share.

    >>> averaged([40.0, 1.0, 1.0])
    [14.0, 1.0, 1.0]
    """
    order = sorted(range(len(evidence)), key=lambda i: evidence[i])
    adjusted = [0.0] * len(evidence)
    below, count, at = 0.0, 0, 0
    for i in order:
        # Tests whose e is under the mean pull it down; the mean only grows along the order, so the group does too.
        e = evidence[i]
        while at < len(order) and evidence[order[at]] < (below + e) / (count + 1):
            below, count, at = below + evidence[order[at]], count + 1, at + 1
        adjusted[i] = (below + e) / (count + 1)
    return adjusted


TAIL = (
    (0.5, 0.57563),
    (0.2, 3.38429),
    (0.1, 7.12868),
    (0.05, 14.0048),
    (0.02, 33.7322),
    (0.01, 66.0205),
    (0.001, 640.459),
)
"""(share, the value that a standard Landau law exceeds with it); beyond the last 2 / (pi share)."""

ROOM = 1.3
"""The limit of the mean of 1 / p is for independent tests; times this it serves dependent ones.

At a share of 5 %, exact laws of correlation 0, .1, .3, .6, .9 alarm in 3.6, 3.8, 4.0, 3.9, 3.3 % of suites of 10 tests,
3.8, 4.0, 5.1, 4.1, 2.9 % of 100, 3.6, 5.1, 5.4, 4.0, 2.6 % of 1000; Holm's are 4.8 to 1.6, 4.8 to 0.5, 4.9 to 0.05 %.
"""


def harmonic_limit(tests: int, share: float) -> float:
    """What the mean of 1 / p of `tests` tests on trend exceeds with a probability of about `share`, at most.

    ROOM * (log tests + 0.874 + pi / 2 * Landau quantile): 1 / p has a Pareto law of index 1, and its mean the stable
    law of index 1 (the harmonic mean p-value, Wilson 2019, eq. 4).

    >>> [round(harmonic_limit(n, 0.05), 1) for n in (1, 10, 1000)]
    [29.7, 32.7, 38.7]
    """
    return ROOM * (math.log(tests) + 0.874 + 0.5 * math.pi * _landau(share))


def _landau(share: float) -> float:
    if share <= TAIL[-1][0]:
        return 2 / (math.pi * share)
    for (high, left), (low, right) in itertools.pairwise(TAIL):
        if share >= low:
            way = math.log(min(share, high) / high) / math.log(low / high)
            return left * math.exp(way * math.log(right / left))
    return TAIL[-1][1]
