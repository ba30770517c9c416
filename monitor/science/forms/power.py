"""`power`: z = a + b (1 - exp(-c u)) / c; a power law of scale with an asymptote where c > 0, log-linear as c -> 0.

Reference: Kaplan et al. 2020, eq. 1.1; Hestness et al. 2017.

>>> FORM.basis(u := np.array([[-1.0], [0.0]]), np.array([[1.0]]), u).round(6)
array([[-1.718282,  0.      ]])
"""

from __future__ import annotations

import numpy as np

from monitor.science.forms.base import Array, Form


def _basis(u: Array, grid: Array, ladder: Array) -> Array:
    c = grid[:, :1]
    return np.asarray(-np.expm1(-c * u[:, 0]) / c, dtype=float)


FORM = Form(
    name="power",
    axes=1,
    links=("log", "score", "free"),
    # c < 0 accelerates; faster than this and a shape says nothing but "explodes beyond the last rung".
    grid=tuple((c,) for c in (-0.3, -0.12, 1e-6, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.5)),
    basis=_basis,
)
