"""`joint_offset`: log(k + (1 - k) q), falling; the Chinchilla law with its irreducible part, through the log link.

k is the share of the irreducible loss at the corner of the ladder. Reference: Hoffmann et al. 2022, eq. 2.

>>> FORM.basis(u := np.array([[0.0, 0.0]]), np.array([[0.3, 0.3, 1.0, 0.4]]), u).round(6) + 0.0
array([[0.]])
"""

from __future__ import annotations

import numpy as np

from monitor.science.forms.base import Array, Form
from monitor.science.forms.joint_power import TRADES, reducible


def _basis(u: Array, grid: Array, ladder: Array) -> Array:
    k = grid[:, 3:4]
    return np.asarray(-np.log(k + (1 - k) * reducible(u, grid)), dtype=float)


FORM = Form(
    name="joint_offset",
    axes=2,
    links=("log",),
    grid=tuple((*trade, k) for k in (0.0, 0.4, 0.75) for trade in TRADES),
    basis=_basis,
)
