"""Ladders -> the weights of a dictionary, by leaving out the larger rungs of every ladder and forecasting them.

For each split the smaller rungs weigh the atoms (prior times tempered evidence) and the mixture is scored on each rung
left out; the weights of the four parts of the dictionary climb the pooled log score, in which every ladder counts
once. A Dirichlet prior of `strength` ladders holds each part to where it started.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from monitor.science.dictionary import Dictionary
from monitor.science.fit import arrived, evidence, group, heaviest, moments, posterior
from monitor.science.law import DOF, t_density
from monitor.science.transforms import spread
from monitor.science.view import View

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

MOST_SPLITS = 6
MOST_LEFT_OUT = 8
MOST_ATOMS = 800
STEPS = 100
RATE = 0.25
TEMPERS = (0.1, 0.25, 0.5, 1.0)
STRENGTH = 3.0

STRAY = {"score": 0.3, "log": 0.15, "free": 0.05}


@dataclass(frozen=True)
class Split:
    """A ladder's smaller rungs as a view of their own, and the rungs left out: u (m, axes), c (m,), z (m,)."""

    seen: View
    u: Array
    c: Array
    z: Array


def part(v: View, keep: Indices, left: Indices) -> Split:
    """`v` cut in two, measured from the largest scale that is kept and in the unit of what is kept."""
    top = v.u[keep].max(axis=0)
    ctop = v.c[keep].max()
    # As `view` has it: a part that has not moved yet is measured by its level.
    z = v.z[keep]
    ratio = max(spread(z) or abs(float(z[-1])), 1e-9) if v.category.link == "free" else 1.0
    seen = replace(
        v,
        u=v.u[keep] - top,
        c=v.c[keep] - ctop,
        z=v.z[keep] / ratio,
        variance=v.variance[keep] / ratio**2,
        count=v.count[keep],
        unit=v.unit * ratio,
    )
    return Split(seen, v.u[left] - top, v.c[left] - ctop, v.z[left] / ratio)


def splits(v: View) -> list[Split]:
    """Ways to hide the larger rungs of `v`: whole sizes on two axes, the later part of a curve, the last few rungs.

    >>> # four rungs: three are seen, one is left out
    """
    cuts = _by_size(v) if v.category.axes == 2 else _by_part(v) if v.category.dense else _by_rung(v)
    if len(cuts) > MOST_SPLITS:
        cuts = [cuts[i] for i in np.linspace(0, len(cuts) - 1, MOST_SPLITS).round().astype(int)]
    return [part(v, keep, _spread(left, MOST_LEFT_OUT)) for keep, left in cuts]


def _spread(rungs: Indices, most: int) -> Indices:
    return rungs if rungs.size <= most else rungs[np.linspace(0, rungs.size - 1, most).round().astype(int)]


def _by_rung(v: View) -> list[tuple[Indices, Indices]]:
    n = v.z.size
    return [(np.arange(k), np.arange(k, n)) for k in range(3 if n >= 5 else 2, n)]


def _by_part(v: View) -> list[tuple[Indices, Indices]]:
    n, cuts = v.z.size, []
    for share in (0.3, 0.45, 0.6, 0.75, 0.85, 0.92):
        k = max(int(n * share), 5)
        left = np.arange(k, n)
        # Curves are forecast to about twice their length: what lies farther than that is not asked for.
        left = left[v.c[left] - v.c[k - 1] <= AHEAD]
        if left.size:
            cuts.append((np.arange(k), left))
    return cuts


AHEAD = 1.0
"""Nats beyond a part of a learning curve that are scored."""


def _by_size(v: View) -> list[tuple[Indices, Indices]]:
    size = v.u[:, 0]
    sizes = np.unique(size)
    cuts = []
    for largest in sizes[1:-1]:
        keep = size <= largest
        if keep.sum() >= 5:
            cuts.append((np.flatnonzero(keep), np.flatnonzero(~keep)))
    cheap, dear = v.c <= np.median(v.c), v.c >= np.quantile(v.c, 0.75)
    if cheap.sum() >= 6 and dear.any() and not (cheap & dear).any():
        cuts.append((np.flatnonzero(cheap), np.flatnonzero(dear)))
    return cuts


@dataclass(frozen=True)
class _Scores:
    """All splits, flattened to entries (one an atom that counts) with a segment for each split."""

    start: Indices
    segment: Indices
    h: Indices
    k: Indices
    t: Indices
    evidence: Array
    density: Array
    """(entries, arrivals, points): log density of each rung left out; -inf padding."""
    worth: Array
    """(splits,): weight of one point, so that a ladder counts once."""
    points: Indices
    stray: float
    """Density that any result has, whatever the law: bounds what one freak rung can teach."""


def learn(
    views: Sequence[View],
    start: Dictionary,
    strength: float = STRENGTH,
    tempers: Sequence[float] = TEMPERS,
    progress: Callable[[int, int], None] | None = None,
) -> Dictionary:
    """`start` with the weights and the temper that forecast the left-out rungs of `views` best.

    `views` share the category of `start`. Without any view that can be split, `start` comes back. Deterministic.
    `progress` is told (done, of) as splits are scored.
    """
    scored = _score(views, start, progress)
    if scored is None:
        return start
    tried = [(temper, *_climb(scored, start, temper, strength)) for temper in tempers]
    temper, _, weights = max(tried, key=lambda each: each[1])
    return replace(
        start,
        noise_weights=_floats(weights[0]),
        shape_weights=_floats(weights[1]),
        slope_weights=_floats(weights[2]),
        arrival_weights=_floats(weights[3]),
        temper=temper,
    )


