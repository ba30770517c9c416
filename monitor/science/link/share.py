"""The law of a thresholded metric that a link predicts: what the true share may be, and the counting of n items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, expit, logit, ndtr, stdtrit

Array = npt.NDArray[np.float64]

LEVELS = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
"""Levels at which a law is written down; the first and the last are the ends of its 98 % band."""

DOF = 8
"""Degrees of freedom of an offset in logits, as in the forecasts."""

_NODES = np.linspace(-4.5, 4.5, 61)
_NODE_WEIGHTS = np.exp(-0.5 * _NODES**2) / np.exp(-0.5 * _NODES**2).sum()
HALVINGS = 16
"""Of the range of a share: to 1e-5."""


@dataclass(frozen=True)
class ShareLaw:
    """P(true share) as atoms, and the counting noise of `n` items on top (None: none is known of).

    `share` and `weight` have shape (m,), shares ascending in [0, 1], weights sum to 1. `cdf` is P(Y <= y) and `sf`
    P(Y >= y) of the observed share Y, both with the point mass of y.
    """

    share: Array
    weight: Array
    n: float | None
    grain: float = 0.0
    """Half a step of the score, where the atoms hold the counting already: what is as near as that is the same."""

    def cdf(self, y: npt.ArrayLike) -> Array:
        """P(Y <= y), shape of `y`: the mean over atoms of I_{1-p}(n - k, k + 1), k = n y (Abramowitz & Stegun 26.5.24).

        >>> round(float(ShareLaw(np.array([0.5]), np.array([1.0]), 10).cdf(0.5)), 6)
        0.623047
        """
        at = np.asarray(y, dtype=float)
        if self.n is None:
            return np.asarray(self._smooth(at + self.grain), dtype=float)
        k = (at * self.n)[..., None]
        p = np.clip(self.share, 1e-12, 1 - 1e-12)
        inside = betainc(np.maximum(self.n - k, 1e-9), np.maximum(k + 1, 1e-9), 1 - p) @ self.weight
        return np.asarray(np.where(at >= 1 - 1e-12, 1.0, np.where(at < 0, 0.0, inside)), dtype=float)

    def sf(self, y: npt.ArrayLike) -> Array:
        """P(Y >= y), shape of `y`."""
        at = np.asarray(y, dtype=float)
        if self.n is None:
            return np.asarray(1 - self._smooth(at - self.grain), dtype=float)
        k = (at * self.n)[..., None]
        p = np.clip(self.share, 1e-12, 1 - 1e-12)
        inside = betainc(np.maximum(k, 1e-9), np.maximum(self.n - k + 1, 1e-9), p) @ self.weight
        return np.asarray(np.where(at <= 1e-12, 1.0, np.where(at > 1, 0.0, inside)), dtype=float)

    def quantile(self, p: npt.ArrayLike) -> Array:
        """The share that a result stays below with probability `p` (0 < p < 1), shape of `p`.

        Between two counts it is interpolated, so that it does not jump by a whole item.
        """
        level = np.asarray(p, dtype=float)
        low, high = np.zeros(level.shape), np.ones(level.shape)
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            over = self._middle(middle) >= level
            low, high = np.where(over, low, middle), np.where(over, middle, high)
        return np.asarray(0.5 * (low + high), dtype=float)

    @property
    def spread(self) -> float:
        """Standard deviation of the observed share, counting included."""
        mean = float(self.weight @ self.share)
        counting = 0.0 if self.n is None else float(self.weight @ (self.share * (1 - self.share))) / self.n
        return float(np.sqrt(self.weight @ (self.share - mean) ** 2 + counting))

    def _middle(self, y: Array) -> Array:
        """(P(Y < y) + P(Y <= y)) / 2, close enough for quantiles: counts that are half-way, with one beta integral."""
        if self.n is None:
            return np.asarray(self._smooth(y), dtype=float)
        k, p = (y * self.n)[..., None], np.clip(self.share, 1e-12, 1 - 1e-12)
        return np.asarray(betainc(self.n - k + 0.5, k + 0.5, 1 - p) @ self.weight, dtype=float)

    def _smooth(self, y: Array) -> Array:
        if self.share.size == 1:
            return np.where(y >= self.share[0], 1.0, 0.0)
        return np.interp(y, self.share, np.cumsum(self.weight) - 0.5 * self.weight, left=0.0, right=1.0)


def around(logit_mean: float, logit_sd: float, n: float | None) -> ShareLaw:
    """A true share whose logit is Student-t about `logit_mean` with scale `logit_sd`, counted over `n` items.

    >>> law = around(0.0, 0.5, None)
    >>> law.quantile([0.01, 0.5, 0.99]).round(3)
    array([0.189, 0.5  , 0.811])
    """
    offset = stdtrit(DOF, ndtr(_NODES)) * logit_sd
    return ShareLaw(expit(logit_mean + offset), _NODE_WEIGHTS, n)


def banded(share: float, lower: float, upper: float, n: float | None = None) -> ShareLaw:
    """The law with median `share` whose 98 % band is [lower, upper], with the counting of `n` items in it.

    Normal in logits on each side.

    >>> banded(0.5, 0.4, 0.7).quantile([0.01, 0.5, 0.99]).round(2)
    array([0.4, 0.5, 0.7])
    >>> round(float(banded(1.0, 0.99, 1.0, 200).sf(1.0)), 2)  # all of 200 right, where all were expected
    0.78
    """
    least = NEAREST if n is None else 0.25 / n
    low, middle, high = (float(logit(min(max(each, least), 1 - least))) for each in (lower, share, upper))
    side = np.where(_NODES < 0, middle - low, high - middle) / float(_END)
    return ShareLaw(expit(middle + side * _NODES), _NODE_WEIGHTS, None, 0.0 if n is None else 0.5 / n)


NEAREST = 1e-6
"""Shares nearer than this to 0 or 1 have no logit to speak of."""
_END = 2.3263478740408408
"""Standard deviations from the middle to either end of a 98 % band."""
