"""y = E + A x^-a, or E + A N^-a + B D^-b: what `scipy.optimize.curve_fit` is used for, with resampled residuals.

Reference: Hoffmann et al. 2022, eq. 2. Exponents stay between 0 and 3; residuals are of the metric itself.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from baselines.asked import Array, Asked
from baselines.curve import Curve, bootstrapped


def _formula(p: Array, u: Array) -> Array:
    exponents = 3 * expit(p[2::2])
    return np.asarray(p[0] + np.exp(-u * exponents) @ p[1::2], dtype=float)


def quantiles(a: Asked) -> Array:
    """Quantiles (m, levels)."""
    first = np.log(a.scale.min(axis=0))
    size = float(np.ptp(a.value)) or 1.0
    y = a.value / size
    fall = float(y[0] - y[-1]) / a.axes
    start = [float(y[-1])] + [fall, -2.2] * a.axes
    curve = Curve(_formula, [start])
    return bootstrapped(a, curve, np.log(a.scale) - first, np.log(a.to_scale) - first, y, lambda v: v * size)
