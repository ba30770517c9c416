"""`slow_down`: log-linear up to m, then at a share of that slope.

m in spans of the ladder; the second parameter is the share of the slope that remains. Reference: Caballero et al.
2023 (broken neural scaling laws), one break.

>>> FORM.basis(u := np.array([[-10.0], [0.0]]), np.array([[-0.5, 0.3]]), u).round(6)
array([[-10. ,  -3.5]])
"""

from __future__ import annotations

import numpy as np

from monitor.science.forms.base import Array, Form, span
from monitor.science.forms.take_off import softplus


def _basis(u: Array, grid: Array, ladder: Array) -> Array:
    m, rest = grid[:, :1] * span(ladder), grid[:, 1:2]
    return np.asarray(u[:, 0] - (1 - rest) * softplus(u[:, 0], m), dtype=float)


FORM = Form(
    name="slow_down",
    axes=1,
    links=("log", "score", "free"),
    grid=tuple((m, rest) for m in (-0.8, -0.57, -0.33, -0.1) for rest in (0.1, 0.3, 0.6)),
    basis=_basis,
)
