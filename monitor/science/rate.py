"""How much faster a trend grows beyond a knot than before it: a continuous line of two pieces."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

Array = npt.NDArray[np.float64]

FEWEST = 3
"""A line of two pieces has three coefficients."""


class Bend(NamedTuple):
    """A fitted line of two pieces: slopes before and beyond its knot, their covariance, and degrees of freedom left.

    Of many series at once, each is (series,), the covariance (series, 2, 2).
    """

    earlier: Array
    later: Array
    covariance: Array
    dof: int


def bend(x: Array, y: Array, knot: float) -> Bend:
    """Least squares of y = a + b x + c max(x - knot, 0); the slopes are b and b + c.

    `x` (n,) in any order and unit, `y` (series, n) or (n,). The covariance is that of ordinary least squares, with the
    residual variance on n - 3 degrees of freedom (nan where none is left). Reference: Seber & Lee, Linear Regression
    Analysis, 2nd ed. 2003, sections 3.1 and 6.5 (splines with a known knot). Raises ValueError where the slopes are not
    determined: fewer than two different x up to the knot, or none beyond it.

    >>> fit = bend(np.array([0.0, 1, 2, 3, 4]), np.array([0.0, 1, 2, 5, 8]), 2.0)
    >>> fit.earlier.round(9), fit.later.round(9)
    (array([1.]), array([3.]))
    """
    if np.unique(x[x <= knot]).size < 2 or not (x > knot).any() or x.size < FEWEST:
        raise ValueError(f"a bend at {knot:g} needs two different x up to it and one beyond it")
    many = np.atleast_2d(y)
    unit = float(np.ptp(x)) or 1.0
    u = (x - x.mean()) / unit
    design = np.column_stack([np.ones(x.size), u, np.maximum(x - knot, 0.0) / unit])
    inverse = np.linalg.pinv(design.T @ design)
    found = many @ design @ inverse
    dof = x.size - FEWEST
    off = many - found @ design.T
    variance = (off**2).sum(axis=1) / dof if dof else np.full(many.shape[0], np.nan)
    slopes = np.array([[0.0, 1, 0], [0, 1, 1]])
    covariance = variance[:, None, None] * (slopes @ inverse @ slopes.T) / unit**2
    earlier, later = (found @ slopes.T / unit).T
    return Bend(earlier, later, covariance, dof)


def lower_bound(fit: Bend, confidence: float) -> Array:
    """One-sided lower confidence bound of later / earlier, (series,), by Fieller's theorem.

    The smaller root R of (later - R earlier)^2 = t^2 (v22 - 2 R v12 + R^2 v11), t the quantile of Student's law at
    `confidence` with the degrees of freedom of the fit; nan where the earlier slope is not above 0 at that confidence,
    or no degree of freedom is left. Reference: Fieller 1954, J. R. Stat. Soc. B 16, 175.

    >>> x = np.arange(8.0)
    >>> fit = bend(x, x + np.maximum(x - 4, 0) * 2 + np.array([0.1, -0.1] * 4), 4.0)
    >>> (fit.later / fit.earlier).round(3), lower_bound(fit, 0.95).round(3)
    (array([2.993]), array([2.724]))
    """
    if fit.dof < 1:
        return np.full(fit.earlier.shape, np.nan)
    t = float(stdtrit(fit.dof, confidence))
    v11, v12, v22 = (fit.covariance[:, i, j] for i, j in ((0, 0), (0, 1), (1, 1)))
    a = fit.earlier**2 - t**2 * v11
    b = fit.earlier * fit.later - t**2 * v12
    c = fit.later**2 - t**2 * v22
    sure = fit.earlier > t * np.sqrt(v11)
    with np.errstate(all="ignore"):
        root = (b - np.sqrt(np.maximum(b**2 - a * c, 0.0))) / a
    return np.where(sure, root, np.nan)
