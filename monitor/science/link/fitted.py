"""A monotone link fitted on smaller rungs, where only aggregates of both metrics exist."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, logsumexp

from monitor.science.link.share import ShareLaw

Array = npt.NDArray[np.float64]

MIN_RUNGS = 4
"""A line and two rungs to contradict it."""

SLOPES = np.geomspace(0.03, 40.0, 14)
FINE = np.linspace(-3.5, 3.5, 11)
"""Logits (or nats of p**L) over the whole range of the continuous metric on the ladder, evenly believed in logarithm
and never negative; and, in standard errors, places about the least-squares slope where the grid is finer."""

IMPOSSIBLE = 30.0
"""Nats against a power that would be above one at the target."""

BENDS = 0.2
"""Beyond the rungs a curve may bend: so much of the step that it takes there is added to the scatter."""

SCATTER = np.array([0.03, 0.08, 0.2, 0.4, 0.8])
SCATTER_WEIGHTS = np.array([0.15, 0.25, 0.3, 0.2, 0.1])
"""How far rungs lie off any such curve, in logits."""

OFFSETS = np.linspace(-4.5, 4.5, 13)
_BINS = np.linspace(-16.0, 16.0, 641)
MOST_ATOMS = 80
"""Logits of the share at which its law is kept, before those of no weight are dropped; and the most of them."""


class Ladder(NamedTuple):
    """Both metrics on the smaller rungs, the continuous one turned so that more is better; all arrays (k,)."""

    continuous: Array
    share: Array
    items: Array
    """Effective number of items of each share."""
    best: float | None = None
    """Best possible value of the continuous metric, where it has one."""
    chance: float = 0.0


def fitted(ladder: Ladder, at: float, at_sd: float, n: float | None) -> ShareLaw | None:
    """Law of the thresholded share where the continuous metric is `at` (standard error `at_sd`), for `n` items.

    Bayesian regression on a grid: share = chance + (1 - chance) F(a + b x), b > 0, averaged over three families: logit
    in x, logit in -log(best - x), and the power p**L, log share linear in x; scatter of rungs beside counting is
    averaged over SCATTER. None with fewer than MIN_RUNGS rungs or no spread in x. A rung at its floor only says that
    the curve is down there. Reference: Schaeffer et al. 2023 for p**L; Bhagia et al. 2024 for the two steps.

    >>> x = np.linspace(-2.0, -0.5, 6)
    >>> ladder = Ladder(x, 1 / (1 + np.exp(-(1 + 2 * x))), np.full(6, 1000.0))
    >>> law = fitted(ladder, -0.25, 0.0, 1000)
    >>> law is not None and bool(abs(law.quantile(0.5) - 0.62) < 0.03)
    True
    """
    if ladder.continuous.size < MIN_RUNGS or np.ptp(ladder.continuous) <= 0:
        return None
    parts = [_family(ladder, x, x_new, at_sd * unit, power=power) for x, x_new, unit, power in _axes(ladder, at)]
    evidence = np.array([part[0] for part in parts])
    weight = np.exp(evidence - evidence.max())
    density = sum(w * part[1] for w, part in zip(weight / weight.sum(), parts, strict=True))
    return _law(np.asarray(density, dtype=float), n)


def _axes(ladder: Ladder, at: float) -> list[tuple[Array, float, float, bool]]:
    """(positions of the rungs in units of their range about the last, of the target, unit per metric, whether p**L)."""
    x, best = ladder.continuous, ladder.best
    views: list[tuple[Array, float, float, bool]] = []
    for turned, power in ((False, False), (True, False), (False, True)):
        if turned and (best is None or (best - np.append(x, at)).min() <= 0):
            continue
        y = -np.log(best - x) if turned and best is not None else x
        new = -np.log(best - at) if turned and best is not None else at
        unit = 1 / float(np.ptp(y))
        slope = unit / (best - at) if turned and best is not None else unit
        views.append(((y - y.max()) * unit, float(new - y.max()) * unit, slope, power))
    return views


def _family(ladder: Ladder, x: Array, new: float, new_sd: float, *, power: bool) -> tuple[float, Array]:
    """Log evidence of one family and the density of the logit of the share at the target over _BINS."""
    n, chance = ladder.items, ladder.chance
    least = 0.5 / (n + 1)
    z = logit(np.clip(ladder.share, least, 1 - least))
    seen = _straightened(ladder, power=power)
    slopes = _slopes(seen, x)
    b, tau = slopes[:, None], SCATTER[None, :]
    a, steps = _intercepts(seen, slopes, x)
    p = np.clip(_curve(a[:, :, :, None] + b[:, :, None, None] * x, chance, power=power), least, 1 - least)
    variance = tau[:, :, None, None] ** 2 + 1 / (n * p * (1 - p))
    # One rung of three standard deviations must not decide: Student-t with eight degrees of freedom.
    fit = (-4.5 * np.log1p((z - logit(p)) ** 2 / (8 * variance)) - 0.5 * np.log(variance)).sum(axis=3)
    fit = fit + (np.log(np.gradient(np.log(slopes)))[:, None] + np.log(SCATTER_WEIGHTS) + np.log(steps))[:, :, None]
    there = a + b[:, :, None] * new
    if power:  # a power above one is no share: such a curve has ended before the target
        fit = np.where(there < 0, fit, fit - IMPOSSIBLE)
    total = float(logsumexp(fit))
    weight = np.exp(fit - total)
    to = logit(np.clip(_curve(there, chance, power=power), 1e-7, 1 - 1e-7))
    steep = float(np.sqrt((weight * slopes[:, None, None] ** 2).sum()))
    beyond = max(new, -1.0 - new, 0.0)
    return total, _spread_out(to, weight, steep * float(np.hypot(new_sd, BENDS * beyond)))


class _Straight(NamedTuple):
    """Shares on the scale on which the curve is a line, their variances by counting, and which are at the floor."""

    y: Array
    v: Array
    floor: npt.NDArray[np.bool_]


def _straightened(ladder: Ladder, *, power: bool) -> _Straight:
    n, chance = ladder.items, ladder.chance
    least = 0.5 / (n + 1)
    q = np.clip((ladder.share - chance) / (1 - chance), least, 1 - least)
    # By the delta method; above chance the whole share is counted, not the part.
    whole = np.clip(ladder.share, least, 1 - least)
    noise = whole * (1 - whole) / (n * (1 - chance) ** 2)
    y = np.log(q) if power else logit(q)
    v = noise / q**2 if power else noise / (q * (1 - q)) ** 2
    return _Straight(y, v, q <= 2 * least + 2 * np.sqrt(noise))


def _slopes(seen: _Straight, x: Array) -> Array:
    w = np.where(seen.floor, 0.05, 1.0) / (0.1**2 + seen.v)
    d = x - float(w @ x) / w.sum()
    sxx = float(w @ d**2)
    slope, sd = float(w @ (d * seen.y)) / sxx, 1 / np.sqrt(sxx)
    fine = slope + FINE * max(sd, 0.01 * abs(slope))
    every = np.concatenate([SLOPES, fine[(fine > SLOPES[0]) & (fine < SLOPES[-1])]])
    return np.asarray(np.unique(every.round(9)), dtype=float)


def _intercepts(seen: _Straight, slopes: Array, x: Array) -> tuple[Array, Array]:
    """(slopes, scatters, offsets): where the curve stands at the last rung, about its weighted least-squares value; and
    the distances of these (slopes, scatters)."""
    w = 1 / (SCATTER[None, :, None] ** 2 + seen.v)
    off = (seen.y - slopes[:, None] * x)[:, None]
    counts = np.broadcast_to(w, (slopes.size, SCATTER.size, x.size))
    for _ in range(3):
        middle = (counts * off).sum(axis=2) / counts.sum(axis=2)
        # A rung at its floor that lies above the curve says nothing of where the curve is.
        counts = w * np.where(seen.floor & (off > middle[:, :, None]), 1e-3, 1.0)
    middle = (counts * off).sum(axis=2) / counts.sum(axis=2)
    sd = np.clip(1 / np.sqrt(counts.sum(axis=2)), 0.02, 4.0)
    return middle[:, :, None] + sd[:, :, None] * OFFSETS, sd * (OFFSETS[1] - OFFSETS[0])


def _curve(eta: Array, chance: float, *, power: bool) -> Array:
    base = np.exp(np.minimum(eta, -1e-6)) if power else expit(eta)
    return np.asarray(chance + (1 - chance) * base, dtype=float)


def _spread_out(to: Array, weight: Array, extra: float) -> Array:
    """Density over _BINS: atoms `to` (slopes, scatters, offsets) blurred by their scatter and by `extra` logits."""
    step = _BINS[1] - _BINS[0]
    index = np.clip(np.rint((to - _BINS[0]) / step).astype(int), 0, _BINS.size - 1)
    reach = np.arange(-80, 81) * step
    out = np.zeros(_BINS.size)
    for j, tau in enumerate(SCATTER):
        own = np.bincount(index[:, j].ravel(), weight[:, j].ravel(), minlength=_BINS.size)
        kernel = (1 + (reach / float(np.hypot(tau, extra))) ** 2 / 8) ** -4.5
        out += np.convolve(own, kernel / kernel.sum(), mode="same")
    return out


def _law(density: Array, n: float | None) -> ShareLaw:
    total = np.cumsum(density) / density.sum()
    inside = (total > 1e-5) & (total < 1 - 1e-5)
    low, high = _BINS[inside][0], _BINS[inside][-1]
    atoms = np.linspace(low, high, MOST_ATOMS)
    weight = np.interp(atoms, _BINS, density)
    return ShareLaw(expit(atoms), weight / weight.sum(), n)
