"""Per-sample logs -> continuous metrics. Pure numpy: arrays in, numbers out.

A document has K >= 1 choices with log-likelihoods l_i in nats. The choices of all documents lie one after another
in one flat array `ll`; `starts[d]` is where document d begins, and `right` marks the right answers (several are
allowed).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.intp]
Marks = NDArray[np.bool_]


class Estimate(NamedTuple):
    """A value with its standard error (None where n = 1) and the number of documents behind it."""

    value: float
    stderr: float | None
    n: int


def mean(values: ArrayLike) -> Estimate:
    """Mean over documents with its standard error s / sqrt(n), s the sample standard deviation (n - 1).

    `values`: shape (n,), n >= 1. Raises ValueError when it is empty.

    >>> mean([1.0, 2.0, 3.0, 4.0])
    Estimate(value=2.5, stderr=0.6454972243679028, n=4)
    >>> mean([0.25])
    Estimate(value=0.25, stderr=None, n=1)
    """
    x = np.asarray(values, dtype=float)
    if x.size == 0:
        raise ValueError("a mean needs at least one document")
    stderr = float(x.std(ddof=1) / np.sqrt(x.size)) if x.size > 1 else None
    return Estimate(float(x.mean()), stderr, int(x.size))


def ratio(totals: ArrayLike, sizes: ArrayLike) -> Estimate:
    """Ratio of sums R = sum t / sum b, with its standard error by the delta method.

    se = sqrt(n / (n - 1) * sum (t_d - R b_d)^2) / sum b (Cochran, Sampling Techniques, 1977, section 6.4).
    `totals` (nats) and `sizes` (bytes): shape (n,). The ratio of sums, not the mean of ratios: a two-letter answer must
    not weigh as much as a sentence. Raises ValueError when the sizes sum to nothing.

    >>> ratio([-2.0, -4.0], [1, 3])
    Estimate(value=-1.5, stderr=0.25, n=2)
    >>> ratio([-2.0, -4.0], [2, 4])
    Estimate(value=-1.0, stderr=0.0, n=2)
    """
    t, b = np.asarray(totals, dtype=float), np.asarray(sizes, dtype=float)
    whole = float(b.sum())
    if whole <= 0:
        raise ValueError("a ratio needs a positive total size")
    value = float(t.sum()) / whole
    n = int(t.size)
    stderr = float(np.sqrt(n / (n - 1) * np.sum((t - value * b) ** 2)) / whole) if n > 1 else None
    return Estimate(value, stderr, n)


def _spread(per_document: Floats, starts: Counts, size: int) -> Floats:
    """Each document's number, repeated for each of its choices."""
    lengths = np.diff(np.append(starts, size))
    return np.repeat(per_document, lengths)


def shares(ll: Floats, starts: Counts) -> Floats:
    """Probability of each choice among the choices of its document: p_i = exp(l_i) / sum_j exp(l_j).

    Shapes (m,) and (n,) -> (m,). The absolute level of the likelihoods cancels (Schaeffer et al. 2024, "Why has
    predicting downstream capabilities remained elusive?").

    >>> shares(np.log([0.1, 0.3, 0.02, 0.02]), np.array([0, 2])).round(3).tolist()
    [0.25, 0.75, 0.5, 0.5]
    """
    top = np.maximum.reduceat(ll, starts)
    odds = np.exp(ll - _spread(top, starts, ll.size))
    share: Floats = odds / _spread(np.add.reduceat(odds, starts), starts, ll.size)
    return share


def best(ll: Floats, starts: Counts) -> Counts:
    """Flat index of the likeliest choice of each document; the first wins a tie, as in the harness.

    >>> best(np.array([-2.0, -1.0, -3.0, -3.0]), np.array([0, 2])).tolist()
    [1, 2]
    """
    top = _spread(np.maximum.reduceat(ll, starts), starts, ll.size)
    where = np.where(ll == top, np.arange(ll.size), ll.size)
    return np.minimum.reduceat(where, starts).astype(np.intp)


def log_likelihood(ll: Floats, starts: Counts, right: Marks) -> Floats:
    """Log-likelihood of the right answer of each document, in nats: l_g, or log sum_{g in G} exp(l_g) for several.

    Shapes (m,), (n,), (m,) -> (n,). Every document needs a right answer; -inf where one has none.

    >>> log_likelihood(np.array([-1.5, -9.0]), np.array([0]), np.array([True, False])).tolist()
    [-1.5]
    """
    inside = np.where(right, ll, -np.inf)
    top = np.maximum.reduceat(inside, starts)
    odds = np.where(right, np.exp(np.minimum(ll - _spread(top, starts, ll.size), 0.0)), 0.0)
    with np.errstate(divide="ignore"):
        total: Floats = top + np.log(np.add.reduceat(odds, starts))
    return total


def prob_choice(ll: Floats, starts: Counts, right: Marks) -> Floats:
    """Share of the right answers among the choices of each document, 0..1; chance is |G| / K.

    >>> prob_choice(np.log([0.1, 0.3]), np.array([0]), np.array([False, True])).round(6).tolist()
    [0.75]
    """
    share: Floats = np.add.reduceat(np.where(right, shares(ll, starts), 0.0), starts)
    return np.minimum(share, 1.0)


def brier(ll: Floats, starts: Counts, right: Marks) -> Floats:
    """Brier score of each document: sum_i (p_i - [i is right])^2, 0..2, lower is better (Brier 1950).

    The sum over choices, as the harness has it; other sources divide by K or take (1 - p_g)^2. One right answer each.

    >>> brier(np.log([0.1, 0.3]), np.array([0]), np.array([False, True])).round(6).tolist()
    [0.125]
    """
    total: Floats = np.add.reduceat((shares(ll, starts) - right) ** 2, starts)
    return total


def chance(starts: Counts, right: Marks) -> float:
    """What guessing reaches on average: the mean over documents of |G| / K.

    >>> chance(np.array([0, 2]), np.array([True, False, False, False, True, False]))
    0.375
    """
    lengths = np.diff(np.append(starts, right.size))
    return float(np.mean(np.add.reduceat(right.astype(float), starts) / lengths))
