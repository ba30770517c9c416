"""What a functional form is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Form:
    """One family of shapes over scale, with fixed grids of its non-linear parameters: z = level + slope * basis.

    The basis rises with scale. What it looks like is all that matters: level and slope are integrated out, and
    `monitor.science.dictionary` shifts and scales every shape to the same average slope on the ladder.
    """

    name: str
    axes: int
    """1: one scale; 2: parameters and tokens."""
    links: tuple[str, ...]
    """The categories of metrics it is tried on: log (losses), score (shares), free (signed, unbounded)."""
    grid: tuple[tuple[float, ...], ...]
    """The fixed parameters, one tuple a shape."""
    basis: Callable[[Array, Array, Array], Array]
    """(u of shape (n, axes), grid of shape (g, q), u of the ladder's own rungs) -> array (g, n).

    u = log(scale / largest scale of the ladder), one column an axis.
    """


def span(ladder: Array) -> float:
    """Nats of scale that the ladder covers on its first axis, at least 0.3.

    >>> span(np.array([[-2.0], [0.0]]))
    2.0
    """
    return max(-float(ladder[:, 0].min()), 0.3)
