"""The shape of a metric over the sizes of a ladder, from its largest significant rises and falls."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

Array = npt.NDArray[np.float64]
Name = Literal["rising", "sudden", "flat", "inverse", "u_shaped", "peaked", "dip", "unsteady", "degenerate"]

FALSE = 0.01
"""Probability that a flat ladder shows any rise (or any fall) at all, shared by Bonferroni among its pairs of rungs."""

SUDDEN = 0.75
"""Share of the whole gain that is made in the last step of a ladder called sudden."""

AHEAD = 1.5
"""And times what the step's own length, in log scale, would give it: a far rung may gain much at an even pace."""


class Found(NamedTuple):
    """A shape and the rungs that are the evidence, as positions in order of scale."""

    name: Name
    fall: tuple[int, int] | None = None
    """Rungs of the largest fall, where it is significant."""
    fall_sd: float = 0.0
    rise: tuple[int, int] | None = None
    rise_sd: float = 0.0
    last_step: float | None = None
    """Share of the whole gain made in the last step, where there is a gain."""


def shape(x: Array, y: Array, variance: Array) -> Found:
    """The shape of `y` (k,), more is better, at log scales `x` (k,) ascending, squared standard errors `variance` (k,).

    A rise (fall) from rung i to a larger rung j counts where it exceeds ndtri(1 - FALSE / pairs) of its own standard
    errors. Neither: flat, or degenerate where all values are the same; only rises: rising, or sudden; only falls:
    inverse. Both: dip where without one inner rung nothing falls any more, u_shaped where it falls and then rises,
    peaked where it rises and then falls for good, else unsteady. No errors for k >= 2. Reference: Bonferroni 1936; the
    shapes are those of Wei et al. 2022 (U-shapes of inverse scaling).

    >>> x, se = np.arange(5.0), np.full(5, 1e-4)
    >>> [shape(x, np.array(y), se).name for y in ([.1, .2, .3, .4, .5], [.1, .1, .1, .1, .8], [.5, .4, .2, .1, .1])]
    ['rising', 'sudden', 'inverse']
    >>> [shape(x, np.array(y), se).name for y in ([.5, .4, .2, .3, .6], [.1, .3, .2, .4, .5], [0.0] * 5)]
    ['u_shaped', 'dip', 'degenerate']
    """
    if np.ptp(y) == 0:
        return Found("degenerate")
    fall, fall_sd = _largest(-y, variance)
    rise, rise_sd = _largest(y, variance)
    limit = _limit(y.size)
    falls, rises = fall_sd > limit, rise_sd > limit
    gain = float(y[-1] - y[0])
    last = float(y[-1] - y[-2]) / gain if gain > 0 else None
    name = _named(x, y, variance, falls=falls, rises=rises, at=(fall, rise), last=last)
    return Found(name, fall if falls else None, fall_sd, rise if rises else None, rise_sd, last)


def _named(
    x: Array,
    y: Array,
    variance: Array,
    *,
    falls: bool,
    rises: bool,
    at: tuple[tuple[int, int], tuple[int, int]],
    last: float | None,
) -> Name:
    if not falls:
        return _upward(x, last) if rises else "flat"
    if not rises:
        return "inverse"
    if dip_at(y, variance) is not None:
        return "dip"
    (top, bottom), (low, high) = at
    if bottom <= low and top < low:
        return "u_shaped"
    return "peaked" if high <= top and not _recovers(y, variance, bottom) else "unsteady"


def dip_at(y: Array, variance: Array) -> int | None:
    """Position of the one inner rung without which nothing falls any more (the lowest of several), else None."""
    found = [
        i
        for i in range(1, y.size - 1)
        if y[i] < y[i - 1] and _largest(-np.delete(y, i), np.delete(variance, i))[1] <= _limit(y.size)
    ]
    return min(found, key=lambda i: float(y[i] - y[i - 1]), default=None)


def _upward(x: Array, last: float | None) -> Name:
    if last is None or x.size < 3:
        return "rising"
    length = float((x[-1] - x[-2]) / (x[-1] - x[0]))
    return "sudden" if last > max(SUDDEN, AHEAD * length) else "rising"


def _recovers(y: Array, variance: Array, bottom: int) -> bool:
    return bottom < y.size - 1 and _largest(y[bottom:], variance[bottom:])[1] > _limit(y.size)


def _limit(k: int) -> float:
    return float(-ndtri(FALSE / max(k * (k - 1) / 2, 1)))


def _largest(y: Array, variance: Array) -> tuple[tuple[int, int], float]:
    """The pair (i, j), i before j, of the largest rise in standard errors, and that rise."""
    rise = y[None, :] - y[:, None]
    sd = np.sqrt(np.maximum(variance[None, :] + variance[:, None], 1e-24))
    size = np.where(np.triu(np.ones(rise.shape, dtype=bool), 1), rise / sd, -np.inf)
    i, j = np.unravel_index(int(size.argmax()), size.shape)
    return (int(i), int(j)), float(size[i, j])
