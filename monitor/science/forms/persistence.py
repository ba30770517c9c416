"""`persistence`: the last value repeated, with a random walk in log scale; the baseline that is hard to beat."""

from __future__ import annotations

import numpy as np

from monitor.science.forms.base import Array, Form


def _none(u: Array, exponents: Array) -> Array:
    return np.zeros((exponents.size, u.size, 0))


FORM = Form(name="persistence", prior=0.15, basis=_none, walk=True)
