"""A ladder, a dictionary and targets -> the predictive law at each target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.science.dictionary import Dictionary
from monitor.science.fit import Group, Posterior, arrived, evidence, group, heaviest, log_prior, moments, posterior
from monitor.science.law import Law, tame
from monitor.science.view import View

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

MOST_ATOMS = 64
"""Atoms a law keeps; the rest have next to no weight."""


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
    """Atoms of one series: indices into its dictionary and weights summing to 1, each (M,), heaviest first."""

    h: Indices
    k: Indices
    t: Indices
    weight: Array


def chosen(seen: View, dictionary: Dictionary, most: int = MOST_ATOMS) -> Chosen:
    """The atoms that the rungs of `seen` leave standing."""
    p = posterior(group([seen], dictionary), np.zeros((0, dictionary.category.axes)))
    h, k, t, weight = heaviest(log_prior(dictionary) + dictionary.temper * evidence(p, seen.better), most)
    return Chosen(h[0], k[0], t[0], weight[0])


def law_of(seen: View, dictionary: Dictionary, atoms: Chosen, targets: Targets, widening: float = 1.0) -> list[Law]:
    """The laws at targets of one series with its atoms already chosen; `widening` >= 1 multiplies every scale."""
    p = posterior(group([seen], dictionary), targets.u)
    mixed = _mixed(p, targets, seen.better, atoms.h[None], atoms.k[None], atoms.t[None], atoms.weight[None])
    return [
        Law(seen, mixed.weight[0, j], mixed.mean[0, j], widening * mixed.scale[0, j]) for j in range(targets.c.size)
    ]


def mixtures(g: Group, better: float, targets: Targets, most: int = MOST_ATOMS) -> Mixtures:
    """The predictive mixtures of a group of series at common targets.

    Every atom enters once for each arrival of its predicted change (`arrived`), and every scale is multiplied by the
    widening at its distance.
    """
    p = posterior(g, targets.u)
    h, k, t, weight = heaviest(log_prior(g.dictionary) + g.dictionary.temper * evidence(p, better), most)
    return _mixed(p, targets, better, h, k, t, weight)


def _mixed(
    p: Posterior, targets: Targets, better: float, h: Indices, k: Indices, t: Indices, weight: Array
) -> Mixtures:
    d = p.group.dictionary
    at = moments(p, h, k, t, better)
    shares = np.array(d.arrival_weights)
    mean, spread = arrived(at, targets.variance[:, None, :], np.array(d.arrivals))
    B, M, m = at.mean.shape
    E = shares.size
    w = np.broadcast_to((weight[:, :, None] * shares)[..., None], (B, M, E, m)).reshape(B, M * E, m)
    mean = mean.reshape(B, M * E, m)
    scale = np.sqrt(spread).reshape(B, M * E, m) * d.factor(targets.c)
    w, mean, scale = (np.ascontiguousarray(np.moveaxis(x, 1, 2)) for x in (w, mean, scale))
    mean, scale = tame(w, mean, scale)
    return Mixtures(w, mean, scale)
