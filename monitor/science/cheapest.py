"""Which of several settings costs least, how sure that is, and between what limits its rates lie."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, gammaincinv, ndtri

Array = npt.NDArray[np.float64]


class Counts(NamedTuple):
    """What each of R independent clusters (runs) did under each of S settings."""

    false: Array
    """(R, S): false pauses."""
    chances: Array
    """(R,): checkpoints on trend, each a chance of one."""
    missed: Array
    """(R, S): planted breaks that were missed."""
    planted: Array
    """(R,): planted breaks."""

    def rates(self) -> tuple[Array, Array]:
        """(S,) false pauses a checkpoint, (S,) share of breaks missed; nan where nothing was counted."""
        one = np.ones((1, len(self.chances)))
        false, missed = _rates(self, one)
        return false[0], missed[0]


def resampled(rng: np.random.Generator, counts: Counts, draws: int) -> tuple[Array, Array]:
    """The two rates of `draws` samples of as many clusters, drawn with replacement, both (draws, S).

    The clusters keep what is inside them together (cluster bootstrap, Efron & Tibshirani 1993, ch. 8). A sample without
    a planted break, or without a checkpoint, has the rates of the whole.

    >>> counts = Counts(np.array([[0.0], [2.0]]), np.array([4.0, 4.0]), np.array([[1.0], [1.0]]), np.array([2.0, 2.0]))
    >>> false, missed = resampled(np.random.default_rng(0), counts, 1000)
    >>> sorted(set(false.ravel().tolist())), set(missed.ravel().tolist())
    ([0.0, 0.25, 0.5], {0.5})
    """
    clusters = len(counts.chances)
    weights = rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=draws).astype(float)
    whole = counts.rates()
    found = [
        np.where(np.isnan(drawn), plain, drawn) for drawn, plain in zip(_rates(counts, weights), whole, strict=True)
    ]
    return found[0], found[1]


def _rates(counts: Counts, weights: Array) -> tuple[Array, Array]:
    with np.errstate(invalid="ignore", divide="ignore"):
        false = (weights @ counts.false) / (weights @ counts.chances)[:, None]
        missed = (weights @ counts.missed) / (weights @ counts.planted)[:, None]
    return np.asarray(false), np.asarray(missed)


def contenders(cost: Array, drawn: Array, grain: float, level: float) -> npt.NDArray[np.bool_]:
    """Whether each setting may be the one that costs least: a set that holds it with probability `level` at least.

    `cost` (S,) as counted, `drawn` (B, S) the costs of resampled histories, `grain` the cost of one event more. Setting
    i is out where it costs more than some j by more than chance makes of equals:

        max_j (cost_i - cost_j) / sqrt(var_ij + grain^2) > the `level` quantile of the same maximum about its mean

    with var_ij the variance of the difference among the draws. The grain is there because what never happened in a
    short history has no variance in it. A confidence set for the argmin needs no law of the estimated argmin, which for
    counts beyond a threshold converges with the cube root of the sample, where the bootstrap of it fails (Abrevaya &
    Huang 2005). References: Hansen, Lunde & Nason, Econometrica 79 (2011) 453; Mogstad et al., Rev. Econ. Stud. 91
    (2024) 476.

    >>> rng = np.random.default_rng(0)
    >>> cost = np.array([1.0, 1.1, 3.0])
    >>> contenders(cost, cost + rng.normal(0, 0.2, (500, 3)), 0.01, 0.9).tolist()
    [True, True, False]
    """
    kept = np.zeros(cost.size, dtype=bool)
    least = float(ndtri(level))
    for i in range(cost.size):
        apart = drawn[:, i, None] - drawn
        variance = apart.var(axis=0)
        about = (apart - (cost[i] - cost)) / np.sqrt(np.where(variance > 0, variance, np.inf))
        limit = max(float(np.quantile(about.max(axis=1), level)), least)
        kept[i] = bool(((cost[i] - cost) / np.sqrt(variance + grain**2)).max() <= limit)
    return kept


def poisson_limits(events: float, level: float = 0.9) -> tuple[float, float]:
    """Limits of the mean of a Poisson count: Garwood, Biometrika 28 (1936) 437; exact, each tail (1 - level) / 2.

    >>> [round(x, 2) for x in poisson_limits(0)], [round(x, 2) for x in poisson_limits(3)]
    ([0.0, 3.0], [0.82, 7.75])
    """
    tail = 0.5 * (1 - level)
    low = float(gammaincinv(events, tail)) if events > 0 else 0.0
    return low, float(gammaincinv(events + 1, 1 - tail))


def share_limits(hits: float, of: float, level: float = 0.9) -> tuple[float, float]:
    """Limits of a share: Clopper & Pearson, Biometrika 26 (1934) 404; (0, 1) of nothing.

    >>> [round(x, 3) for x in share_limits(0, 10)], share_limits(0, 0)
    ([0.0, 0.259], (0.0, 1.0))
    """
    if of <= 0:
        return 0.0, 1.0
    tail = 0.5 * (1 - level)
    low = float(betaincinv(hits, of - hits + 1, tail)) if hits > 0 else 0.0
    return low, float(betaincinv(hits + 1, of - hits, 1 - tail)) if hits < of else 1.0
