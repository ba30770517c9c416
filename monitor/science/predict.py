"""Components and targets -> the predictive law of the next result: a mixture of transformed Student-t laws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln, stdtr, stdtrit

from monitor.science.forms import BY_NAME
from monitor.science.transforms import LinkName, Transform

Array = npt.NDArray[np.float64]

BISECTIONS = 70


@dataclass(frozen=True)
class Component:
    """One form with one exponent, seen through one link, with its linear parameters integrated out.

    At u = log(x / x_last) > 0 the law of z is Student-t with `dof` degrees of freedom,

        mean   = b0 + change,  change = sum_j b_j basis_j(u), cut to [-reach u, reach u]
        scale^2 = min(q' covariance q + drift u, covariance_00 + (reach u / 2)^2) + variance + (kappa change)^2

    with q = (1, basis(u)), to which the measurement noise of the target is added. `reach` follows from the ladder (a
    multiple of its mean slope) and keeps growing shapes from putting a quantile a thousand times beyond anything seen.
    """

    form: str
    link: LinkName
    weight: float
    exponent: float
    coefficients: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    variance: float
    dof: float
    kappa: float = 0.0
    drift: float = 0.0
    reach: float | None = None


def log_t(z: Array, mean: Array, scale: Array, dof: Array | float) -> Array:
    """Log density of a Student-t law with location and scale.

    >>> float(log_t(np.array(0.0), np.array(0.0), np.array(1.0), 1.0).round(6))  # Cauchy: -log(pi)
    -1.14473
    """
    nu = np.asarray(dof, dtype=float)
    t = (z - mean) / scale
    front = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(nu * np.pi)
    return np.asarray(front - np.log(scale) - (nu + 1) / 2 * np.log1p(t * t / nu), dtype=float)


class Mixture:
    """The law of a metric's value: weights w, links, means m, scales s and degrees of freedom of its components.

    Values beyond a bound of the metric are moved onto it: the law may hold a point mass at a bound. `cdf` is P(Y <= y)
    and `sf` is P(Y >= y), both with the point mass of y, so that each is the tail probability of a result at y.
    Within `floor` of a bound nothing is resolved: seen through a log or logit link, a result there stands `floor` away.
    """

    def __init__(
        self,
        weights: Array,
        links: Sequence[Transform],
        mean: Array,
        scale: Array,
        dof: Array,
        lower: float | None = None,
        upper: float | None = None,
        floor: float = 0.0,
    ) -> None:
        self._w = np.asarray(weights, dtype=float) / np.sum(weights)
        self._links = tuple(links)
        self._mean, self._scale, self._dof = mean, scale, dof
        self._lower = -np.inf if lower is None else lower
        self._upper = np.inf if upper is None else upper
        self._floor = floor
        self._groups = [(link, np.array([k == link for k in self._links])) for link in dict.fromkeys(self._links)]

    def cdf(self, y: npt.ArrayLike) -> Array:
        """P(Y <= y), shape of `y`; precise in the lower tail to about 1e-12 relative."""
        values = np.asarray(y, dtype=float)
        out = self._raw(values, self._floor, below=True)
        return np.where(values >= self._upper, 1.0, np.where(values < self._lower, 0.0, out))

    def sf(self, y: npt.ArrayLike) -> Array:
        """P(Y >= y), shape of `y`; precise in the upper tail to about 1e-12 relative."""
        values = np.asarray(y, dtype=float)
        out = self._raw(values, self._floor, below=False)
        return np.where(values <= self._lower, 1.0, np.where(values > self._upper, 0.0, out))

    def quantile(self, p: npt.ArrayLike) -> Array:
        """The value that a result stays below with probability `p` (0 < p < 1), inside the range, shape of `p`."""
        share = np.asarray(p, dtype=float)
        flat = np.atleast_1d(share).ravel()
        if not np.all((flat > 0) & (flat < 1)):
            raise ValueError("a quantile needs probabilities strictly between 0 and 1")
        low, high = self._bracket(flat)
        upper_half = flat > 0.5
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            short = np.where(
                upper_half, self._raw(middle, 0.0, below=False) > 1 - flat, self._raw(middle, 0.0, below=True) < flat
            )
            low, high = np.where(short, middle, low), np.where(short, high, middle)
        return np.clip(0.5 * (low + high), self._lower, self._upper).reshape(share.shape)

    @property
    def median(self) -> float:
        """The 50 % quantile."""
        return float(self.quantile(0.5))

    def log_density(self, y: float) -> float:
        """Log density of the part of the law inside the range, in units of 1 / metric."""
        parts = np.empty(self._w.size)
        for link, these in self._groups:
            z = link.forward(np.array(y), max(self._floor, 1e-12))
            parts[these] = log_t(z, self._mean[these], self._scale[these], self._dof[these]) + link.log_slope_at(z)
        return float(np.logaddexp.reduce(np.log(self._w) + parts))

    def _raw(self, y: Array, floor: float, *, below: bool) -> Array:
        total = np.zeros(y.shape)
        for link, these in self._groups:
            z = link.forward(y, floor)[..., None]
            with np.errstate(invalid="ignore"):
                t = (z - self._mean[these]) / self._scale[these]
            t = t if below == link.rising else -t
            total += stdtr(self._dof[these], t) @ self._w[these]
        return total

    def _bracket(self, p: Array) -> tuple[Array, Array]:
        # The quantile of a mixture lies between the smallest and the largest quantile of its components.
        ends: list[Array] = []
        for link, these in self._groups:
            share = p if link.rising else 1 - p
            z = self._mean[these][:, None] + self._scale[these][:, None] * stdtrit(
                self._dof[these][:, None], share[None, :]
            )
            ends.append(link.back(z))
        values = np.concatenate(ends)
        return values.min(axis=0), values.max(axis=0)


def predict(
    components: Sequence[Component],
    u: float,
    noise: float,
    lower: float | None = None,
    upper: float | None = None,
    calibration: float = 1.0,
) -> Mixture:
    """The law of the next result at `u` = log(x / x_last) > 0.

    `noise` is the squared standard error of that result in units of the metric squared (0 where unknown); `lower` and
    `upper` are the bounds of the metric; `calibration` >= 1 multiplies every scale.

    >>> one = Component("log_linear", "identity", 1.0, 0.0, (1.0, 0.5), ((0.0, 0.0), (0.0, 0.0)), 0.04, 1e9)
    >>> law = predict([one], 2.0, 0.0)
    >>> round(law.median, 6), round(float(law.quantile(0.975)), 4)  # 2 + 1.96 * 0.2
    (2.0, 2.392)
    """
    links = [Transform(c.link, lower, upper) for c in components]
    moments = [_moments(c, u) for c in components]
    mean = np.array([m for m, _ in moments])
    variance = np.array([v for _, v in moments])
    for i, link in enumerate(links):
        # A result within one standard error of a bound is not resolved any finer: the noise in z stays below about 1.
        at = link.back(mean[i : i + 1])
        variance[i] += noise * float(link.slope(at, np.sqrt(noise) if noise > 0 else 1e-12)[0]) ** 2
    scale = calibration * np.sqrt(np.maximum(variance, 1e-24))
    weights = np.array([c.weight for c in components])
    return Mixture(
        weights,
        links,
        mean,
        scale,
        np.array([c.dof for c in components]),
        lower,
        upper,
        floor=0.5 * float(np.sqrt(noise)),
    )


def _moments(c: Component, u: float) -> tuple[float, float]:
    reach = np.inf if c.reach is None else c.reach * u
    cap = c.covariance[0][0] + (0.5 * reach) ** 2
    b = np.array(c.coefficients)
    # Far away a growing shape overflows to infinity, which the caps of the ladder then bring back.
    with np.errstate(over="ignore", invalid="ignore"):
        row = BY_NAME[c.form].basis(np.array([u]), np.array([c.exponent]))[0, 0]
        q = np.concatenate([[1.0], row])
        change = float(np.clip(row @ b[1:], -reach, reach))
        spread = float(q @ np.array(c.covariance) @ q) + c.drift * u
    spread = min(spread, cap) if np.isfinite(spread) else cap
    return float(b[0]) + change, spread + c.variance + (c.kappa * change) ** 2
