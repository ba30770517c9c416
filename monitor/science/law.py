"""The predictive law of the next result: a mixture of Student-t laws in link space, on the scale of the metric."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from monitor.science.view import View

Array = npt.NDArray[np.float64]

DOF = 8.0
"""Degrees of freedom of every component: the tails of a normal law are too thin for extrapolations."""

WIDEST = 3.0
FARTHEST = 4.0
"""No component is wider than this many typical widths of its law, or farther from its middle: a shape that a ladder
cannot rule out must not put the 99.5 % quantile a thousand times beyond the 97.5 % one."""

_CONSTANT = 0.38669902096139315
"""Density of the standard t with 8 degrees of freedom at 0: gamma(4.5) / (gamma(4) sqrt(8 pi))."""


def t_cdf(t: Array) -> Array:
    """Distribution function of the standard Student-t with 8 degrees of freedom, in closed form.

    1/2 + s/2 (1 + c/2 + 3 c^2/8 + 5 c^3/16), s = t / sqrt(8 + t^2), c = 8 / (8 + t^2) (Abramowitz & Stegun 26.7.4).
    Precise to 1e-16 absolutely; `scipy.special.stdtr` keeps relative precision far in the tails.

    >>> t_cdf(np.array([0.0, 2.306004135])).round(9)
    array([0.5  , 0.975])
    """
    r = 8 + t * t
    c = 8 / r
    return np.asarray(0.5 + 0.5 * t / np.sqrt(r) * (1 + c * (0.5 + c * (0.375 + c * 0.3125))), dtype=float)


def t_density(t: Array) -> Array:
    """Density of the standard Student-t with 8 degrees of freedom.

    >>> t_density(np.array([0.0])).round(6)
    array([0.386699])
    """
    r = 1 / (1 + t * t / 8)
    return np.asarray(_CONSTANT * r**4 * np.sqrt(r), dtype=float)


def tame(weight: Array, mean: Array, scale: Array) -> tuple[Array, Array]:
    """Means and scales (..., M) held to WIDEST and FARTHEST typical widths of their mixture."""
    middle = _median(weight, mean)
    # The spread of the middles is part of what is typical: shapes that honestly disagree are not outliers.
    typical = np.sqrt(_median(weight, scale) ** 2 + _median(weight, np.abs(mean - middle)) ** 2)
    return (
        np.clip(mean, middle - FARTHEST * typical, middle + FARTHEST * typical),
        np.minimum(scale, WIDEST * typical),
    )


def _median(weight: Array, values: Array) -> Array:
    order = np.argsort(values, axis=-1, kind="stable")
    cumulated = np.cumsum(np.take_along_axis(weight, order, axis=-1), axis=-1)
    at = np.argmax(cumulated >= 0.5 * cumulated[..., -1:], axis=-1)[..., None]
    return np.take_along_axis(values, np.take_along_axis(order, at, axis=-1), axis=-1)


def quantiles(weight: Array, mean: Array, scale: Array, p: Array) -> Array:
    """Quantiles in link space: components (..., M), probabilities (q,) in (0, 1) -> (..., q).

    Newton steps kept inside a shrinking bracket; the mixture has no closed inverse.
    """
    w, m, s = (a[..., None, :] for a in (weight, mean, scale))
    inner = (weight * mean).sum(axis=-1, keepdims=True)
    spread = np.sqrt((weight * (scale**2 + (mean - inner) ** 2)).sum(axis=-1, keepdims=True)) + 1e-300
    reach = float(np.abs(np.log(np.minimum(p, 1 - p))).max())
    edge = np.exp(reach / DOF) * 3.0 + 5.0
    low = np.broadcast_to((mean - edge * scale).min(axis=-1, keepdims=True), (*inner.shape[:-1], p.size)).copy()
    high = np.broadcast_to((mean + edge * scale).max(axis=-1, keepdims=True), low.shape).copy()
    z = inner + spread * np.log(p / (1 - p)) / 1.7
    for _ in range(60):
        t = (z[..., None] - m) / s
        gap = (w * t_cdf(t)).sum(axis=-1) - p
        slope = (w / s * t_density(t)).sum(axis=-1)
        low, high = np.where(gap < 0, z, low), np.where(gap < 0, high, z)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = z - gap / slope
        z = np.where((step > low) & (step < high), step, 0.5 * (low + high))
        if float(np.abs(gap).max()) < 1e-13:
            break
    return np.asarray(z, dtype=float)


@dataclass(frozen=True)
class Law:
    """The law of one result of one series, in units of its metric.

    Values beyond a bound of the metric are moved onto it, so the law may hold a point mass there: `cdf` is P(Y <= y)
    and `sf` P(Y >= y), both with the point mass of y.
    """

    seen: View
    weight: Array
    mean: Array
    scale: Array

    def cdf(self, y: npt.ArrayLike) -> Array:
        """P(Y <= y), shape of `y`; precise in the lower tail to about 1e-12 relative."""
        values = np.asarray(y, dtype=float)
        upper = np.inf if self.seen.upper is None else self.seen.upper
        lower = -np.inf if self.seen.lower is None else self.seen.lower
        out = self._tail(values, below=True)
        return np.where(values >= upper, 1.0, np.where(values < lower, 0.0, out))

    def sf(self, y: npt.ArrayLike) -> Array:
        """P(Y >= y), shape of `y`; precise in the upper tail to about 1e-12 relative."""
        values = np.asarray(y, dtype=float)
        upper = np.inf if self.seen.upper is None else self.seen.upper
        lower = -np.inf if self.seen.lower is None else self.seen.lower
        out = self._tail(values, below=False)
        return np.where(values <= lower, 1.0, np.where(values > upper, 0.0, out))

    def quantile(self, p: npt.ArrayLike) -> Array:
        """The value that a result stays below with probability `p` (0 < p < 1), inside the range, shape of `p`."""
        share = np.asarray(p, dtype=float)
        flat = np.atleast_1d(share).ravel()
        if not np.all((flat > 0) & (flat < 1)):
            raise ValueError("a quantile needs probabilities strictly between 0 and 1")
        return self.seen.back(quantiles(self.weight, self.mean, self.scale, flat)).reshape(share.shape)

    @property
    def median(self) -> float:
        """The 50 % quantile."""
        return float(self.quantile(0.5))

    def sample(self, rng: np.random.Generator, n: int) -> Array:
        """`n` draws of a result, shape (n,)."""
        k = rng.choice(self.weight.size, size=n, p=self.weight / self.weight.sum())
        return self.seen.back(self.mean[k] + self.scale[k] * rng.standard_t(DOF, size=n))

    def log_density(self, z: float) -> float:
        """Log density in link space at `z`."""
        t = (z - self.mean) / self.scale
        return float(np.log((self.weight / self.scale * t_density(t)).sum() / self.weight.sum()))

    def _tail(self, y: Array, *, below: bool) -> Array:
        low = -np.inf if self.seen.lower is None else self.seen.lower
        high = np.inf if self.seen.upper is None else self.seen.upper
        z = self.seen.forward(np.clip(y, low, high))[..., None]
        t = (z - self.mean) / self.scale
        share = stdtr(DOF, t if below else -t)
        return np.asarray(share @ (self.weight / self.weight.sum()), dtype=float)
