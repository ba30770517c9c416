"""The baseline that is hard to beat: the last rung's value again, as uncertain as past steps were."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from monitor.science.transforms import spread

Array = npt.NDArray[np.float64]

FEWEST = 3
"""Distinct rungs below which there are no steps to learn from, only a spread."""

UNSEEN = 0.1
"""Relative spread of a ladder that shows none: one rung, or all equal."""


@dataclass(frozen=True)
class Stay:
    """A Student-t law about one value; `logged`: of the logarithm. Values beyond a bound are moved onto it."""

    middle: float
    spread: float
    dof: float
    logged: bool
    lower: float | None
    upper: float | None

    def quantile(self, p: npt.ArrayLike) -> Array:
        """The value that a result stays below with probability `p`, shape of `p`."""
        z = self.middle + self.spread * stdtrit(self.dof, np.asarray(p, dtype=float))
        low = -np.inf if self.lower is None else self.lower
        high = np.inf if self.upper is None else self.upper
        return np.asarray(np.clip(np.exp(np.clip(z, -700.0, 700.0)) if self.logged else z, low, high), dtype=float)

    def cdf(self, y: npt.ArrayLike) -> Array:
        """P(Y <= y), with the point mass of y."""
        values = np.asarray(y, dtype=float)
        out = stdtr(self.dof, self._t(values))
        out = out if self.lower is None else np.where(values < self.lower, 0.0, out)
        return np.asarray(out if self.upper is None else np.where(values >= self.upper, 1.0, out), dtype=float)

    def sf(self, y: npt.ArrayLike) -> Array:
        """P(Y >= y), with the point mass of y."""
        values = np.asarray(y, dtype=float)
        out = stdtr(self.dof, -self._t(values))
        out = out if self.upper is None else np.where(values > self.upper, 0.0, out)
        return np.asarray(out if self.lower is None else np.where(values <= self.lower, 1.0, out), dtype=float)

    def _t(self, y: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.where(y > 0, np.log(np.maximum(y, 1e-323)), -np.inf) if self.logged else y
        return np.asarray((z - self.middle) / self.spread, dtype=float)


def last_value(value: Array, cost: Array) -> float:
    """The value at the largest cost, ties averaged.

    >>> last_value(np.array([1.0, 2.0, 4.0]), np.array([1.0, 9.0, 9.0]))
    3.0
    """
    return float(value[cost >= cost.max() * (1 - 1e-9)].mean())


def spread_law(value: Array, cost: Array, bounds: tuple[float | None, float | None], *, logged: bool) -> Stay:
    """The last value with the standard deviation of all values, Student t with 3 degrees of freedom: what is left to
    say of a ladder of one or two rungs."""
    middle = last_value(value, cost)
    z = np.log(value) if logged else value
    return Stay(
        np.log(middle) if logged else middle, spread(z) or _unseen(middle, bounds, logged), 3.0, logged, *bounds
    )


def _unseen(middle: float, bounds: tuple[float | None, float | None], logged: bool) -> float:
    lower, upper = bounds
    if logged:
        return UNSEEN
    if lower is not None and upper is not None:
        return UNSEEN * (upper - lower)
    return UNSEEN * abs(middle) or UNSEEN


def persistence(
    value: Array, cost: Array, to: Array, bounds: tuple[float | None, float | None], *, logged: bool
) -> list[Stay]:
    """The law of persistence at each cost `to`: steps of the past, growing with the square root of the distance."""
    rungs, label = np.unique(np.log(cost), return_inverse=True)
    if rungs.size < FEWEST:
        return [spread_law(value, cost, bounds, logged=logged)] * to.size
    middle = last_value(value, cost)
    z = np.bincount(label, np.log(value) if logged else value) / np.bincount(label)
    steps = np.diff(z)
    ahead = np.maximum(np.log(to) - rungs[-1], 0.0) / float(np.diff(rungs).mean())
    least = 1e-9 if logged else 1e-9 * (abs(middle) or 1.0)
    sd = np.maximum(np.sqrt(float((steps**2).mean()) * np.maximum(ahead, 1.0)), least)
    at = float(np.log(middle)) if logged else middle
    return [Stay(at, float(s), float(steps.size), logged, *bounds) for s in sd]
