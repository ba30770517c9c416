"""`log_linear`: z = a + b u, the same step for every doubling of scale."""

from __future__ import annotations

import numpy as np

from monitor.science.forms.base import Array, Form


def _line(u: Array, exponents: Array) -> Array:
    return np.broadcast_to(u[None, :, None], (exponents.size, u.size, 1)).astype(float)


FORM = Form(name="log_linear", prior=0.35, basis=_line)
