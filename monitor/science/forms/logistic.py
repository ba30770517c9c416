"""`logistic`: 1 / (1 + exp(-(u - m) / s)); a take-off that saturates. m may lie beyond the last rung.

m in spans of the ladder, s in nats. Reference: Ruan et al. 2024 (sigmoids of capability); Caballero et al. 2023.

>>> FORM.basis(u := np.array([[-1.0], [0.0]]), np.array([[-0.5, 1.0]]), u).round(6)
array([[0.377541, 0.622459]])
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from monitor.science.forms.base import Array, Form, span


def _basis(u: Array, grid: Array, ladder: Array) -> Array:
    m, s = grid[:, :1] * span(ladder), grid[:, 1:2]
    return np.asarray(expit((u[:, 0] - m) / s), dtype=float)


FORM = Form(
    name="logistic",
    axes=1,
    links=("log", "score", "free"),
    grid=tuple(
        (m, s) for m in (-1.0, -0.825, -0.65, -0.475, -0.3, -0.125, 0.05, 0.225, 0.4) for s in (0.25, 0.5, 1.0, 2.0)
    ),
    basis=_basis,
)
