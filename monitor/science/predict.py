"""A ladder, a dictionary and targets -> the predictive law at each target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.science.dictionary import Dictionary
from monitor.science.fit import Group, evidence, group, heaviest, log_prior, moments, posterior
from monitor.science.law import Law, tame
from monitor.science.view import View

Array = npt.NDArray[np.float64]

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


def mixtures(g: Group, better: float, targets: Targets, most: int = MOST_ATOMS) -> Mixtures:
    """The predictive mixtures of a group of series at common targets.

    Every atom enters once for each relative error of the predicted change: scale^2 = variance + share * sampling +
    (error * change)^2, times the widening at that distance.
    """
    d = g.dictionary
    p = posterior(g, targets.u)
    h, k, t, weight = heaviest(log_prior(d) + d.temper * evidence(p, better), most)
    at = moments(p, h, k, t, better)
    errors, shares = np.array(d.errors), np.array(d.error_weights)
    base = at.variance + at.share[..., None] * targets.variance[:, None, :]
    spread = base[:, :, None, :] + (errors[:, None] * at.change[:, :, None, :]) ** 2
    B, M, m = at.mean.shape
    E = errors.size
    w = np.broadcast_to((weight[:, :, None] * shares)[..., None], (B, M, E, m)).reshape(B, M * E, m)
    mean = np.broadcast_to(at.mean[:, :, None, :], (B, M, E, m)).reshape(B, M * E, m)
    scale = np.sqrt(spread).reshape(B, M * E, m) * d.factor(targets.c)
    w, mean, scale = (np.ascontiguousarray(np.moveaxis(x, 1, 2)) for x in (w, mean, scale))
    mean, scale = tame(w, mean, scale)
    return Mixtures(w, mean, scale)


def predict(views: Sequence[View], dictionary: Dictionary, targets: Targets) -> list[list[Law]]:
    """Laws of views that share a grid of scales at common targets: one list a view, one law a target."""
    mixed = mixtures(group(views, dictionary), views[0].better, targets)
    return [
        [Law(v, mixed.weight[b, j], mixed.mean[b, j], mixed.scale[b, j]) for j in range(targets.u.shape[0])]
        for b, v in enumerate(views)
    ]
