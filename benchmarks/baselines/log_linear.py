"""z = a + b log x, or a + b log N + c log D: least squares with its t interval. A loss is seen as its logarithm.

Reference: Draper & Smith 1998, section 1.4 (prediction of a single observation).
"""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from baselines.asked import Array, Asked
from monitor.science.levels import LEVELS


def quantiles(a: Asked) -> Array:
    """Quantiles (m, levels)."""
    last = np.log(a.scale).max(axis=0)
    A = np.column_stack([np.ones(a.value.size), np.log(a.scale) - last])
    B = np.column_stack([np.ones(a.to_cost.size), np.log(a.to_scale) - last])
    n, p = A.shape
    if n <= p:
        return a.flat()
    slope = np.linalg.lstsq(A, a.z, rcond=None)[0]
    s2 = float(((a.z - A @ slope) ** 2).sum()) / (n - p)
    spread = np.sqrt(np.maximum(s2 * (1 + np.einsum("ip,pq,iq->i", B, np.linalg.pinv(A.T @ A), B)), 1e-18))
    return a.back((B @ slope)[:, None] + spread[:, None] * stdtrit(n - p, np.array(LEVELS)))
