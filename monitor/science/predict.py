"""A ladder, a dictionary and targets -> the predictive law at each target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from monitor.science.dictionary import Dictionary
from monitor.science.fit import Group, Posterior, arrived, drawn, evidence, group, log_prior, moments, posterior
from monitor.science.law import Law, tame
from monitor.science.view import View

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

MOST_ATOMS = 64
"""Atoms that stand for all in a law."""


@dataclass(frozen=True)
class Targets:
    """Scales to forecast: `u` (m, axes) and `c` (m,) in nats relative to the largest of the ladder.

    `variance` (B, m): sampling variance in z of the result to come.
    """

    u: Array
    c: Array
    variance: Array


@dataclass(frozen=True)
class Mixtures:
    """Mixtures in link space for B series and m targets: weight, mean and scale, each (B, m, components)."""

    weight: Array
    mean: Array
    scale: Array


@dataclass(frozen=True)
class Chosen:
    """Atoms of one series: indices into its dictionary and weights summing to 1, each (M,)."""

    h: Indices
    k: Indices
    t: Indices
    weight: Array
    evidence: float = 0.0
    """Log density of the rungs under the dictionary, in metric values, up to what all links of a ladder share."""


def chosen(seen: View, dictionary: Dictionary, most: int = MOST_ATOMS) -> Chosen:
    """Atoms that stand for what the rungs of `seen` leave of the dictionary."""
    p = posterior(group([seen], dictionary), np.zeros((0, dictionary.category.axes)))
    prior, told = log_prior(dictionary), evidence(p, seen.better)
    h, k, t, weight = drawn(prior + dictionary.temper * told, most)
    within = float(logsumexp(prior + told)) + 0.5 * float(np.log(p.level_precision[0]))
    return Chosen(h[0], k[0], t[0], weight[0], within + seen.log_slope)


def shares(kept: Sequence[Chosen], dictionaries: Sequence[Dictionary]) -> Array:
    """How much each link of one ladder is believed after its rungs, (links,): tempered evidence, equal beforehand."""
    believed = min(d.temper for d in dictionaries) * np.array([each.evidence for each in kept])
    return np.asarray(np.exp(believed - logsumexp(believed)), dtype=float)


def law_of(seen: View, dictionary: Dictionary, atoms: Chosen, targets: Targets, widening: float = 1.0) -> list[Law]:
    """The laws at targets of one series with its atoms already chosen; `widening` >= 1 multiplies every scale."""
    p = posterior(group([seen], dictionary), targets.u)
    mixed = _mixed(
        p, targets, seen.better, atoms.h[None], atoms.k[None], atoms.t[None], atoms.weight[None], widened=True
    )
    return [
        Law(seen, mixed.weight[0, j], mixed.mean[0, j], widening * mixed.scale[0, j]) for j in range(targets.c.size)
    ]


CACHED = 1 << 19
"""Numbers of one temporary array: longer batches of series are taken in parts that stay near the core."""


def mixtures(g: Group, better: float, targets: Targets, most: int = MOST_ATOMS, *, widened: bool = True) -> Mixtures:
    """The predictive mixtures of a group of series at common targets.

    Every atom enters once for each arrival of its predicted change (`arrived`); about its mean, every mixture is as
    many times wider as the widening at its distance says (without `widened`: not at all).
    """
    B, d = g.z.shape[0], g.dictionary
    rows = max(1, CACHED // (len(d.noises) * max(g.u.shape[0], len(d.slopes)) * len(d.shapes)))
    variance, prior = np.broadcast_to(targets.variance, (B, targets.c.size)), log_prior(d)
    parts = []
    for i in range(0, B, rows):
        at = slice(i, i + rows)
        p = posterior(replace(g, z=g.z[at], variance=g.variance[at], noise_unit=g.noise_unit[at]), targets.u)
        believed = evidence(p, better)
        believed *= d.temper
        believed += prior
        h, k, t, weight = drawn(believed, most)
        own = replace(targets, variance=variance[at])
        parts.append(_mixed(p, own, better, h, k, t, weight, widened=widened))
    if len(parts) == 1:
        return parts[0]
    return Mixtures(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("weight", "mean", "scale")))


def _mixed(
    p: Posterior, targets: Targets, better: float, h: Indices, k: Indices, t: Indices, weight: Array, *, widened: bool
) -> Mixtures:
    d = p.group.dictionary
    mean, spread = arrived(moments(p, h, k, t, better), targets.variance[:, None, :], np.array(d.arrivals))
    B, M, E, m = mean.shape
    wide = (B, m, M * E)
    w = np.broadcast_to((weight[:, :, None] * np.array(d.arrival_weights)).reshape(B, 1, -1), wide)
    mean, scale = (np.moveaxis(x, 3, 1).reshape(wide) for x in (mean, np.sqrt(spread)))
    mean, scale = tame(w, mean, scale)
    factor = d.factor(targets.c)[:, None]
    if not widened or (factor == 1).all():
        return Mixtures(w, mean, scale)
    middle = (w * mean).sum(axis=2, keepdims=True) / w.sum(axis=2, keepdims=True)
    return Mixtures(w, middle + factor * (mean - middle), factor * scale)
