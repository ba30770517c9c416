"""Many ladders on one grid of scales x one dictionary -> the weight and the moments of every atom, in closed form.

For one shape phi and one noise, with C = share * S + wander^2 (diag(1 / count) + ratio^2 K) and L L' = C,

    z = a + b phi + discrepancy + noise,   a ~ N(mean z, s0^2),   b ~ N(lean * size, sd^2),

so that, with F = L^-1 [1, phi] and y = L^-1 z, the evidence, (a, b) and the law of the next result are those of a
Bayesian linear regression with two unknowns: sums over rungs and a 2 x 2 inverse for each atom. Nothing is optimised.
Reference: Rasmussen & Williams 2006, section 2.7 (explicit basis functions with a Gaussian prior).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.science.dictionary import Dictionary
from monitor.science.discrepancy import correlation
from monitor.science.view import View, local_noise

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

STEEPEST = 6.0
"""A shape may change at most this many times as fast beyond the ladder as it did on it."""

SHORTEST = 0.01
"""Nats below which rungs have no slope."""

LEVEL = 10.0
"""Spread of the prior of the level, in standard deviations of the ladder: it leaves the level free."""


@dataclass(frozen=True)
class Group:
    """B views on one grid of scales: z and sampling variances (B, n), units of noise (B,)."""

    dictionary: Dictionary
    u: Array
    c: Array
    count: Array
    z: Array
    variance: Array
    noise_unit: Array

    @property
    def span(self) -> float:
        """Nats of cost that the ladder covers."""
        return max(float(np.ptp(self.c)), SHORTEST)


def group(views: Sequence[View], dictionary: Dictionary) -> Group:
    """Views with the same grid of scales, for one dictionary."""
    first = views[0]
    dense = dictionary.category.dense
    return Group(
        dictionary,
        first.u,
        first.c,
        first.count,
        np.stack([v.z for v in views]),
        np.stack([v.variance for v in views]),
        np.array([local_noise(v) if dense else 1.0 for v in views]),
    )


@dataclass(frozen=True)
class Posterior:
    """Sums that decide every atom: B series (1 where all share one noise), H noises, K shapes, m targets."""

    group: Group
    level: Array
    """(B,): mean of z, taken out before and put back after."""
    level_precision: Array
    """(B,): 1 / s0^2."""
    ones: Array
    """(b, H): 1' C^-1 1."""
    cross: Array
    """(b, H, K): 1' C^-1 phi."""
    own: Array
    """(b, H, K): phi' C^-1 phi."""
    one_z: Array
    """(B, H)."""
    own_z: Array
    """(B, H, K)."""
    z_z: Array
    """(B, H): z' C^-1 z + log|C|."""
    good: npt.NDArray[np.bool_]
    """(K,): shapes that stay in bounds beyond the ladder."""
    # At the targets: kriging terms of the discrepancy.
    far_one: Array
    """(b, H, m): 1 - k' C^-1 1."""
    far_own: Array
    """(b, H, K, m): phi(target) - k' C^-1 phi."""
    far_z: Array
    """(B, H, m): k' C^-1 z."""
    far_variance: Array
    """(b, H, m): prior variance of the discrepancy and wander at the target, less what the ladder says of it."""
    change: Array
    """(K, m): phi(target) - phi(nearest rung)."""


