"""y = L + A / (1 + exp(-(log x - m) / s)): what saturates. On two axes x is cost.

Reference: Ruan et al. 2024 (observational scaling laws), eq. 3, with free asymptotes.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from baselines.asked import Array, Asked
from baselines.curve import Curve, along_cost


def _formula(p: Array, u: Array) -> Array:
    return np.asarray(p[0] + p[1] * expit(-(u[:, 0] - p[2]) / np.exp(np.clip(p[3], -5, 5))), dtype=float)


def quantiles(a: Asked) -> Array:
    """Quantiles (m, levels)."""

    def curve(errors: Array) -> Curve:
        low, fall = float(errors.min()), float(np.ptp(errors)) or 1e-3
        return Curve(_formula, [[low - 0.1 * fall, 1.2 * fall, middle, 0.0] for middle in (1.0, 3.0, 6.0)])

    return along_cost(a, curve)
