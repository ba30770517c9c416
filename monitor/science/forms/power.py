"""`power`: z = a + b (1 - exp(-c u)) / c, a power law of scale; c < 0 accelerates, c > 0 saturates, c -> 0 is
log-linear."""

from __future__ import annotations

import numpy as np

from monitor.science.forms.base import Array, Form


def _power(u: Array, exponents: Array) -> Array:
    c = exponents[:, None]
    return np.asarray((-np.expm1(-c * u[None, :]) / c)[:, :, None], dtype=float)


FORM = Form(
    name="power",
    prior=0.3,
    basis=_power,
    # c = -1 is linear in the scale itself: nothing grows faster than its resource for long.
    exponents=(-1.0, -0.75, -0.5, -0.3, -0.15, 0.1, 0.2, 0.35, 0.55, 0.8, 1.2, 1.8),
)
