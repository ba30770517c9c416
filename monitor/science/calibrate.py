"""Past misses of many ladders -> how much wider their laws have to be, by distance; only ever wider.

The larger rungs of every ladder are hidden as in `learn` (whole sizes on two axes, never single points of one), and
forecast with what was learnt. At each distance the factor is the smallest with which the central intervals held as many
of them as they say, every ladder counting once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from monitor.science.dictionary import Dictionary
from monitor.science.fit import group
from monitor.science.law import DOF, t_cdf
from monitor.science.learn import Split, splits
from monitor.science.predict import Targets, mixtures
from monitor.science.view import View

Array = npt.NDArray[np.float64]

DISTANCES = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Nats of cost beyond a ladder from which a factor holds."""

INTERVALS = (0.8, 0.9)
"""Central intervals that have to hold what they say. Wider ones are missed by real breaks, which are what a forecast is
there to show: widening until it holds them too would hide the next one."""

FACTORS = np.linspace(1.0, 3.0, 41)

PATIENCE = 25.0
"""A factor is believed as if so many ladders had agreed with the one before."""


def widening(views: Sequence[View], dictionary: Dictionary) -> tuple[tuple[float, float], ...]:
    """(distance in nats from which it holds, factor >= 1) for the category of `views`, in steps of distance.

    Starts from the widening of `dictionary` and comes back unchanged where no ladder of `views` can be split.
    """
    told = [(i, float(c), row) for i, v in enumerate(views) for s in splits(v) for c, row in _reached(s, dictionary)]
    if not told:
        return dictionary.widening
    ladder, distance = np.array([t[0] for t in told]), np.array([t[1] for t in told])
    off = np.abs(np.array([t[2] for t in told]) - 0.5)
    starts = np.array(DISTANCES)
    before = dictionary.factor(starts)
    factors = []
    for start, end, known in zip(starts, [*starts[1:], np.inf], before, strict=True):
        here = (distance >= start) & (distance < end)
        n = np.unique(ladder[here]).size
        asked = _least(off[here], ladder[here]) if n else 0.0
        factors.append((n * asked + PATIENCE * known) / (n + PATIENCE))
    return tuple((float(d), round(max(float(f), 1.0), 3)) for d, f in zip(starts, factors, strict=True))


def _reached(s: Split, d: Dictionary) -> list[tuple[float, Array]]:
    """For each rung left out: its distance, and its place (a PIT) in laws without widening and with each factor."""
    sampling = np.full((1, s.c.size), s.seen.variance[int(np.argmax(s.seen.c))])
    mixed = mixtures(group([s.seen], d), s.seen.better, Targets(s.u, s.c, sampling), widened=False)
    w, mean, scale = (a[0] for a in (mixed.weight, mixed.mean, mixed.scale))
    w = w / w.sum(axis=1, keepdims=True)
    middle = (w * mean).sum(axis=1)[:, None]
    # A law that is f times as wide sees a rung as the law itself sees one f times nearer to its middle.
    z = middle + (s.z[:, None] - middle) / FACTORS
    t = (z[:, :, None] - mean[:, None]) / scale[:, None]
    return list(zip(s.c.tolist(), (w[:, None] * t_cdf(t, DOF[d.category.link])).sum(axis=2), strict=True))


def _least(off: Array, ladder: npt.NDArray[np.intp]) -> float:
    """The smallest factor with which every interval holds its share; `off` (rungs, factors) is |PIT - 1/2|."""
    worth = 1 / np.bincount(ladder)[ladder]
    worth = worth / worth.sum()
    found = 1.0
    for share in INTERVALS:
        enough = worth @ (off <= share / 2) >= share - 1e-12
        found = max(found, float(FACTORS[int(np.argmax(enough))] if enough.any() else FACTORS[-1]))
    return found
