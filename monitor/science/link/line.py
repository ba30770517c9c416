"""A straight line by least squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """A least-squares line and its standard deviations."""

    intercept: float
    slope: float
    residual_sd: float
    intercept_sd: float
    slope_sd: float


def least_squares(x: Array, y: Array) -> Line:
    """Ordinary least squares of y on x, shape (k,), k >= 3; residual standard deviation with k - 2 degrees of freedom.

    >>> line = least_squares(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0]))
    >>> round(line.intercept, 9), round(line.slope, 9)
    (1.0, 2.0)
    """
    d = x - x.mean()
    sxx = float(d @ d)
    slope = float(d @ y) / sxx
    intercept = float(y.mean()) - slope * float(x.mean())
    residual = y - intercept - slope * x
    sd = float(np.sqrt(residual @ residual / (x.size - 2)))
    intercept_sd = sd * float(np.sqrt(1 / x.size + float(x.mean()) ** 2 / sxx))
    return Line(intercept, slope, sd, intercept_sd, sd / float(np.sqrt(sxx)))
