"""Figures that the literature reads emergence off: shown beside a verdict, never judged by."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class Figures(NamedTuple):
    """Of ladders (...,): each figure NaN where it is undefined."""

    gain: Array
    """Signed range, in units of the metric."""
    breakthroughness: Array
    """Emergence score of Schaeffer et al. 2023, breakthroughness of Srivastava et al. 2022."""
    linearity: Array
    """Linearity of Srivastava et al. 2022."""
    last_step: Array
    """Share of the gain that the last step made."""
    flat: npt.NDArray[np.bool_]
    """Whether the median step is zero, so that breakthroughness is undefined."""


def figures(y: Array) -> Figures:
    """Emergence figures of values `y` (..., n) in order of model size, in any unit, larger being more capable.

        I = sign(argmax y - argmin y) (max y - min y)
        breakthroughness = I / sqrt(median_i (y_i - y_(i-1))^2)     the emergence score
        linearity        = I / sqrt(mean_i (y_i - y_(i-1))^2)       n - 1 for equal steps
        last step        = (y_n - y_(n-1)) / I

    NaN where the divisor is zero; a step below 1e-12 of the largest value is zero. Raises ValueError for fewer than two
    sizes. Reference: Srivastava et al. 2022, appendix B; Schaeffer et al. 2023, eq. 1; Xia et al. 2023, eq. 4.

    >>> told = figures(np.array([[0.0, 0.25, 0.5, 0.75, 1.0], [0.0, 0.0, 0.0, 0.0, 1.0]]))
    >>> told.linearity.tolist(), told.breakthroughness.tolist(), told.flat.tolist()
    ([4.0, 2.0], [4.0, nan], [False, True])
    >>> told.last_step.tolist()
    [0.25, 1.0]
    """
    if y.shape[-1] < 2:
        raise ValueError(f"{y.shape[-1]} sizes; a step needs two")
    least = ROUNDING * np.abs(y).max(axis=-1, keepdims=True)
    step = np.diff(y, axis=-1)
    step = np.where(np.abs(step) <= least, 0.0, step)
    up = np.sign(y.argmax(axis=-1) - y.argmin(axis=-1))
    gain = up * np.where(np.ptp(y, axis=-1) <= least[..., 0], 0.0, np.ptp(y, axis=-1))
    middle = np.sqrt(np.median(step**2, axis=-1))
    return Figures(
        gain=gain,
        breakthroughness=_over(gain, middle),
        linearity=_over(gain, np.sqrt((step**2).mean(axis=-1))),
        last_step=_over(step[..., -1], gain),
        flat=np.asarray(middle == 0),
    )


ROUNDING = 1e-12
"""Part of the largest value below which a step is rounding, not a step."""


def _over(top: Array, bottom: Array) -> Array:
    known = bottom != 0
    return np.asarray(np.where(known, top / np.where(known, bottom, 1.0), np.nan), dtype=float)
