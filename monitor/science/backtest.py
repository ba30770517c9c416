"""Rolling origin: hide the largest rungs of one ladder, forecast them, and keep the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtr

from monitor.science.dictionary import Dictionary
from monitor.science.fit import group
from monitor.science.law import DOF, t_cdf
from monitor.science.learn import part
from monitor.science.predict import Targets, mixtures
from monitor.science.view import View

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

FIRST_ORIGIN = 3
"""Rungs the first origin sees."""

MOST_ORIGINS = 12

PATIENCE = 6.0
"""Past misses widen a forecast as if this many earlier ones had been exactly calibrated."""


@dataclass(frozen=True)
class Record:
    """How past forecasts of a ladder did, one rung ahead; each array has one entry an origin."""

    pit: Array
    miss: Array
    """|median - observed| in units of the metric."""
    miss_persistence: Array
    crps: Array = field(default_factory=lambda: np.zeros(0))
    """Continuous ranked probability score in units of the metric."""


def backtest(seen: View, dictionary: Dictionary) -> Record:
    """Forecast each of the later rungs of `seen` from the rungs before it (at most MOST_ORIGINS of them).

    On two axes whole sizes are hidden: checkpoints of one run know too much of each other to be forecasts. The
    costliest rung of each size is forecast from all smaller sizes; with fewer than three sizes in order of cost.
    """
    pits, miss, stay, crps = [], [], [], []
    for keep, left in _origins(seen):
        cut = part(seen, keep, left)
        at = Targets(cut.u, cut.c, cut.seen.variance[None, -1:])
        mixed = mixtures(group([cut.seen], dictionary), cut.seen.better, at)
        w, mean, scale = mixed.weight[0, 0], mixed.mean[0, 0], mixed.scale[0, 0]
        pit = float(w @ stdtr(DOF[seen.category.link], (cut.z[0] - mean) / scale) / w.sum())
        observed, last = cut.seen.back(cut.z)[0], cut.seen.back(cut.seen.z[-1:])[0]
        # Weighted median of the middles: close to the median of the mixture, and free of a root search an origin.
        order = np.argsort(mean, kind="stable")
        middle = mean[order][np.searchsorted(np.cumsum(w[order]), 0.5 * w.sum())]
        pits.append(pit)
        crps.append(_crps(cut.seen, w, mean, scale, float(cut.z[0])))
        miss.append(abs(float(cut.seen.back(np.array([middle]))[0] - observed)))
        stay.append(abs(float(last - observed)))
    return Record(np.array(pits), np.array(miss), np.array(stay), np.array(crps))


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
LARGEST = 1e300
FARTHEST = 3.5
"""Spreads of a law about its middle between which it is scored; its tails beyond are moved there."""


def _crps(seen: View, w: Array, mean: Array, scale: Array, z: float) -> float:
    # The integral of (F - step)^2 over the metric, each side of the result by Gauss-Legendre in z: no root search.
    w = w / w.sum()
    middle = float(w @ mean)
    reach = FARTHEST * float(np.sqrt(w @ (scale**2 + (mean - middle) ** 2)))
    low, high = middle - reach, middle + reach
    at = min(max(z, low), high)
    ends = np.array([[low, at], [at, high]])
    half = 0.5 * np.diff(ends, axis=1)
    nodes = ends[:, :1] + half * (1 + _NODES)
    below = t_cdf((nodes[..., None] - mean) / scale, DOF[seen.category.link]) @ w
    # Metric units of each node: the slope of the way back, by the nodes' own neighbours.
    step = 1e-4 * reach
    gap = np.stack([below[0], 1 - below[1]])
    miss = abs(float(np.diff(seen.back(np.array([at, z])))[0]))
    with np.errstate(all="ignore"):  # an absurd ladder has an absurd score, and no broken forecast because of it
        slope = (seen.back(nodes + step) - seen.back(nodes - step)) / (2 * step)
        score = float((half * (gap**2 * slope) * _WEIGHTS).sum()) + miss
    return min(score, LARGEST) if score >= 0 else LARGEST


def _origins(seen: View) -> list[tuple[Indices, Indices]]:
    # (rungs that are seen, the one that is forecast).
    n, first = seen.z.size, min(FIRST_ORIGIN, seen.z.size - 1)
    cuts = [(np.arange(k), np.arange(k, k + 1)) for k in range(first, n)]
    if seen.category.axes == 2:
        size = seen.u[:, 0]
        whole = [(np.flatnonzero(size < s), np.flatnonzero(size == s)[-1:]) for s in np.unique(size)[2:]]
        cuts = [cut for cut in whole if cut[0].size >= FIRST_ORIGIN] or cuts
    last = first + len(cuts) - 1
    chosen = np.unique(np.linspace(first, last, min(MOST_ORIGINS, len(cuts))).round().astype(int))
    return [cuts[i - first] for i in chosen]


def blended(records: Sequence[Record], shares: Array) -> Record:
    """The record of a blend of links that share their origins: its PIT is the mean of theirs, weighted by `shares`.

    So is its miss, and its CRPS, of which that mean is an upper bound.
    """
    first = records[0]
    return Record(
        np.asarray(sum(w * r.pit for w, r in zip(shares, records, strict=True)), dtype=float),
        np.asarray(sum(w * r.miss for w, r in zip(shares, records, strict=True)), dtype=float),
        first.miss_persistence,
        np.asarray(sum(w * r.crps for w, r in zip(shares, records, strict=True)), dtype=float),
    )


def calibration(record: Record) -> float:
    """Factor >= 1 on every scale of a series, from its own past misses; only ever widening.

    sqrt((PATIENCE + sum z^2) / (PATIENCE + count)), z the normal score of a PIT.

    >>> calibration(Record(np.array([0.5, 0.4]), np.zeros(2), np.zeros(2)))
    1.0
    """
    scores = ndtri(np.clip(record.pit, 1e-6, 1 - 1e-6))
    return float(np.sqrt(max(1.0, (PATIENCE + float((scores**2).sum())) / (PATIENCE + scores.size))))
