"""Metric <-> the space in which trends are simple and noise is even."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit, log_expit

Array = npt.NDArray[np.float64]
LinkName = Literal["identity", "log", "logit"]

UNSTATED = 2e-3
"""Noise of a result that states none: rounding to two or three digits, as a share of the range or of the largest
value."""


@dataclass(frozen=True)
class Transform:
    """One link for one metric: `identity` z = y; `log` z = log |y - bound|; `logit` z = logit((y - lower) / width).

    The logit is that of the plain share. It is not corrected for chance, because results below chance are common and
    have no corrected logit; a plateau at chance is a matter for the forms.

    >>> Transform("logit", 0.0, 1.0).forward(np.array([0.5, 0.8])).round(6)
    array([0.      , 1.386294])
    >>> Transform("log", None, 0.0).forward(np.array([-1.0]))
    array([0.])
    """

    name: LinkName
    lower: float | None = None
    upper: float | None = None

    @property
    def rising(self) -> bool:
        """Whether z rises with y; only the log of a distance from an upper bound falls."""
        return not (self.name == "log" and self.lower is None)

    def forward(self, y: Array, floor: Array | float = 0.0) -> Array:
        """z of `y` (metric units, any shape); `floor` is the distance from a bound that is still resolved.

        At distance 0 with floor 0 the answer is infinite.
        """
        y = np.asarray(y, dtype=float)
        with np.errstate(divide="ignore"):
            if self.name == "logit":
                share, width = self._share(y)
                least = np.minimum(np.asarray(floor) / width, 0.5)
                share = np.clip(share, least, 1 - least)
                return np.log(share) - np.log1p(-share)
            if self.name == "log":
                return np.log(np.maximum(self._gap(y), floor))
        return y.copy()

    def back(self, z: Array) -> Array:
        """y of `z`, always inside the range of the link."""
        z = np.asarray(z, dtype=float)
        if self.name == "logit":
            lower, upper = self._bounds()
            return lower + (upper - lower) * expit(z)
        if self.name == "log":
            gap = np.exp(np.clip(z, -700.0, 700.0))
            return np.asarray(self.lower + gap if self.lower is not None else self._upper() - gap, dtype=float)
        return z.copy()

    def slope(self, y: Array, floor: Array | float = 0.0) -> Array:
        """|dz/dy| at `y`: what a small standard error of y is multiplied with; y is kept `floor` away from the
        bounds."""
        if self.name == "logit":
            share, width = self._share(np.asarray(y, dtype=float))
            least = np.minimum(np.asarray(floor) / width, 0.5)
            share = np.clip(share, least, 1 - least)
            return np.asarray(1 / (share * (1 - share) * width), dtype=float)
        if self.name == "log":
            return np.asarray(1 / np.maximum(self._gap(np.asarray(y, dtype=float)), floor), dtype=float)
        return np.ones_like(np.asarray(y, dtype=float))

    def log_slope_at(self, z: Array) -> Array:
        """log |dz/dy| as a function of z: the Jacobian that turns a density of z into one of y."""
        z = np.asarray(z, dtype=float)
        if self.name == "logit":
            lower, upper = self._bounds()
            return np.asarray(-log_expit(z) - log_expit(-z) - math.log(upper - lower), dtype=float)
        return -z if self.name == "log" else np.zeros_like(z)

    def _bounds(self) -> tuple[float, float]:
        if self.lower is None or self.upper is None:
            raise ValueError("a logit needs both bounds of the metric")
        return self.lower, self.upper

    def _upper(self) -> float:
        if self.upper is None:
            raise ValueError("a log link needs a bound of the metric")
        return self.upper

    def _share(self, y: Array) -> tuple[Array, float]:
        lower, upper = self._bounds()
        return np.asarray(np.clip((y - lower) / (upper - lower), 0.0, 1.0), dtype=float), upper - lower

    def _gap(self, y: Array) -> Array:
        gap = y - self.lower if self.lower is not None else self._upper() - y
        return np.asarray(np.maximum(gap, 0.0), dtype=float)


def transforms(lower: float | None, upper: float | None) -> tuple[Transform, ...]:
    """The links a metric with these bounds may be seen through.

    >>> [[t.name for t in transforms(*bounds)] for bounds in ((0.0, 1.0), (None, 0.0), (None, None))]
    [['logit', 'identity'], ['log', 'identity'], ['identity']]
    """
    plain = Transform("identity", lower, upper)
    if lower is not None and upper is not None:
        return Transform("logit", lower, upper), plain
    if lower is not None or upper is not None:
        return Transform("log", lower, upper), plain
    return (plain,)


def binomial_variance(share: Array, n: Array) -> Array:
    """Sampling variance of a share of `n` items, p (1 - p) / n at p = (n share + 1) / (n + 2): never 0, not even at
    0 of n.

    >>> binomial_variance(np.array([0.0, 0.5]), np.array([100.0, 100.0])).round(7)
    array([9.71e-05, 2.50e-03])
    """
    p = (n * share + 1) / (n + 2)
    return np.asarray(p * (1 - p) / n, dtype=float)


def unstated_noise(y: Array, lower: float | None, upper: float | None) -> float:
    """Squared standard error assumed for results `y` that state neither a standard error nor an item count.

    >>> round(unstated_noise(np.array([0.3]), 0.0, 1.0), 12)
    4e-06
    """
    if lower is not None and upper is not None:
        return (UNSTATED * (upper - lower)) ** 2
    return (UNSTATED * float(np.max(np.abs(y), initial=0.0))) ** 2