def gain(views: Sequence[View], before: Dictionary, after: Dictionary) -> float | None:
    """Mean log score a left-out rung gains when the weights of `before` become those of `after`, each ladder counted
    once; None where no view can be split."""
    scored = _score(views, before, None)
    if scored is None:
        return None
    old, new = (_gradient(scored, _logs(d), d.temper)[0] for d in (before, after))
    return (new - old) / float(scored.worth @ scored.points)


def _floats(log_weights: Array) -> tuple[float, ...]:
    return tuple(float(w) for w in np.exp(log_weights))


def _score(views: Sequence[View], d: Dictionary, progress: Callable[[int, int], None] | None) -> _Scores | None:
    rows, worth = [], []
    for i, v in enumerate(views):
        own = splits(v)
        for s in own:
            rows.append(_entries(s, d))
            worth.append(1 / (len(own) * s.z.size))
        if progress is not None:
            progress(i + 1, len(views))
    if not rows:
        return None
    most = max(r[4].shape[2] for r in rows)
    sizes = np.array([r[0].size for r in rows])
    density = np.full((int(sizes.sum()), len(d.arrivals), most), -np.inf, dtype=np.float64)
    at = 0
    for r in rows:
        density[at : at + r[0].size, :, : r[4].shape[2]] = r[4]
        at += r[0].size
    h, k, t, e = (np.concatenate([r[i] for r in rows]) for i in range(4))
    return _Scores(
        start=np.concatenate([[0], np.cumsum(sizes)[:-1]]),
        segment=np.repeat(np.arange(len(rows)), sizes),
        h=h,
        k=k,
        t=t,
        evidence=e,
        density=density,
        worth=np.array(worth),
        points=np.array([r[4].shape[2] for r in rows]),
        stray=STRAY[d.category.link],
    )


def _entries(s: Split, d: Dictionary) -> tuple[Indices, Indices, Indices, Array, Array]:
    g = group([s.seen], d)
    p = posterior(g, s.u)
    e = evidence(p, s.seen.better)
    # What matters is what may come to matter: atoms are chosen by evidence alone, whatever the weights now are.
    # Rounded: without a slope all shapes are equal, and the last bits of scale must not say which of them are kept.
    h, k, t, _ = heaviest(np.round(e, 9), MOST_ATOMS)
    at = moments(p, h, k, t, s.seen.better)
    last = int(np.argmax(s.seen.c))
    sampling = s.seen.variance[last]
    mean, spread = arrived(at, np.full((1, 1, s.z.size), sampling), np.array(d.arrivals))
    scale = np.sqrt(spread[0])
    with np.errstate(divide="ignore"):
        density = np.log(t_density((s.z - mean[0]) / scale, DOF[d.category.link])) - np.log(scale)
    values = e[0, h[0], k[0], t[0]]
    return h[0], k[0], t[0], values - values.max(), density


def _logs(d: Dictionary) -> list[Array]:
    parts = (d.noise_weights, d.shape_weights, d.slope_weights, d.arrival_weights)
    return [np.log(np.maximum(np.array(w), 1e-12)) for w in parts]


def _climb(s: _Scores, start: Dictionary, temper: float, strength: float) -> tuple[float, list[Array]]:
    base = _logs(start)
    theta = [b.copy() for b in base]
    first = [np.zeros_like(b) for b in base]
    second = [np.zeros_like(b) for b in base]
    total = float(s.worth @ s.points)
    gain = -np.inf
    for step in range(1, STEPS + 1):
        gain, slopes = _gradient(s, theta, temper)
        for i, b in enumerate(base):
            gain += strength * float((np.exp(b) * theta[i]).sum())
            pull = slopes[i] + strength * (np.exp(b) - np.exp(theta[i]))
            # Adam (Kingma & Ba 2015): steps of even size although the weights differ by orders of magnitude.
            first[i] = 0.9 * first[i] + 0.1 * pull
            second[i] = 0.98 * second[i] + 0.02 * pull**2
            move = first[i] / (1 - 0.9**step) / (np.sqrt(second[i] / (1 - 0.98**step)) + 1e-3 * total)
            theta[i] = theta[i] + RATE * move
            theta[i] -= logsumexp(theta[i])
    return gain, theta


def _gradient(s: _Scores, theta: list[Array], temper: float) -> tuple[float, list[Array]]:
    lw = temper * s.evidence + theta[0][s.h] + theta[1][s.k] + theta[2][s.t]
    w = np.exp(lw - np.maximum.reduceat(lw, s.start)[s.segment])
    w /= np.add.reduceat(w, s.start)[s.segment]
    arrivals = np.exp(theta[3])
    mask = np.arange(s.density.shape[2])[None] < s.points[:, None]
    top = np.maximum.reduceat(s.density.max(axis=1), s.start)
    top = np.where(np.isfinite(top), top, 0.0)
    joint = w[:, None, None] * arrivals[None, :, None] * np.exp(s.density - top[s.segment][:, None])
    law = np.add.reduceat(joint.sum(axis=1), s.start)
    whole = np.where(mask, np.maximum(law + s.stray * np.exp(-top), 1e-300), 1.0)
    gain = float(s.worth @ ((np.log(whole) + top) * mask).sum(axis=1))
    share = s.worth[:, None] * mask / whole
    joint *= share[s.segment][:, None]
    told = (share * law).sum(axis=1)
    after = joint.sum(axis=(1, 2)) - w * told[s.segment]
    sizes = [len(x) for x in theta]
    slopes = [np.bincount(i, after, size) for i, size in zip((s.h, s.k, s.t), sizes, strict=False)]
    return gain, [*slopes, joint.sum(axis=(0, 2)) - arrivals * float(told.sum())]
