"""`constant`: no trend, every rung measures the same level; right for tasks at chance or saturated."""

from __future__ import annotations

import numpy as np

from monitor.science.forms.base import Array, Form


def _none(u: Array, exponents: Array) -> Array:
    return np.zeros((exponents.size, u.size, 0))


FORM = Form(name="constant", prior=0.2, basis=_none)
