"""M1: e = b x^-c. Reference: Alabdulmohsin, Neyshabur & Zhai 2022, section 3. Fitted to log e."""

from __future__ import annotations

import numpy as np

from baselines.asked import Array, Asked
from baselines.curve import Curve, along_cost


def _formula(p: Array, u: Array) -> Array:
    return np.asarray(np.exp(p[0] - p[1] * u[:, 0]), dtype=float)


def quantiles(a: Asked) -> Array:
    """Quantiles (m, levels)."""
    if not (a.errors > 0).all():
        return a.flat()  # a power law is positive
    return along_cost(a, lambda errors: Curve(_formula, [[float(np.log(errors[0])), 0.2]], logged=True))
