"""A formula with free parameters -> least squares from several starts, and quantiles by resampling its residuals.

Reference: Efron & Tibshirani 1993, chapter 9.5 (bootstrapping residuals).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from baselines.asked import Array, Asked
from monitor.science.levels import LEVELS

DRAWS = 50
"""Resampled fits of each series."""
AGAIN = 100
"""Values that a resampled fit may ask for; it starts where the first one ended."""
REACH = 10.0
"""A fit that ends farther from its ladder than this many of its ranges has diverged and is dropped: as a person would,
and in favour of the baseline."""
NOISE = 20
"""Residuals added to each of them."""

Formula = Callable[[Array, Array], Array]
"""(parameters, u of shape (n, axes)) -> values (n,); u = log(scale / smallest)."""


@dataclass(frozen=True)
class Curve:
    """A formula, where its fits start, and whether residuals are taken of the logarithm."""

    formula: Formula
    starts: Sequence[Sequence[float]]
    logged: bool = False

    def fit(self, u: Array, y: Array, starts: Sequence[Array], most: int = 600) -> Array | None:
        """The best of the fits from `starts`, of at most so many values; None where none of them ends anywhere."""
        best: tuple[float, Array] | None = None
        for start in starts:
            try:
                with np.errstate(all="ignore"):
                    found = least_squares(
                        self._residual, start, method="lm", max_nfev=most, ftol=1e-6, xtol=1e-6, args=(u, y)
                    )
            except ValueError:  # residuals left all bounds
                continue
            if np.isfinite(found.cost) and (best is None or found.cost < best[0]):
                best = float(found.cost), np.asarray(found.x, dtype=float)
        return None if best is None else best[1]

    def at(self, p: Array, u: Array) -> Array:
        """Values on the scale of the residuals."""
        with np.errstate(all="ignore"):
            y = self.formula(p, u)
            return np.log(np.maximum(y, 1e-12)) if self.logged else y

    def _residual(self, p: Array, u: Array, y: Array) -> Array:
        return np.nan_to_num(self.at(p, u) - y, nan=1e6, posinf=1e6, neginf=-1e6)


def bootstrapped(a: Asked, curve: Curve, u: Array, to: Array, y: Array, back: Callable[[Array], Array]) -> Array:
    """Quantiles (m, levels) of `curve` fitted to `y` (n,) at `u`; `back` takes values of `y` to the metric."""
    rng = np.random.default_rng(0)
    starts = [np.array(s, dtype=float) for s in curve.starts]
    n, q = y.size, starts[0].size
    z = np.log(np.maximum(y, 1e-12)) if curve.logged else y
    near = REACH * (float(np.ptp(y)) or 1.0)

    def sane(p: Array) -> bool:
        with np.errstate(all="ignore"):
            return bool((np.abs(curve.formula(p, to) - y[-1]) <= near).all())

    found = curve.fit(u, z, starts) if n > q else None
    if found is None or not sane(found):
        return a.flat()
    line = curve.at(found, u)
    rest = (z - line) * np.sqrt(n / (n - q))
    drawn = []
    for _ in range(DRAWS):
        again = curve.fit(u, line + rng.choice(rest, n), [found], AGAIN)
        if again is not None and sane(again):
            drawn.append(curve.at(again, to)[None] + rng.choice(rest, (NOISE, to.shape[0])))
    if not drawn:
        return a.flat()
    ahead = np.concatenate(drawn)
    values = back(np.exp(np.clip(ahead, -700, 700)) if curve.logged else ahead)
    out = np.quantile(values, LEVELS, axis=0).T
    return a.inside(out) if np.isfinite(out).all() else a.flat()


def along_cost(a: Asked, curve: Callable[[Array], Curve]) -> Array:
    """A curve of one scale, of errors that fall; on two axes the scale is cost. `curve` is told the errors."""
    scale, to = (a.scale, a.to_scale) if a.axes == 1 else (a.cost[:, None], a.to_cost[:, None])
    first = np.log(scale.min(axis=0))
    errors = a.errors
    return bootstrapped(a, curve(errors), np.log(scale) - first, np.log(to) - first, errors, a.turned)
