"""Hints that single items were seen in training: likelihoods, order and new right answers beside the ladder's own.

Every test asks what the ladder itself never did before, and states how often it speaks by chance. None can tell a leak
from a lesson: they are hints, named with their items.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, pdtrc

Array = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]

LEVEL = 0.01
"""How often each test may speak by chance, for one checkpoint."""
FAR = 5.0
"""Robust standard deviations from which on a step of one item is a jump."""
LEAST = 1.0
"""Nats that a jump has at least."""
FEW = 0.25
"""A larger share of the items is no few: that is a lesson, or the whole task."""
WORSE = 3.0
"""By how much the rate of jumps may exceed the ladder's worst before it is a surprise."""
FEWEST = 40
"""Items below which nothing is said."""
GROUPS = 8
"""Groups of items of like likelihood; each has its own typical step and spread."""


class Hint(NamedTuple):
    """What one test says of a checkpoint."""

    found: bool
    chance: float
    """Probability of a hint at least as strong by chance alone, as the test computes it."""
    items: npt.NDArray[np.intp]
    """The items behind it, the strongest first."""
    numbers: dict[str, float]


def steps(rungs: Array) -> Array:
    """How far each item moved at each step of a ladder, in robust standard deviations of items of like likelihood.

    `rungs`: (R, n) log-likelihoods in nats, smallest rung first -> (R - 1, n). At each step items are grouped by their
    likelihood before it (GROUPS groups by rank); the median step of a group is taken off, and the rest divided by
    1.4826 times its median absolute deviation, at least a tenth of a nat.

    >>> moved = steps(np.array([[-2.0, -2.0, -2.0, -2.0, -2.0], [-1.0, -1.0, -1.0, -1.0, 0.0]]))
    >>> moved.round(3).tolist()
    [[0.0, 0.0, 0.0, 0.0, 10.0]]
    """
    before, after = rungs[:-1], rungs[1:]
    moved = after - before
    n = rungs.shape[1]
    groups = max(1, min(GROUPS, n // 25))
    order = np.argsort(before, axis=1, kind="stable")
    scaled = np.empty_like(moved)
    for part in np.array_split(np.arange(n), groups):  # a fixed number of groups, not of items
        place = order[:, part]
        inside = np.take_along_axis(moved, place, axis=1)
        inside = inside - np.median(inside, axis=1, keepdims=True)
        spread = 1.4826 * np.median(np.abs(inside), axis=1, keepdims=True)
        np.put_along_axis(scaled, place, inside / np.maximum(spread, 0.1), axis=1)
    return scaled


def jumps(rungs: Array, level: float = LEVEL) -> Hint:
    """Whether few items jumped at the last step, and more of them than ever on this ladder.

    `rungs`: (R, n) log-likelihoods, the checkpoint last, R >= 3. A jump is a step of FAR robust deviations and LEAST
    nats. The rate expected is the largest of: jumps up at any earlier step, falls as far at this one; the number is
    Poisson with WORSE times that rate, plus one. `chance` is its upper tail, and a hint needs `level` / 10 of it, at
    least three items, and no more than FEW of them all: where most items move, a lesson was learnt.
    """
    if rungs.shape[0] < 3 or rungs.shape[1] < FEWEST:
        return _nothing()
    scaled, raw, n = steps(rungs), np.diff(rungs, axis=0), rungs.shape[1]
    up = (scaled >= FAR) & (raw >= LEAST)
    down = (scaled <= -FAR) & (raw <= -LEAST)
    count, usual = int(up[-1].sum()), float(max(up[:-1].sum(1).max(), down[-1].sum()))
    chance = float(pdtrc(count - 1, WORSE * usual + 1.0)) if count else 1.0
    found = chance < level / 10 and 3 <= count <= FEW * n
    mine = np.flatnonzero(up[-1])
    numbers = {"jumped": float(count), "share": count / n, "usual": usual}
    return Hint(found, chance, mine[np.argsort(-raw[-1][mine], kind="stable")], numbers)


def order_effect(rungs: Array, place: npt.ArrayLike, level: float = LEVEL) -> Hint:
    """Whether the last step went with the place of the items in the file: a canonical order that was learnt.

    `rungs`: (R, n), the checkpoint last, R >= 3; `place`: (n,) their order. Items that were not seen in this order are
    exchangeable (Oren et al. 2023, "Proving Test Set Contamination in Black Box Language Models"; they permute the
    prompt, a log has one order, so it is the steps that are compared). Spearman's rank correlation of the scaled step
    with the place, z = rho sqrt(n - 1), two-sided; it must also exceed every earlier step's, since a file may be sorted
    by difficulty, and 0.1.
    """
    if rungs.shape[0] < 3 or rungs.shape[1] < FEWEST:
        return _nothing()
    n = rungs.shape[1]
    rho = _spearman(steps(rungs), np.asarray(place, dtype=float))
    chance = float(2 * ndtr(-abs(rho[-1]) * np.sqrt(n - 1)))
    before = float(np.abs(rho[:-1]).max())
    found = chance < level and abs(rho[-1]) > max(before, 0.1)
    ranked = np.argsort(-np.diff(rungs, axis=0)[-1], kind="stable")
    return Hint(found, chance, ranked.astype(np.intp), {"correlation": float(rho[-1]), "before": before})


def unlikely_rise(last: npt.ArrayLike, was: npt.ArrayLike, now: npt.ArrayLike, level: float = LEVEL) -> Hint:
    """Whether the items that became right were the unlikelier ones: ability reaches the likelier first.

    `last`: (n,) log-likelihoods at the largest smaller rung; `was`, `now`: (n,) right there and at the checkpoint, as
    booleans. Mann and Whitney's z of the new right ones against those that stayed wrong, one-sided; ties share ranks.
    Where the two kinds do not differ it speaks in `level` of the cases, and less where ability reaches likelier ones
    first. Needs five of both.

    >>> low_first = unlikely_rise([-9.0] * 10 + [-2.0] * 10, [False] * 20, [True] * 10 + [False] * 10)
    >>> low_first.found, low_first.chance < 1e-4
    (True, True)
    """
    ll, before = np.asarray(last, dtype=float), np.asarray(was, dtype=bool)
    new, still = ~before & np.asarray(now, dtype=bool), ~before & ~np.asarray(now, dtype=bool)
    a, b = int(new.sum()), int(still.sum())
    if min(a, b) < 5:
        return _nothing()
    ranks, ties = _ranks(np.concatenate([ll[new], ll[still]]))
    n = a + b
    spread = a * b / 12 * (n + 1 - float(((ties**3 - ties) / (n * (n - 1))).sum()))
    if spread <= 0:
        return _nothing()
    z = (float(ranks[:a].sum()) - a * (n + 1) / 2 + 0.5) / np.sqrt(spread)  # half a rank for continuity
    chance = float(ndtr(z))
    mine = np.flatnonzero(new)
    numbers = {
        "risen": float(a),
        "median_risen": float(np.median(ll[new])),
        "median_wrong": float(np.median(ll[still])),
    }
    return Hint(chance < level, chance, mine[np.argsort(ll[mine], kind="stable")], numbers)


def _spearman(rows: Array, place: Array) -> Array:
    ranks, order = np.stack([_ranks(row)[0] for row in rows]), _ranks(place)[0]
    a, b = ranks - ranks.mean(1, keepdims=True), order - order.mean()
    size = np.sqrt((a**2).sum(1) * (b**2).sum())
    rho: Array = (a @ b) / np.where(size > 0, size, np.inf)
    return rho


def _ranks(values: Array) -> tuple[Array, Array]:
    """Ranks from 1, ties at their mean, and how many values share each."""
    _, inverse, ties = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(ties) - (ties - 1) / 2)[inverse], ties.astype(float)


def _nothing() -> Hint:
    return Hint(False, 1.0, np.empty(0, dtype=np.intp), {})
