"""`joint_sigmoid`: a sigmoid of the reducible loss; a score that follows a loss which follows parameters and tokens.

m and s in spans of the loss on the ladder; m < 0 lies beyond it. Reference: Bhagia et al. 2024 (task loss, then a
sigmoid), in one step.

>>> u = np.array([[0.0, 0.0], [-1.0, -1.0]])
>>> float(FORM.basis(u, np.array([[0.3, 0.3, 1.0, 0.2, 0.3]]), u)[0, 0].round(6))
0.660756
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from monitor.science.forms.base import Array, Form
from monitor.science.forms.joint_power import TRADES, reducible


def _basis(u: Array, grid: Array, ladder: Array) -> Array:
    q = reducible(u, grid)
    # q on the ladder runs from its least value to its largest; m and s are shares of that span.
    own = reducible(ladder, grid)
    low = own.min(axis=1, keepdims=True)
    span = np.maximum(own.max(axis=1, keepdims=True) - low, 1e-9)
    m, s = grid[:, 3:4], grid[:, 4:5]
    return np.asarray(expit(-((q - low) / span - m) / s), dtype=float)


FORM = Form(
    name="joint_sigmoid",
    axes=2,
    links=("score",),
    grid=tuple((*trade, m, s) for trade in TRADES for m in (-2.0, -1.0, -0.4, 0.2, 0.7) for s in (0.15, 0.3, 0.7)),
    basis=_basis,
)
