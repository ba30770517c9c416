"""What a functional form is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Form:
    """A trend that is linear in all but one parameter: mean z(u) = b0 + sum_j b_j basis_j(u; exponent).

    u = log(x / x_last) <= 0 on the ladder and > 0 at targets; every basis function is 0 at u = 0, so b0 is the level at
    the last rung.
    """

    name: str
    prior: float
    """Share of belief before any data, over all exponents together; shares of the registered forms need not sum to
    1."""
    basis: Callable[[Array, Array], Array]
    """(u of shape (n,), exponents of shape (g,)) -> array (g, n, p - 1)."""
    exponents: tuple[float, ...] = (0.0,)
    """Grid of the non-linear parameter; (0,) where there is none."""
    walk: bool = False
    """Whether the level starts at the last rung and wanders (random walk), instead of being fitted to all rungs."""
