"""Many small surprises one way: the mean surprise of a suite, with the dependence that past rungs show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtr

Array = npt.NDArray[np.float64]

FEWEST = 5
"""Tasks below which many small surprises are few."""

FARTHEST = 3.0
"""No single surprise counts for more: one large break is not a drift of the suite."""

PRIOR_RHO = 0.1
PRIOR_RUNGS = 4.0
"""Correlation of two tasks of a rung before any rung is seen, and how many past rungs it is worth. On public tables
(`benchmarks/alarm.py`) the median surprise of a suite scatters as tasks of correlation 0.05 to 0.1 would make it."""


@dataclass(frozen=True)
class Drifted:
    """The drift of one group of tasks at one checkpoint."""

    tasks: int
    mean: float
    """Mean signed surprise, in standard deviations of a single task."""
    effective: float
    """Number of independent tasks whose mean would scatter as much."""
    rungs: int
    """Past rungs that the dependence was learnt from."""
    tail_above: float
    """Probability of a mean at least as high on trend; `tail_below` as low."""
    tail_below: float


def strongest(pit: Array) -> Array:
    """Normal scores of probabilities, held to FARTHEST on either side; any shape.

    >>> strongest(np.array([0.5, 0.975, 1.0])).round(2)
    array([0.  , 1.96, 3.  ])
    """
    low = 1e-9
    return np.clip(ndtri(np.clip(pit, low, 1 - low)), -FARTHEST, FARTHEST)


def drift(now: Array, past: Array) -> Drifted:
    """Whether a suite moved one way: signed surprises `now` (m,) beside those of `past` (rungs, m), NaN where unknown.

    t = mean / s with s^2 = (nu s0^2 + sum over past rungs of mean_r^2) / (nu + R): s0^2 = (1 + (m - 1) rho0) / m is the
    variance of a mean of m tasks of correlation rho0, so few rungs shrink toward it; of a past rung that fewer tasks
    have, what that adds to the variance of its mean is taken off. t has a Student law of nu + R degrees of freedom (the
    conjugate scaled inverse chi-squared, Gelman et al. 2013, section 2.6). s never falls below that of independent
    tasks, sqrt(1 / m). Raises ValueError where `now` holds no number.

    >>> found = drift(np.full(50, 0.8), np.zeros((4, 50)))
    >>> found.tasks, round(found.effective, 1), round(found.tail_above, 4)
    (50, 16.9, 0.0055)
    """
    here = np.isfinite(now)
    m = int(here.sum())
    if m == 0:
        raise ValueError("a drift needs at least one surprise")
    mean = float(now[here].mean())
    known = np.isfinite(past[:, here])
    count = known.sum(axis=1)
    full = count >= max(1, m // 2)  # a rung that few of these tasks have says little of them
    rungs = int(full.sum())
    before = np.where(known, past[:, here], 0.0)[full].sum(axis=1) / np.maximum(count[full], 1)
    # The part of a past mean's variance that is due to fewer tasks is taken off, not below 0.
    extra = np.minimum(1 / np.maximum(count[full], 1) - 1 / m, before**2)
    prior = (1 + (m - 1) * PRIOR_RHO) / m
    variance = (PRIOR_RUNGS * prior + float((before**2 - extra).sum())) / (PRIOR_RUNGS + rungs)
    variance = max(variance, 1 / m)
    t = mean / np.sqrt(variance)
    dof = PRIOR_RUNGS + rungs
    return Drifted(m, mean, 1 / variance, rungs, float(stdtr(dof, -t)), float(stdtr(dof, t)))
