"""BNSL with one break: e = a + b x^-c0 (1 + (x / d)^(1/f))^(-c1 f). Reference: Caballero et al. 2023, eq. 1, n = 1.

Fitted to log e where e > 0, from breaks at several places.
"""

from __future__ import annotations

import numpy as np

from baselines.asked import Array, Asked
from baselines.curve import Curve, along_cost


def _formula(p: Array, u: Array) -> Array:
    f = np.exp(np.clip(p[5], -4, 2))
    bend = np.logaddexp(0.0, (u[:, 0] - p[4]) / f)
    return np.asarray(p[0] + np.exp(np.clip(p[1] - p[2] * u[:, 0] - p[3] * f * bend, -700, 300)), dtype=float)


def quantiles(a: Asked) -> Array:
    """Quantiles (m, levels)."""

    def curve(errors: Array) -> Curve:
        fall, low = float(np.ptp(errors)) or 1e-3, float(errors.min())
        starts = [
            [low - 0.2 * fall, float(np.log(1.2 * fall)), c0, c1, d, -0.7]
            for d in (1.0, 3.0, 6.0)
            for c0, c1 in ((0.05, 0.3), (0.3, -0.1))
        ]
        return Curve(_formula, starts, logged=bool((errors > 0).all()))

    return along_cost(a, curve)
