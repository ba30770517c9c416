"""`offset`: log(k + (1 - k) exp(-c u)), falling; a power law above an irreducible loss, seen through the log link.

k is the share of the irreducible part at the last rung. Reference: Hoffmann et al. 2022, eq. 2; Alabdulmohsin et al.
2022, M2.

>>> FORM.basis(u := np.array([[0.0], [1e3]]), np.array([[0.5, 1.0]]), u).round(6)[0, 1]  # -log k far out
np.float64(0.693147)
"""

from __future__ import annotations

import numpy as np

from monitor.science.forms.base import Array, Form


def _basis(u: Array, grid: Array, ladder: Array) -> Array:
    k, c = grid[:, :1], grid[:, 1:2]
    return np.asarray(-np.log(k + (1 - k) * np.exp(-c * u[:, 0])), dtype=float)


FORM = Form(
    name="offset",
    axes=1,
    links=("log",),
    grid=tuple(
        (k, c) for k in (0.1, 0.3, 0.5, 0.7, 0.85, 0.95) for c in (0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.1, 1.6, 2.5)
    ),
    basis=_basis,
)
