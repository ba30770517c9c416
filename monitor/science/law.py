"""The predictive law of the next result: a mixture of Student-t laws in link space, on the scale of the metric."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import comb, gamma, pi, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from monitor.science.dictionary import Link
from monitor.science.view import View

Array = npt.NDArray[np.float64]
Some = npt.NDArray[np.floating[Any]]
"""In single or in double precision."""

DOF: dict[Link, int] = {"log": 8, "free": 8, "score": 16}
"""Degrees of freedom of every component, even: the tails of a normal law are too thin for extrapolations. Scores need
it less, because what they scatter by sampling is known."""

WIDEST = 3.0
FARTHEST = 4.0
"""No component is wider than this many typical widths of its law, or farther from its middle: a shape that a ladder
cannot rule out must not put the 99.5 % quantile a thousand times beyond the 97.5 % one."""

ROUGH = 2
MOST_STEPS = 120
PATIENCE = 6
CLOSE = 1e-13
"""Steps in single precision; most steps after them, of which every second one halves the bracket once patience is at
an end; and the error, in spreads of the law, that ends them."""


@cache
def _series(dof: int) -> tuple[float, ...]:
    """Coefficients c_k of the distribution function in powers of r = 1 / (dof + t^2)."""
    return tuple(comb(2 * k, k) / 4**k * dof**k for k in range(dof // 2))


@cache
def _peak(dof: int) -> float:
    """Density of the standard t at 0."""
    return gamma((dof + 1) / 2) / (gamma(dof / 2) * sqrt(dof * pi))


def t_cdf(t: Array, dof: int = 8) -> Array:
    """Distribution function of the standard Student-t with an even number of degrees of freedom, in closed form.

    1/2 + t sqrt(r) / 2 * sum over k < dof / 2 of C(2k, k) / 4^k dof^k r^k, r = 1 / (dof + t^2) (Abramowitz & Stegun
    26.7.4). Precise to 1e-15 absolutely; `scipy.special.stdtr` keeps relative precision far in the tails.

    >>> t_cdf(np.array([0.0, 2.306004135])).round(9)
    array([0.5  , 0.975])
    >>> t_cdf(np.array([2.119905299]), 16).round(9)
    array([0.975])
    """
    r = 1 / (dof + t * t)
    return np.asarray(0.5 + 0.5 * t * np.sqrt(r) * _powers(r, _series(dof)), dtype=float)


def _powers(r: Some, coefficients: tuple[float, ...]) -> Some:
    # Horner's rule in place: these arrays are what a batch spends its time on.
    total = coefficients[-1] * r
    for c in coefficients[-2:0:-1]:
        total += c
        total *= r
    total += coefficients[0]
    return total


def t_density(t: Array, dof: int = 8) -> Array:
    """Density of the standard Student-t with `dof` degrees of freedom.

    >>> t_density(np.array([0.0])).round(6)
    array([0.386699])
    """
    r = 1 / (1 + t * t / dof)
    return np.asarray(_peak(dof) * r ** (dof // 2) * np.sqrt(r), dtype=float)


def tame(weight: Array, mean: Array, scale: Array) -> tuple[Array, Array]:
    """Means and scales (..., M) held to WIDEST and FARTHEST typical widths of their mixture."""
    middle = _median(weight, mean)
    # The spread of the middles is part of what is typical: shapes that honestly disagree are not outliers.
    typical = np.sqrt(_median(weight, scale) ** 2 + _median(weight, np.abs(mean - middle)) ** 2)
    return (
        np.clip(mean, middle - FARTHEST * typical, middle + FARTHEST * typical),
        np.minimum(scale, WIDEST * typical),
    )


HALF = 0.5 - 1e-9
"""Even weights often add up to a half exactly; which side of it rounding falls on must not choose the median."""


def _median(weight: Array, values: Array) -> Array:
    order = np.argsort(values, axis=-1)  # equal values may come in any order: the median is the value
    cumulated = np.cumsum(np.take_along_axis(weight, order, axis=-1), axis=-1)
    at = np.argmax(cumulated >= HALF * cumulated[..., -1:], axis=-1)[..., None]
    return np.take_along_axis(values, np.take_along_axis(order, at, axis=-1), axis=-1)


def quantiles(weight: Array, mean: Array, scale: Array, p: Array, dof: int = 8) -> Array:
    """Quantiles in link space: components (..., M), probabilities (q,) in (0, 1) -> (..., q).

    Halley steps on the logit of the distribution function, kept inside a shrinking bracket; the mixture has no closed
    inverse. The first steps are made in single precision: they only have to come near.
    """
    lead, M = mean.shape[:-1], mean.shape[-1]
    w, m, s = (np.broadcast_to(a, mean.shape).reshape(-1, M) for a in (weight, mean, scale))
    rows = max(1, CACHED // (M * p.size))
    out = np.empty((w.shape[0], p.size))
    for i in range(0, w.shape[0], rows):
        at = slice(i, i + rows)
        out[at] = _inverted(w[at], m[at], s[at], p, dof)
    far = np.minimum(p, 1 - p) < FAR
    if far.any():
        out[:, far] = _farther(w, m, s, p[far], out[:, far], dof)
    return out.reshape(*lead, p.size)


FAR = 1e-6
"""Tails below which F - p is next to rounding: there the logarithm of the tail itself is solved for."""


def _farther(w: Array, m: Array, s: Array, p: Array, z: Array, dof: int) -> Array:
    """Quantiles (n, q) from nearby ones `z` by Newton steps on the logarithm of the smaller tail."""
    w = (w / w.sum(axis=1, keepdims=True))[:, None]
    side, share = np.where(p < 0.5, 1.0, -1.0), np.minimum(p, 1 - p)
    for _ in range(MOST_STEPS):
        t = (z[:, :, None] - m[:, None]) / s[:, None]
        tail = (w * stdtr(dof, side[:, None] * t)).sum(axis=2)
        off = np.log(tail / share)
        z = z - side * off * tail / (w * t_density(t, dof) / s[:, None]).sum(axis=2)
        if (np.abs(off) < CLOSE_TAIL).all():
            break
    return z


CLOSE_TAIL = 1e-9
"""Relative error of a tail after which one more step, which has been made, leaves rounding only."""


CACHED = 1 << 17
"""Numbers of one temporary array: what stays in the cache of a core is several times faster than what does not."""


def _inverted(w: Array, m: Array, s: Array, p: Array, dof: int) -> Array:
    w = w / w.sum(axis=1, keepdims=True)  # files carry weights to six digits
    # In units of the mixture's own spread about its mean, so that single precision is enough to start with.
    inner = (w * m).sum(axis=1, keepdims=True)
    spread = np.sqrt((w * (s**2 + (m - inner) ** 2)).sum(axis=1, keepdims=True)) + 1e-300
    m, s = (m - inner) / spread, np.maximum(s / spread, 1e-15)
    edge = np.exp(float(np.abs(np.log(np.minimum(p, 1 - p))).max()) / dof) * 3.0 + 5.0
    low = np.repeat((m - edge * s).min(axis=1, keepdims=True), p.size, axis=1)
    high = np.repeat((m + edge * s).max(axis=1, keepdims=True), p.size, axis=1)
    z = np.broadcast_to(np.log(p / (1 - p)) / 1.7, low.shape)
    inverse = 1 / s
    rough, ends = tuple(a.astype(np.float32) for a in (w, m, inverse)), (low.copy(), high.copy())
    for _ in range(ROUGH):
        z, _ = _halley(z, p, *_sums(dof, z.astype(np.float32), *rough), *ends)
    left, out = np.arange(w.shape[0]), np.empty_like(low)
    for step in range(MOST_STEPS):
        after, off = _halley(z, p, *_sums(dof, z, w, m, inverse), low, high)
        if step >= PATIENCE and step % 2:
            there = off < CLOSE
            after, off = np.where(there, after, 0.5 * (low + high)), np.where(there, off, high - low)
        out[left] = after
        stay = (off >= CLOSE).any(axis=1)
        if not stay.any():
            break
        left, z, low, high = left[stay], after[stay], low[stay], high[stay]
        w, m, inverse = w[stay], m[stay], inverse[stay]
    return np.asarray(inner + spread * out, dtype=float)


def _sums(dof: int, z: Some, w: Some, m: Some, inverse: Some) -> tuple[Array, Array, Array]:
    """F - 1/2, density and its slope of mixtures (n, M) at z (n, q), each (n, q), in the precision of `z`."""
    t = z[:, :, None] - m[:, None]
    t *= inverse[:, None]
    r = t * t
    r += dof
    np.reciprocal(r, out=r)
    root = np.sqrt(r)
    poly = _powers(r, _series(dof))
    poly *= t
    poly *= root
    first = w * inverse
    F = np.matmul(poly, w[:, :, None])[:, :, 0]
    # (dof r)^((dof + 1) / 2), by squaring: dof is a power of two.
    np.multiply(r, dof, out=poly)
    for _ in range((dof // 2).bit_length() - 1):
        poly *= poly
    poly *= root
    f = np.matmul(poly, first[:, :, None])[:, :, 0]
    poly *= t
    poly *= r
    slope = np.matmul(poly, (first * inverse)[:, :, None])[:, :, 0]
    top = _peak(dof) * sqrt(dof)
    return 0.5 * F.astype(float), top * f.astype(float), -(dof + 1) * top * slope.astype(float)


def _halley(z: Array, p: Array, F: Array, f: Array, slope: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """The next z and about how far off it is; narrows the bracket in place. Halley's step for logit F(z) = logit p."""
    gap = F - (p - 0.5)
    np.copyto(low, z, where=gap < 0)
    np.copyto(high, z, where=gap >= 0)
    with np.errstate(all="ignore"):
        g = np.log1p(gap / p) - np.log1p(-gap / (1 - p))
        both = (0.5 + F) * (0.5 - F)
        g1 = f / both
        newton = g / g1
        bend = 0.5 * newton * (slope / f + 2 * F * g1)
        step = newton / (1 - bend)
        off = np.abs(step) * (np.abs(bend) + np.abs(g)) ** 2
        after = z - step
    # The ends count as inside: a step too small to be seen ends on one of them.
    inside = (after >= low) & (after <= high)
    return np.where(inside, after, 0.5 * (low + high)), np.where(inside, off, high - low)


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

    @property
    def dof(self) -> int:
        """Degrees of freedom of its components."""
        return DOF[self.seen.category.link]

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

    def tails(self, y: float, *, below: bool) -> Array:
        """P(Y <= y), or with `below` false P(Y >= y), under each of the components: (M,)."""
        lower = -np.inf if self.seen.lower is None else self.seen.lower
        upper = np.inf if self.seen.upper is None else self.seen.upper
        if y >= upper if below else y <= lower:
            return np.ones_like(self.mean)
        if y < lower if below else y > upper:
            return np.zeros_like(self.mean)
        t = (self.seen.forward(np.array(y)) - self.mean) / self.scale
        return np.asarray(stdtr(self.dof, t if below else -t), dtype=float)

    def quantile(self, p: npt.ArrayLike) -> Array:
        """The value that a result stays below with probability `p` (0 < p < 1), inside the range, shape of `p`."""
        return self._inverse(p, 1.0)

    def isf(self, p: npt.ArrayLike) -> Array:
        """The value that a result exceeds with probability `p`: `quantile(1 - p)`, but precise for a `p` of 1e-12."""
        return self._inverse(p, -1.0)

    def _inverse(self, p: npt.ArrayLike, side: float) -> Array:
        share = np.asarray(p, dtype=float)
        flat = np.atleast_1d(share).ravel()
        if not np.all((flat > 0) & (flat < 1)):
            raise ValueError("a quantile needs probabilities strictly between 0 and 1")
        weight = self.weight / self.weight.sum()
        z = side * quantiles(weight, side * self.mean, self.scale, flat, self.dof)
        return self.seen.back(z).reshape(share.shape)

    @property
    def median(self) -> float:
        """The 50 % quantile."""
        return float(self.quantile(0.5))

    def sample(self, rng: np.random.Generator, n: int) -> Array:
        """`n` draws of a result, shape (n,)."""
        k = rng.choice(self.weight.size, size=n, p=self.weight / self.weight.sum())
        return self.seen.back(self.mean[k] + self.scale[k] * rng.standard_t(self.dof, size=n))

    def log_density(self, z: float) -> float:
        """Log density in link space at `z`."""
        t = (z - self.mean) / self.scale
        return float(np.log((self.weight / self.scale * t_density(t, self.dof)).sum() / self.weight.sum()))

    def rough(self, y: Array) -> Array:
        """P(Y <= y) inside the range, precise to 1e-15 absolutely and many times faster than `cdf`."""
        # Beyond a million widths nothing is left, and squares would overflow far beyond.
        low = -np.inf if self.seen.lower is None else self.seen.lower
        t = np.clip((self.seen.forward(np.maximum(y, low))[..., None] - self.mean) / self.scale, -1e6, 1e6)
        return np.where(y < low, 0.0, t_cdf(t, self.dof) @ (self.weight / self.weight.sum()))

    def _tail(self, y: Array, *, below: bool) -> Array:
        low = -np.inf if self.seen.lower is None else self.seen.lower
        high = np.inf if self.seen.upper is None else self.seen.upper
        z = self.seen.forward(np.clip(y, low, high))[..., None]
        t = (z - self.mean) / self.scale
        share = stdtr(self.dof, t if below else -t)
        return np.asarray(share @ (self.weight / self.weight.sum()), dtype=float)
