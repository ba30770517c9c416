"""M4: (e - e_inf) / (e_0 - e)^alpha = b x^-c, solved for e. Reference: Alabdulmohsin, Neyshabur & Zhai 2022, eq. 2.

With e = e_inf + (e_0 - e_inf) sigma(s) and w = e_0 - e_inf it reads
log sigma(s) - alpha log sigma(-s) = log b - c u - (1 - alpha) log w, whose left side rises in s with a slope between 1
and alpha: Newton's steps end in the only solution.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_expit

from baselines.asked import Array, Asked
from baselines.curve import Curve, along_cost

STEPS = 8


def _formula(p: Array, u: Array) -> Array:
    log_b, c, low, log_w, alpha = p[0], np.exp(np.clip(p[1], -9, 3)), p[2], p[3], np.exp(np.clip(p[4], -4, 2))
    right = log_b - c * u[:, 0] - (1 - alpha) * log_w
    s = np.where(right < 0, right, right / alpha)
    for _ in range(STEPS):
        share = expit(s)
        s = s - (log_expit(s) - alpha * log_expit(-s) - right) / (1 - share + alpha * share)
    return np.asarray(low + np.exp(log_w) * expit(s), dtype=float)


def quantiles(a: Asked) -> Array:
    """Quantiles (m, levels)."""

    def curve(errors: Array) -> Curve:
        fall, low = float(np.ptp(errors)) or 1e-3, float(errors.min())
        starts = [
            [level, -1.5, low - below * fall, float(np.log((1.2 + below) * fall)), -0.5]
            for level, below in ((0.0, 0.2), (2.0, 1.0))
        ]
        return Curve(_formula, starts, logged=bool((errors > 0).all()))

    return along_cost(a, curve)
