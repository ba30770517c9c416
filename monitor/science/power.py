"""What a forecast could see: the smallest break, the items and the extra rung that would make it smaller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from monitor.science.dictionary import Dictionary
from monitor.science.fit import group
from monitor.science.law import Law
from monitor.science.predict import Targets, mixtures
from monitor.science.view import View

Array = npt.NDArray[np.float64]

TAIL = 0.01
"""Probability of each tail that raises a flag."""

MOST_ITEMS = 10_000_000
"""Nobody evaluates more."""

STEPS = 29
"""Numbers of items asked of the engine at once, evenly in logarithm from 1 to MOST_ITEMS."""

PLACES = 7
"""Scales of an extra rung that are tried, evenly in logarithm between the last rung and the target."""

DRAWS = (1 / 6, 0.5, 5 / 6)
"""Levels of the rung's own law that stand for what it may come to, a third of its probability each."""


def smallest_break(median: float, edge: float, better: float, power: float = 0.5, variance: float = 0.0) -> float:
    """The smallest shift of a result that is flagged with probability `power`, in units of the metric; 0 at least.

    `edge`: the quantile of the law on the side of improvement (`better` 1 upwards, -1 downwards) beyond which a result
    is flagged; `variance`: sampling variance of the result about its shifted middle, taken as normal.

        better (edge - median) + ndtri(power) sqrt(variance)

    At a power of a half it is the distance of the edge. Reference: the minimum detectable effect, Bloom 1995.

    >>> round(smallest_break(0.5, 0.6, 1.0, power=0.9, variance=0.02**2), 6)
    0.125631
    """
    shift = better * (edge - median) + float(ndtri(power)) * float(np.sqrt(variance))
    return max(shift, 0.0)


def items_needed(size: float, per_item: float, smallest: Callable[[Array], Array]) -> int | None:
    """The least number of items of a result at which a break of `size` is seen; None: the forecast itself is wider.

    `per_item`: variance of one item, so that a result of n items has per_item / n; `smallest` asks the engine: the
    smallest breaks (q,), in units of the metric, for sampling variances (q,). To two per cent.

    >>> items_needed(0.1, 0.25, lambda v: 0.05 + 2.3 * np.sqrt(v))
    540
    >>> items_needed(0.04, 0.25, lambda v: 0.05 + 2.3 * np.sqrt(v)) is None
    True
    """
    n = np.geomspace(1.0, MOST_ITEMS, STEPS)
    seen = np.minimum.accumulate(smallest(per_item / n))
    if not seen[-1] <= size:
        return None
    first = int(np.argmax(seen <= size))
    if first == 0:
        return 1
    fine = np.geomspace(n[first - 1], n[first], STEPS)
    at = np.minimum.accumulate(smallest(per_item / fine))
    return int(np.ceil(fine[min(int(np.searchsorted(-at, -size)), STEPS - 1)] - 1e-9))


def attempts_needed(rate: float, sure: float = 0.95) -> int:
    """Attempts after which a success of probability `rate` each, in (0, 1], has been seen with probability `sure`.

        ceil(log(1 - sure) / log(1 - rate)), about 3 / rate at 95 %

    The other side of the rule of three (Hanley & Lippman-Hand 1983); PassUntil of Hu et al. 2023 goes on until it has
    one. Raises ValueError for another rate.

    >>> attempts_needed(0.01), attempts_needed(0.5), attempts_needed(1.0)
    (299, 5, 1)
    """
    if not 0 < rate <= 1:
        raise ValueError(f"a rate of {rate:g}; a probability above 0 is needed")
    if rate > sure:
        return 1
    return int(np.ceil(np.log1p(-sure) / np.log1p(-rate) - 1e-9))


class ExtraRung(NamedTuple):
    """A rung that nobody has evaluated yet, and what it would do for the forecast of one target."""

    way: float
    """How far from the last rung (0) to the target (1) it lies, in logarithm of scale."""
    now: float
    """Smallest break that the forecast sees today, in units of the metric."""
    then: float
    """The same with this rung, on average over what it may come to."""


def extra_rung(
    seen: View, dictionary: Dictionary, target: Targets, enough: float | None = None, tail: float = TAIL
) -> ExtraRung:
    """The smallest rung between the last one and one `target` that would let a break of `enough` be seen; where none
    would, or none is asked for, the rung that narrows the law of the target most.

    The engine is asked: at each of PLACES scales a rung is added with the sampling noise of the last one, at the
    DRAWS levels of its own law, and the target is forecast again (expected value of sample information, Raiffa &
    Schlaifer 1961). Raises LinAlgError where a ladder cannot be fitted.

    >>> from monitor.science.dictionary import Category, full
    >>> from monitor.science.view import Ladder, view
    >>> cost = np.exp(np.arange(5.0))
    >>> ladder = Ladder(cost[:, None], cost, np.array([0.3, 0.36, 0.39, 0.46, 0.5]), np.full(5, 1e-4), 0.0, 1.0)
    >>> at = Targets(np.array([[2.0]]), np.array([2.0]), np.array([[1e-4]]))
    >>> told = [extra_rung(view(ladder), full(Category("score", 1, False)), at, enough) for enough in (0.2, 0.1)]
    >>> [(rung.way, round(rung.now, 2), round(rung.then, 2)) for rung in told]
    [(0.125, 0.22, 0.19), (0.625, 0.22, 0.1)]
    """
    ways = np.arange(1, PLACES + 1) / (PLACES + 1)
    noise = float(seen.variance[-1])
    rungs = Targets(ways[:, None] * target.u, ways * target.c, np.full((1, PLACES), noise))
    now = float(np.mean(_smallest([seen], dictionary, target, tail)))
    z = [seen.forward(law.quantile(np.array(DRAWS))) for law in _laws([seen], dictionary, rungs)[0]]
    then = []
    for i in range(PLACES):
        fair = np.where(np.isfinite(z[i]), z[i], seen.z.min())
        longer = [_with(seen, rungs.u[i], float(rungs.c[i]), float(v), noise) for v in fair]
        nearer = Targets(target.u - rungs.u[i], target.c - rungs.c[i], target.variance)
        then.append(float(np.mean(_smallest(longer, dictionary, nearer, tail))))
    fit = [] if enough is None else [i for i in range(PLACES) if then[i] <= enough]
    best = fit[0] if fit else int(np.argmin(then))
    return ExtraRung(float(ways[best]), now, then[best])


def _with(seen: View, u: Array, c: float, z: float, variance: float) -> View:
    return replace(
        seen,
        u=np.concatenate([seen.u, u[None]]) - u,
        c=np.append(seen.c, c) - c,
        z=np.append(seen.z, z),
        variance=np.append(seen.variance, variance),
        count=np.append(seen.count, 1.0),
    )


def _laws(views: list[View], dictionary: Dictionary, at: Targets) -> list[list[Law]]:
    # Views of one grid, as `suite.laws` has each.
    mixed = mixtures(group(views, dictionary), views[0].better, at)
    return [
        [Law(v, mixed.weight[b, j], mixed.mean[b, j], mixed.scale[b, j]) for j in range(at.c.size)]
        for b, v in enumerate(views)
    ]


def _smallest(views: list[View], dictionary: Dictionary, target: Targets, tail: float) -> list[float]:
    out = []
    for (law,) in _laws(views, dictionary, target):
        low, middle, high = (float(q) for q in law.quantile(np.array([tail, 0.5, 1 - tail])))
        better = law.seen.better
        out.append(smallest_break(middle, high if better > 0 else low, better))
    return out
