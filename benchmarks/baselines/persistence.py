"""The last value again, Student t with the spread of past steps, growing with the square root of the distance."""

from __future__ import annotations

import numpy as np

from baselines.asked import Array, Asked
from monitor.science.levels import LEVELS
from monitor.science.persistence import persistence


def quantiles(a: Asked) -> Array:
    """Quantiles (m, levels)."""
    laws = persistence(a.value, a.cost, a.to_cost, (a.lower, a.upper), logged=a.logged)
    return a.inside(np.array([law.quantile(LEVELS) for law in laws]))
