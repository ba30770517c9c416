"""Signs that a law should not be trusted, read off the engine itself: its last miss, and forms that disagree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtr

from monitor.science import levels
from monitor.science.dictionary import Dictionary
from monitor.science.fit import group
from monitor.science.law import DOF, Law
from monitor.science.learn import part
from monitor.science.predict import Targets, chosen, law_of, mixtures
from monitor.science.view import View

Array = npt.NDArray[np.float64]

FEWEST = 4
"""Rungs without the last below which a forecast of it says nothing about the trend."""

LATE = 0.8
"""Share of a learning curve from which its last point is forecast: one point ahead would be no test."""

SURE = 1e-9
"""PIT values nearer to 0 or 1 count as this far: a score of 6."""


class Apart(NamedTuple):
    """How far the forms of one law stand from each other."""

    share: float
    """Standard deviation of the forms' own means over that of the whole law, in link space; 0 to 1."""
    low: tuple[str, float]
    """Form with the lowest mean among those with a tenth of the weight or more, and its mean in units of the metric."""
    high: tuple[str, float]


class Signs(NamedTuple):
    """What is asked of a ladder beside the widths of its laws."""

    ahead: Array
    """(m,): nats of cost from the largest rung to each target."""
    missed: float | None = None
    apart: Sequence[Apart] = ()
    """One a target; empty where it was not asked."""


def signs(seen: View, dictionary: Dictionary, targets: Targets) -> Signs:
    """Everything that `monitor.science.refusal` asks about the forecasts of `seen` at `targets`."""
    return Signs(targets.c, last_miss(seen, dictionary), forms_apart(seen, dictionary, targets))


def last_miss(seen: View, dictionary: Dictionary) -> float | None:
    """By how many standard deviations the forecast made without the last rung missed it; None where too few are left.

    The root mean square of normal scores ndtri(PIT) of what is hidden: the last rung, the largest size on two axes, the
    end of a learning curve. Raises LinAlgError where a ladder cannot be fitted.

    >>> from monitor.science.dictionary import Category, full
    >>> from monitor.science.view import Ladder, view
    >>> cost, noise = np.exp(np.arange(6.0)), np.full(6, 1e-4)
    >>> ladder = Ladder(cost[:, None], cost, np.array([0.3, 0.35, 0.4, 0.45, 0.5, 0.8]), noise, 0.0, 1.0)
    >>> round(last_miss(view(ladder), full(Category("score", 1, False))), 1)
    4.6
    """
    keep, hidden = _last(seen)
    if keep.size < FEWEST:
        return None
    cut = part(seen, keep, hidden)
    at = Targets(cut.u, cut.c, cut.seen.variance[None, -1:].repeat(hidden.size, axis=1))
    mixed = mixtures(group([cut.seen], dictionary), cut.seen.better, at)
    weight, mean, scale = mixed.weight[0], mixed.mean[0], mixed.scale[0]
    pit = (weight * stdtr(DOF[seen.category.link], (cut.z[:, None] - mean) / scale)).sum(axis=1) / weight.sum(axis=1)
    return float(np.sqrt(np.mean(ndtri(np.clip(pit, SURE, 1 - SURE)) ** 2)))


def _last(seen: View) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    n = seen.z.size
    if seen.category.axes == 2:
        top = seen.u[:, 0] >= seen.u[:, 0].max() - 1e-9
        return np.flatnonzero(~top), np.flatnonzero(top)
    k = int(LATE * n) if seen.category.dense else n - 1
    return np.arange(k), np.array([n - 1])


def forms_apart(seen: View, dictionary: Dictionary, targets: Targets) -> list[Apart]:
    """How far the forms disagree at each target (m,); empty for learning curves and for metrics without two bounds,
    where it says nothing (`monitor.science.refusal`). Raises LinAlgError where a ladder cannot be fitted."""
    if seen.category.dense or seen.category.link != "score":
        return []
    atoms = chosen(seen, dictionary)
    forms = [dictionary.shapes[k][0] for k in atoms.k.tolist()]
    arrivals = np.array(dictionary.arrival_weights)
    return [apart(law, forms, arrivals) for law in law_of(seen, dictionary, atoms, targets)]


def apart(law: Law, forms: Sequence[str], arrivals: Array) -> Apart:
    """Of one law whose components are its atoms, of `forms` (M,), each with every arrival (weights `arrivals` (E,)).

    sqrt(sum_f w_f (m_f - m)^2) / sd, m_f the mean of the atoms of form f over all arrivals, w_f their weight, sd of the
    whole mixture of Student-t laws.

    >>> from monitor.science.view import Ladder, view
    >>> cost = np.exp(np.arange(4.0))
    >>> seen = view(Ladder(cost[:, None], cost, np.array([0.1, 0.2, 0.3, 0.4]), np.full(4, np.nan), 0.0, 1.0))
    >>> law = Law(seen, np.array([0.5, 0.5]), np.array([0.4, 0.6]), np.array([0.1, 0.1]))
    >>> told = apart(law, ["power", "log"], np.ones(1))  # sd: sqrt(0.1^2 + 0.1^2 * 16 / 14)
    >>> round(told.share, 9), told.low[0], told.high[0]
    (0.683130051, 'power', 'log')
    """
    weight = law.weight.reshape(-1, arrivals.size).sum(axis=1)
    own = law.mean.reshape(-1, arrivals.size) @ arrivals / arrivals.sum()
    names, form = np.unique(forms, return_inverse=True)
    w = np.bincount(form, weight)
    mean = np.bincount(form, weight * own) / w
    w = w / w.sum()
    middle = float(law.weight @ law.mean / law.weight.sum())
    spread = law.weight @ (law.scale**2 * law.dof / (law.dof - 2) + (law.mean - middle) ** 2) / law.weight.sum()
    share = float(np.sqrt(w @ (mean - w @ mean) ** 2 / spread))
    heavy = np.flatnonzero(w >= min(0.1, float(w.max())))
    low, high = heavy[np.argmin(mean[heavy])], heavy[np.argmax(mean[heavy])]
    values = law.seen.back(mean)
    return Apart(share, (str(names[low]), float(values[low])), (str(names[high]), float(values[high])))


def mean_difference(quantiles: Array) -> Array:
    """Half the mean absolute difference of two draws of a law, (m,), from its quantiles at `levels.LEVELS` (m, 11).

    It is the CRPS that the law expects of itself: integral of (2 p - 1) q(p) dp (Hosking 1990, the second L-moment);
    sd / sqrt(pi) for a normal law.

    >>> float(mean_difference(ndtri(np.array(levels.LEVELS))[None])[0].round(2))
    0.56
    """
    p = (np.arange(199) + 0.5) / 199
    table = [levels.quantile(np.array(levels.LEVELS), q, p) for q in quantiles[:, : len(levels.LEVELS)]]
    return np.asarray(np.array(table).reshape(-1, p.size) @ (2 * p - 1) / p.size, dtype=float)
