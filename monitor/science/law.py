"""The predictive law of the next result: a mixture of Student-t laws in link space, on the scale of the metric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from monitor.science.view import View

Array = npt.NDArray[np.float64]
Some = npt.NDArray[np.floating[Any]]
"""In single or in double precision."""

DOF = 8.0
"""Degrees of freedom of every component: the tails of a normal law are too thin for extrapolations."""

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

NEAR = 1e-11
HALVED = 6
"""Log-odds closer than this to those that are asked for end the search; its bracket is halved every so many steps."""

FAR = 1e-5
"""Tails smaller than this need the distribution function with its relative precision."""

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


HALF = 0.5 - 1e-9
"""Even weights often add up to a half exactly; which side of it rounding falls on must not choose the median."""


def _median(weight: Array, values: Array) -> Array:
    order = np.argsort(values, axis=-1)  # equal values may come in any order: the median is the value
    cumulated = np.cumsum(np.take_along_axis(weight, order, axis=-1), axis=-1)
    at = np.argmax(cumulated >= HALF * cumulated[..., -1:], axis=-1)[..., None]
    return np.take_along_axis(values, np.take_along_axis(order, at, axis=-1), axis=-1)


def quantiles(weight: Array, mean: Array, scale: Array, p: Array) -> Array:
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
        out[at] = _inverted(w[at], m[at], s[at], p)
    return out.reshape(*lead, p.size)


CACHED = 1 << 17
"""Numbers of one temporary array: what stays in the cache of a core is several times faster than what does not."""


def _inverted(w: Array, m: Array, s: Array, p: Array) -> Array:
    w = w / w.sum(axis=1, keepdims=True)  # files carry weights to six digits
    # In units of the mixture's own spread about its mean, so that single precision is enough to start with.
    inner = (w * m).sum(axis=1, keepdims=True)
    spread = np.sqrt((w * (s**2 + (m - inner) ** 2)).sum(axis=1, keepdims=True)) + 1e-300
    m, s = (m - inner) / spread, np.maximum(s / spread, 1e-15)
    edge = np.exp(float(np.abs(np.log(np.minimum(p, 1 - p))).max()) / DOF) * 3.0 + 5.0
    low = np.repeat((m - edge * s).min(axis=1, keepdims=True), p.size, axis=1)
    high = np.repeat((m + edge * s).max(axis=1, keepdims=True), p.size, axis=1)
    z = np.broadcast_to(np.log(p / (1 - p)) / 1.7, low.shape)
    inverse = 1 / s
    rough, ends = tuple(a.astype(np.float32) for a in (w, m, inverse)), (low.copy(), high.copy())
    for _ in range(ROUGH):
        z, _ = _halley(z, p, *_sums(z.astype(np.float32), *rough), *ends)
    left, out = np.arange(w.shape[0]), np.empty_like(low)
    for step in range(MOST_STEPS):
        after, off = _halley(z, p, *_sums(z, w, m, inverse), low, high)
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


def _sums(z: Some, w: Some, m: Some, inverse: Some) -> tuple[Array, Array, Array]:
    """F - 1/2, density and its slope of mixtures (n, M) at z (n, q), each (n, q), in the precision of `z`."""
    t = z[:, :, None] - m[:, None]
    t *= inverse[:, None]
    r = t * t
    r += 8
    np.reciprocal(r, out=r)
    root = np.sqrt(r)
    # t_cdf, its polynomial in r = 1 / (8 + t^2).
    poly = 160 * r
    for c in (24, 4, 1):
        poly += c
        if c > 1:
            poly *= r
    poly *= t
    poly *= root
    first = w * inverse
    F = np.matmul(poly, w[:, :, None])[:, :, 0]
    np.multiply(r, r, out=poly)
    poly *= poly
    poly *= root
    f = np.matmul(poly, first[:, :, None])[:, :, 0]
    poly *= t
    poly *= r
    slope = np.matmul(poly, (first * inverse)[:, :, None])[:, :, 0]
    peak = _CONSTANT * 8**4.5
    return 0.5 * F.astype(float), peak * f.astype(float), -9 * peak * slope.astype(float)


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
        weight = self.weight / self.weight.sum()
        return self.seen.back(quantiles(weight, self.mean, self.scale, flat)).reshape(share.shape)

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

    def rough(self, y: Array) -> Array:
        """P(Y <= y) inside the range, precise to 1e-15 absolutely and many times faster than `cdf`."""
        # Beyond a million widths nothing is left, and squares would overflow far beyond.
        low = -np.inf if self.seen.lower is None else self.seen.lower
        t = np.clip((self.seen.forward(np.maximum(y, low))[..., None] - self.mean) / self.scale, -1e6, 1e6)
        return np.where(y < low, 0.0, t_cdf(t) @ (self.weight / self.weight.sum()))

    def _tail(self, y: Array, *, below: bool) -> Array:
        low = -np.inf if self.seen.lower is None else self.seen.lower
        high = np.inf if self.seen.upper is None else self.seen.upper
        z = self.seen.forward(np.clip(y, low, high))[..., None]
        t = (z - self.mean) / self.scale
        share = stdtr(DOF, t if below else -t)
        return np.asarray(share @ (self.weight / self.weight.sum()), dtype=float)


@dataclass(frozen=True)
class Blend:
    """Laws of one result through several links, each with its share; the shares sum to 1.

    `mirror`: the laws are of mirror - Y; a log-likelihood is read as the loss that it is.
    """

    parts: tuple[tuple[float, Law], ...]
    mirror: float | None = None

    def cdf(self, y: npt.ArrayLike) -> Array:
        """P(Y <= y), shape of `y`."""
        return self._tail(np.asarray(y, dtype=float), below=True)

    def sf(self, y: npt.ArrayLike) -> Array:
        """P(Y >= y), shape of `y`."""
        return self._tail(np.asarray(y, dtype=float), below=False)

    def quantile(self, p: npt.ArrayLike) -> Array:
        """The value that a result stays below with probability `p` (0 < p < 1), shape of `p`."""
        share = np.asarray(p, dtype=float)
        asked = share if self.mirror is None else 1 - share
        ends = np.stack([np.asarray(law.quantile(asked)) for _, law in self.parts])
        low, high = ends.min(axis=0), ends.max(axis=0)
        if len(self.parts) > 1:
            # Between the smallest and the largest quantile of the parts, where their common tail crosses p.
            high = self._crossing(asked, low, high)
        found = high if self.mirror is None else self.mirror - high
        return np.asarray(found, dtype=float)

    def rough(self, y: npt.ArrayLike) -> Array:
        """P(Y <= y) inside the range, precise to 1e-15 absolutely and many times faster than `cdf`."""
        values = np.asarray(y, dtype=float)
        asked = values if self.mirror is None else self.mirror - values
        below = np.asarray(sum(w * law.rough(asked) for w, law in self.parts), dtype=float)
        return below if self.mirror is None else 1 - below

    def _crossing(self, p: Array, low: Array, high: Array) -> Array:
        # False position on log-odds, which are nearly straight; the end that stays is let go by degrees (Anderson and
        # Björck 1973), and every few steps the bracket is halved whatever the law looks like.
        far = bool((np.minimum(p, 1 - p) < FAR).any())
        aim = np.log(p) - np.log1p(-p)
        near = NEAR + (0.0 if far else 1e-14) / (p * (1 - p))  # what rounding leaves of log-odds
        f, g = self._odds(low, far) - aim, self._odds(high, far) - aim
        # A point mass at an end has no crossing.
        low, high = np.where(g <= 0, high, low), np.where(f >= 0, low, high)
        at, done = high, high - low <= CLOSE * np.abs(high)
        for step in range(1, MOST_STEPS):
            if done.all():
                break
            with np.errstate(all="ignore"):
                after = high - g * (high - low) / (g - f)
                after = np.where((after > low) & (after < high) & (step % HALVED > 0), after, 0.5 * (low + high))
                at = np.where(done, at, after)
                h = self._odds(at, far) - aim
                done |= (np.abs(h) < near) | (high - low <= CLOSE * np.abs(high))
                over = h >= 0
                kept = np.where(over, 1 - h / g, 1 - h / f)
                kept = np.where(kept > 0, kept, 0.5)
            low, high = np.where(over, low, at), np.where(over, at, high)
            f, g = np.where(over, kept * f, h), np.where(over, h, kept * g)
        return at

    def _odds(self, y: Array, far: bool) -> Array:
        # Log-odds of the laws before they are mirrored, held to what a logarithm takes.
        if far:
            below, above = self._sum(y, below=True), self._sum(y, below=False)
        else:
            below = np.asarray(sum(w * law.rough(y) for w, law in self.parts), dtype=float)
            above = 1 - below
        return np.asarray(np.log(np.maximum(below, 1e-300)) - np.log(np.maximum(above, 1e-300)), dtype=float)

    @property
    def median(self) -> float:
        """The 50 % quantile."""
        return float(self.quantile(0.5))

    def sample(self, rng: np.random.Generator, n: int) -> Array:
        """`n` draws of a result, shape (n,)."""
        which = rng.choice(len(self.parts), size=n, p=[share for share, _ in self.parts])
        drawn = np.stack([law.sample(rng, n) for _, law in self.parts])[which, np.arange(n)]
        return drawn if self.mirror is None else np.asarray(self.mirror - drawn, dtype=float)

    def _tail(self, y: Array, *, below: bool) -> Array:
        if self.mirror is None:
            return self._sum(y, below=below)
        return self._sum(self.mirror - y, below=not below)

    def _sum(self, y: Array, *, below: bool) -> Array:
        parts = [share * (law.cdf(y) if below else law.sf(y)) for share, law in self.parts]
        return np.asarray(np.sum(parts, axis=0), dtype=float)
