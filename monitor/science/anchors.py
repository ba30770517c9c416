"""Laws at every target of a ladder; on a dense curve at a few anchors, with the quantiles in between interpolated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.science import levels
from monitor.science.predict import Targets
from monitor.science.scores import Law

Array = npt.NDArray[np.float64]

MOST = 16
"""Laws of one curve; what lies between them changes slowly with the logarithm of scale."""

_FAR = (1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)
TAILS = np.array(sorted({*_FAR, *levels.LEVELS, 0.01, 0.99, *(1 - p for p in _FAR)}))
"""Levels by which tails of an interpolated law are told."""


@dataclass(frozen=True)
class Anchored:
    """The laws of m targets: between law `left` and the next one, `way` of the way there, each (m,)."""

    laws: Sequence[Law]
    left: npt.NDArray[np.intp]
    way: Array

    @classmethod
    def each(cls, laws: Sequence[Law]) -> Anchored:
        """One law a target."""
        return cls(laws, np.arange(len(laws)), np.zeros(len(laws)))

    def quantiles(self, p: Array) -> Array:
        """Quantiles (m, q) at levels `p` (q,), in units of the metric."""
        table = np.array([law.quantile(p) for law in self.laws])
        right = np.minimum(self.left + 1, len(self.laws) - 1)
        way = self.way[:, None]
        return np.asarray((1 - way) * table[self.left] + way * table[right], dtype=float)

    def tails(self, y: Array, published: Array) -> tuple[Array, Array]:
        """(P(Y <= y), P(Y >= y)) of one value (m,) for each target, `published` (m, q) its quantiles at LEVELS.

        As the published quantiles have it, so that anybody can compute it again; beyond the outermost of them, of the
        law itself.
        """
        at = np.array(levels.LEVELS)
        out = np.array([levels.tails(at, q, float(v)) for q, v in zip(published, y, strict=True)]).reshape(-1, 2)
        far = np.flatnonzero(out.min(axis=1) < levels.LEVELS[0])
        between = far[self.way[far] > 0]
        table = self.quantiles(TAILS) if between.size else np.zeros((0, 0))
        for i in far:
            law = self.laws[self.left[i]]
            value = float(y[i])
            exact = (float(law.cdf(value)), float(law.sf(value)))
            told = levels.tails(TAILS, table[i], value) if self.way[i] > 0 else exact
            out[i] = np.where(out[i] < levels.LEVELS[0], told, out[i])
        return out[:, 0], out[:, 1]

    def nearest(self) -> npt.NDArray[np.intp]:
        """(m,): the law that stands nearest to each target."""
        return np.minimum(self.left + (self.way > 0.5), len(self.laws) - 1)


def anchored(targets: Targets, laws: Callable[[Targets], Sequence[Law]]) -> Anchored:
    """The laws of `targets`, asked for at no more than MOST scales of one axis."""
    u = targets.u[:, 0]
    if targets.u.shape[1] > 1 or np.unique(u).size <= MOST:
        return Anchored.each(laws(targets))
    grid = np.linspace(u.min(), u.max(), MOST)
    order = np.argsort(u, kind="stable")
    variance = np.interp(grid, u[order], targets.variance[0, order])[None]
    at = np.interp(u, grid, np.arange(MOST, dtype=float))
    left = np.minimum(at.astype(int), MOST - 2)
    return Anchored(
        laws(Targets(grid[:, None], np.interp(grid, u[order], targets.c[order]), variance)), left, at - left
    )
