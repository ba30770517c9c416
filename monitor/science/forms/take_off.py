"""`take_off`: f softplus((u - m) / f); flat up to m, then log-linear.

m in spans of the ladder. Reference: Caballero et al. 2023 (broken neural scaling laws), one break.

>>> FORM.basis(u := np.array([[-10.0], [0.0]]), np.array([[-0.5]]), u).round(6)
array([[0., 5.]])
"""

from __future__ import annotations

import numpy as np

from monitor.science.forms.base import Array, Form, span

SOFT = 0.3
"""Width of a bend, in nats."""


def softplus(u: Array, m: Array) -> Array:
    """SOFT log(1 + exp((u - m) / SOFT)): a hinge at `m`, rounded over about a third of a nat."""
    return np.asarray(SOFT * np.logaddexp(0.0, (u - m) / SOFT), dtype=float)


def _basis(u: Array, grid: Array, ladder: Array) -> Array:
    return softplus(u[:, 0], grid[:, :1] * span(ladder))


FORM = Form(
    name="take_off",
    axes=1,
    links=("log", "score", "free"),
    grid=tuple((m,) for m in (-0.8, -0.57, -0.33, -0.1)),
    basis=_basis,
)
