"""`joint_power`: q = (exp(-a n) + r exp(-b d)) / (1 + r), falling; the reducible loss as a sum over two axes.

Reference: Hoffmann et al. 2022, eq. 2: L = E + A N^-a + B D^-b; r = B / A at the corner of the ladder.

>>> FORM.basis(u := np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[0.5, 0.5, 1.0]]), u).round(6)
array([[-1.      , -0.803265]])
"""

from __future__ import annotations

import numpy as np

from monitor.science.forms.base import Array, Form

EXPONENTS = (0.1, 0.2, 0.35, 0.55)
RATIOS = (0.2, 0.6, 1.5)
TRADES = tuple((a, b, r) for a in EXPONENTS for b in EXPONENTS for r in RATIOS)


def reducible(u: Array, grid: Array) -> Array:
    """q of shape (g, n) at `u` (n, 2) for exponents a, b and the ratio r in the first three columns of `grid`.

    >>> reducible(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[0.5, 0.5, 1.0]])).round(6)
    array([[1.      , 0.803265]])
    """
    a, b, r = grid[:, :1], grid[:, 1:2], grid[:, 2:3]
    return np.asarray((np.exp(-a * u[:, 0]) + r * np.exp(-b * u[:, 1])) / (1 + r), dtype=float)


def _basis(u: Array, grid: Array, ladder: Array) -> Array:
    return -reducible(u, grid)


FORM = Form(name="joint_power", axes=2, links=("score", "free"), grid=TRADES, basis=_basis)