def shapes(g: Group, U: Array) -> tuple[Array, Array, npt.NDArray[np.bool_]]:
    """Shapes on the ladder (K, n) and at targets `U` (K, m), scaled to an average slope of 1 a nat; which are sane."""
    n = g.u.shape[0]
    ahead = np.full((1, g.u.shape[1]), 1.0)
    raw = g.dictionary.basis(np.concatenate([g.u, U, ahead]), g.u)
    raw = raw - raw[:, :n].max(axis=1, keepdims=True)
    risen = -raw[:, :n].min(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scaled = np.where(risen > 1e-9, raw * (g.span / risen), np.inf)
    good = np.isfinite(scaled).all(axis=1) & (np.abs(scaled[:, -1]) <= STEEPEST)
    scaled = np.where(good[:, None], scaled, 0.0)
    return scaled[:, :n], scaled[:, n:-1], good


def posterior(g: Group, U: Array) -> Posterior:
    """All sums for targets at `U` (m, axes), nats relative to the largest scale of the ladder."""
    phi, far, good = shapes(g, U)
    noises = g.dictionary.noises
    n, m = g.u.shape[0], U.shape[0]
    level = g.z.mean(axis=1)
    s0 = LEVEL * (g.z.std(axis=1) + 0.1)
    z = g.z - level[:, None]
    alike = bool((g.variance == g.variance[:1]).all()) and bool((g.noise_unit == g.noise_unit[0]).all())
    variance = g.variance[:1] if alike else g.variance
    unit = g.noise_unit[:1] if alike else g.noise_unit
    near = np.argmin(((U[:, None] - g.u[None]) ** 2).sum(axis=2), axis=1) if m else np.zeros(0, dtype=int)
    wander2 = (np.array([noise.wander for noise in noises]) * unit[:, None]) ** 2  # (b, H)
    prior = wander2 * np.array([noise.ratio for noise in noises]) ** 2
    C, k = _covariances(g, U, prior)
    shares = np.array([noise.share for noise in noises])
    C[..., np.arange(n), np.arange(n)] += shares[:, None] * variance[:, None] + wander2[..., None] / g.count
    inverse, logdet = _inverse_roots(C)
    design = np.concatenate([np.ones((1, n)), phi]).T  # (n, 1 + K)
    F = (inverse.reshape(-1, n) @ design).reshape(*inverse.shape[:3], -1)  # (b, H, n, 1 + K)
    kw = inverse @ k
    one, own = F[..., 0], F[..., 1:]
    y, told = _whitened(inverse, np.concatenate([F, kw], axis=-1), z)
    K = phi.shape[0]
    return Posterior(
        group=g,
        level=level,
        level_precision=1 / s0**2,
        ones=(one**2).sum(axis=2),
        cross=np.matmul(one[:, :, None], own)[:, :, 0],
        own=np.einsum("bhnk,bhnk->bhk", own, own),
        one_z=told[..., 0],
        own_z=told[..., 1 : 1 + K],
        z_z=(y**2).sum(axis=2) + logdet,
        good=good,
        far_one=1 - np.matmul(one[:, :, None], kw)[:, :, 0],
        far_own=far - np.swapaxes(own, 2, 3) @ kw,
        far_z=told[..., 1 + K :],
        far_variance=(prior + wander2)[..., None] - (kw**2).sum(axis=2),
        change=far - phi[:, near],
    )


MANY = 256
"""Small matrices from which on all are factorised side by side: LAPACK takes microseconds to begin with each."""


def _inverse_roots(C: Array) -> tuple[Array, Array]:
    """L^-1 of C = L L' (b, H, n, n), and log|C| (b, H). Raises LinAlgError where one is not positive definite."""
    b, H, n, _ = C.shape
    if b * H < MANY:
        root = np.linalg.cholesky(C)
        return np.linalg.inv(root), 2 * np.log(np.diagonal(root, axis1=2, axis2=3)).sum(axis=2)
    # Column by column, the matrices along the last axis.
    L = np.moveaxis(C.reshape(-1, n, n), 0, 2).copy()
    out = np.zeros_like(L)
    for j in range(n):
        L[j:, j] -= np.einsum("ijn,jn->in", L[j:, :j], L[j, :j])
        if not (L[j, j] > 0).all():
            raise np.linalg.LinAlgError("Matrix is not positive definite")
        L[j:, j] /= np.sqrt(L[j, j])
        out[j, j] = 1 / L[j, j]
        out[j, :j] = -np.einsum("jn,jin->in", L[j, :j], out[:j, :j]) * out[j, j]
    logdet = -2 * np.log(np.diagonal(out, axis1=0, axis2=1)).sum(axis=1)
    return np.ascontiguousarray(np.moveaxis(out, 2, 0)).reshape(C.shape), logdet.reshape(b, H)


def _covariances(g: Group, U: Array, prior: Array) -> tuple[Array, Array]:
    """Covariance of the discrepancy among rungs (b, H, n, n) and between rungs and targets (b, H, n, m)."""
    noises = g.dictionary.noises
    on, off = np.zeros((len(noises), g.u.shape[0], g.u.shape[0])), np.zeros((len(noises), g.u.shape[0], U.shape[0]))
    for length in {noise.length for noise in noises if noise.ratio}:
        same = [i for i, noise in enumerate(noises) if noise.ratio and noise.length == length]
        on[same] = correlation(g.u, g.u, length)
        off[same] = correlation(g.u, U, length)
    return prior[..., None, None] * on, prior[..., None, None] * off


def _whitened(inverse: Array, columns: Array, z: Array) -> tuple[Array, Array]:
    """L^-1 z (B, H, n) and its products with whitened `columns` (b, H, n, q) -> (B, H, q)."""
    B, n = z.shape
    H, q = columns.shape[1], columns.shape[3]
    if inverse.shape[0] == B:
        y = np.matmul(inverse, z[:, None, :, None])[..., 0]
        return y, np.matmul(y[:, :, None], columns)[:, :, 0]
    # One noise for all series: both are one product of matrices.
    turned = np.swapaxes(inverse[0], 1, 2)
    y = z @ np.moveaxis(turned, 0, 1).reshape(n, H * n)
    told = z @ np.moveaxis(turned @ columns[0], 0, 1).reshape(n, H * q)
    return y.reshape(B, H, n), told.reshape(B, H, q)


def slope_prior(dictionary: Dictionary, better: float) -> tuple[Array, Array]:
    """Mean and precision of the slope of each entry of the dictionary, each (T,); `better` is its good direction."""
    slopes = np.array(dictionary.slopes)
    size, lean = slopes[:, 0], slopes[:, 1]
    sd = np.maximum(np.where(lean > 0, 0.5 * size, size), 1e-9)
    return better * lean * size, 1 / sd**2


def evidence(p: Posterior, better: float) -> Array:
    """Log evidence of every (noise, shape, slope) -> (B, H, K, T), up to a constant a series.

    -inf for shapes that leave all bounds beyond the ladder.
    """
    mean, precision = slope_prior(p.group.dictionary, better)
    # The level taken out first, so that what is left to do for each slope is a few passes over (B, H, K).
    a11 = p.ones + p.level_precision[:, None]
    tilt = p.cross / a11[..., None]
    own = p.own - p.cross * tilt
    own_z = p.own_z - tilt * p.one_z[..., None]
    level = p.one_z**2 / a11 - np.log(a11) - p.z_z
    out = np.empty((*own_z.shape, mean.size))
    a, y = np.empty_like(own_z), np.empty_like(own_z)
    for t, (m, r) in enumerate(zip(mean, precision, strict=True)):
        np.add(own, r, out=a)
        np.add(own_z, m * r, out=y)
        y *= y
        y /= a
        y -= np.log(a, out=a)
        y += (level + (np.log(r) - m**2 * r))[..., None]
        np.multiply(y, 0.5, out=out[..., t])
    out[:, :, ~p.good] = -np.inf
    return out


@dataclass(frozen=True)
class Moments:
    """Of chosen atoms at the targets, each (B, M, m): mean of z, its variance without sampling, predicted change."""

    mean: Array
    variance: Array
    change: Array
    share: Array
    """(B, M): share of the sampling variance of the target that counts."""


def moments(p: Posterior, h: Indices, k: Indices, t: Indices, better: float) -> Moments:
    """Predictive moments of atoms (noise h, shape k, slope t), each index of shape (B, M)."""
    mean, precision = slope_prior(p.group.dictionary, better)
    B = h.shape[0]
    row = np.arange(B)[:, None]
    own = row if p.ones.shape[0] == B else np.zeros_like(row)
    a11 = p.ones[own, h] + p.level_precision[:, None]
    a12 = p.cross[own, h, k]
    a22 = p.own[own, h, k] + precision[t]
    det = a11 * a22 - a12**2
    y1 = p.one_z[row, h]
    y2 = p.own_z[row, h, k] + (mean * precision)[t]
    a = ((a22 * y1 - a12 * y2) / det)[..., None]
    b = ((a11 * y2 - a12 * y1) / det)[..., None]
    q0, q1 = p.far_one[own, h], p.far_own[own, h, k]
    v11, v22, v12 = (a22 / det)[..., None], (a11 / det)[..., None], (-a12 / det)[..., None]
    spread = v11 * q0**2 + v22 * q1**2 + 2 * v12 * q0 * q1
    share = np.array([noise.share for noise in p.group.dictionary.noises])[h]
    return Moments(
        mean=p.level[:, None, None] + p.far_z[row, h] + q0 * a + q1 * b,
        variance=np.maximum(p.far_variance[own, h] + spread, 1e-24),
        change=b * p.change[k],
        share=share,
    )


SMOOTH = 0.2
"""Spread about each arrival, as a share of the predicted change: it fills the gaps of their grid."""


def arrived(at: Moments, sampling: Array, arrivals: Array) -> tuple[Array, Array]:
    """Mean and squared scale of every atom for every arrival, each (B, M, E, m); `sampling` (B, 1, m) is the target's.

    mean - (1 - arrival) change, and variance + share * sampling + (SMOOTH change)^2.
    """
    change = at.change[:, :, None, :]
    spread = at.variance + at.share[..., None] * sampling
    mean = at.mean[:, :, None, :] - (1 - arrivals[:, None]) * change
    return mean, np.broadcast_to(spread[:, :, None, :] + (SMOOTH * change) ** 2, mean.shape)


def log_prior(d: Dictionary) -> Array:
    """Log weight of every (noise, shape, slope) of a dictionary, shape (H, K, T)."""
    with np.errstate(divide="ignore"):
        h, k, t = (np.log(np.array(w)) for w in (d.noise_weights, d.shape_weights, d.slope_weights))
    return np.asarray(h[:, None, None] + k[None, :, None] + t[None, None], dtype=float)


NEAR = 1e-10
"""Log weights closer than this times the distance of their places are the same: the earlier atom is kept."""


def heaviest(log_weights: Array, most: int) -> tuple[Indices, Indices, Indices, Array]:
    """The `most` heaviest atoms of each series: indices h, k, t and weights summing to 1, each (B, M), heaviest first.

    Ties are broken by position, so that the answer does not depend on the machine.
    """
    B, H, K, T = log_weights.shape
    flat = log_weights.reshape(B, -1)
    most = min(most, flat.shape[1])
    if most < flat.shape[1]:
        ranked = flat - NEAR * np.arange(flat.shape[1])
        chosen = np.sort(np.argpartition(ranked, -most, axis=1)[:, -most:], axis=1)
    else:
        chosen = np.broadcast_to(np.arange(flat.shape[1]), (B, flat.shape[1]))
    values = np.take_along_axis(flat, chosen, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    chosen, values = np.take_along_axis(chosen, order, axis=1), np.take_along_axis(values, order, axis=1)
    w = np.exp(values - values[:, :1])
    h, k, t = np.unravel_index(chosen, (H, K, T))
    return h, k, t, np.asarray(w / w.sum(axis=1, keepdims=True), dtype=float)


def drawn(log_weights: Array, most: int) -> tuple[Indices, Indices, Indices, Array]:
    """`most` atoms of each series that stand for all: indices h, k, t and weights summing to 1, each (B, M).

    Systematic sampling at the middles of `most` equal steps of the cumulated weights (Madow 1949): a heavy atom is
    drawn as often as its weight asks, and light ones together as often as theirs. The heaviest alone would leave out
    what few believe, and so make every law too narrow. No randomness is in it.
    """
    B, H, K, T = log_weights.shape
    flat = log_weights.reshape(B, -1)
    if flat.shape[1] <= most:
        return heaviest(log_weights, most)
    w = np.exp(flat - flat.max(axis=1, keepdims=True))
    reached = np.cumsum(w, axis=1)
    reached /= reached[:, -1:]
    # How many of the steps (j + 1/2) / most each atom has reached; what it has more than the one before are its draws.
    reached *= most
    reached += 0.5
    draws = np.diff(np.floor(reached, out=reached), axis=1, prepend=0.0).astype(np.intp)
    chosen = np.repeat(np.tile(np.arange(flat.shape[1]), B), draws.ravel()).reshape(B, most)
    h, k, t = np.unravel_index(chosen, (H, K, T))
    return h, k, t, np.full((B, most), 1 / most)
