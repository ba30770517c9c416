"""`plane`: n + r d; log-linear in parameters and tokens, with a fixed trade between the two.

Weights of log parameters and of log tokens.

>>> FORM.basis(u := np.array([[-1.0, -2.0]]), np.array([[1.0, 0.5]]), u)
array([[-2.]])
"""

from __future__ import annotations

import numpy as np

from monitor.science.forms.base import Array, Form


def _basis(u: Array, grid: Array, ladder: Array) -> Array:
    return np.asarray(grid @ u.T, dtype=float)


FORM = Form(
    name="plane",
    axes=2,
    links=("log", "score", "free"),
    grid=((1.0, 0.0), (1.0, 0.25), (1.0, 0.5), (1.0, 1.0), (1.0, 2.0), (1.0, 4.0), (0.0, 1.0)),
    basis=_basis,
)
