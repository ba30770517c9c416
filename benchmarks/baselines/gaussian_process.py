"""A Gaussian process over log scale: RBF (a length for each axis) + linear + white, by its largest marginal likelihood.

k(u, v) = s^2 exp(-sum (u - v)^2 / 2 l^2) + r^2 u.v + t^2 [u = v]. Reference: Rasmussen & Williams 2006, algorithm 2.1
and section 5.4.1.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.special import ndtri

from baselines.asked import Array, Asked
from monitor.science.levels import LEVELS

BOUNDS = {"size": (-5.0, 5.0), "slope": (-5.0, 5.0), "white": (-8.0, 0.5), "length": (-2.3, 3.0)}
"""Of the logarithms, for inputs and values of unit variance."""


def _kernel(p: Array, u: Array, v: Array) -> Array:
    size, slope, length = np.exp(2 * p[0]), np.exp(2 * p[1]), np.exp(p[3:])
    distance = (((u[:, None] - v[None]) / length) ** 2).sum(axis=2)
    return np.asarray(size * np.exp(-0.5 * distance) + slope * (u @ v.T), dtype=float)


def _cost(p: Array, u: Array, y: Array) -> float:
    K = _kernel(p, u, u) + np.exp(2 * p[2]) * np.eye(y.size)
    try:
        root = cho_factor(K, lower=True)
    except np.linalg.LinAlgError:
        return 1e9
    return 0.5 * float(y @ cho_solve(root, y)) + float(np.log(np.diagonal(root[0])).sum())


def quantiles(a: Asked) -> Array:
    """Quantiles (m, levels)."""
    u, to = np.log(a.scale), np.log(a.to_scale)
    middle, width = u.mean(axis=0), np.maximum(u.std(axis=0), 1e-9)
    u, to = (u - middle) / width, (to - middle) / width
    level, spread = float(a.z.mean()), float(a.z.std())
    if a.value.size < 3 or spread == 0:
        return a.flat()
    y = (a.z - level) / spread
    bounds = [BOUNDS["size"], BOUNDS["slope"], BOUNDS["white"], *[BOUNDS["length"]] * a.axes]
    starts = [np.array([0.0, 0.0, white, *[0.0] * a.axes]) for white in (-3.0, -1.0)]
    found = min(
        (minimize(_cost, s, (u, y), method="L-BFGS-B", bounds=bounds, options={"maxiter": 60}) for s in starts),
        key=lambda r: float(r.fun),
    )
    p, white = found.x, np.exp(2 * found.x[2])
    root = cho_factor(_kernel(p, u, u) + (white + 1e-10) * np.eye(y.size), lower=True)
    off = _kernel(p, u, to)
    mean = off.T @ cho_solve(root, y)
    own = np.exp(2 * p[0]) + np.exp(2 * p[1]) * (to**2).sum(axis=1)
    variance = np.maximum(own + white - (off * cho_solve(root, off)).sum(axis=0), 1e-18)
    return a.back(level + spread * (mean[:, None] + np.sqrt(variance)[:, None] * ndtri(LEVELS)))
