"""Documents with choices: likelihood, probability, Brier score, margin and calibration of each.

A document has K >= 1 choices with log-likelihoods l_i in nats. The choices of all documents lie one after another
in one flat array `ll`; `starts[d]` is where document d begins, and `right` marks the right answers (several are
allowed).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from checkpoints_db.samples.estimate import Estimate, Floats, mean

Counts = NDArray[np.intp]
Marks = NDArray[np.bool_]


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


def guess(starts: Counts, right: Marks) -> Floats:
    """What guessing reaches on each document: |G| / K.

    >>> guess(np.array([0, 2]), np.array([True, False, False, False, True, False])).tolist()
    [0.5, 0.25]
    """
    lengths = np.diff(np.append(starts, right.size))
    each: Floats = np.add.reduceat(right.astype(float), starts) / lengths
    return each


def chance(starts: Counts, right: Marks) -> float:
    """What guessing reaches on average: the mean over documents of |G| / K.

    >>> chance(np.array([0, 2]), np.array([True, False, False, False, True, False]))
    0.375
    """
    return float(np.mean(guess(starts, right)))


def log_prob_choice(ll: Floats, starts: Counts, right: Marks) -> Floats:
    """Log of the probability of the right answers among the choices of each document, in nats: log sum_{g in G} p_g.

    l_G - log sum_j exp(l_j), never through the probability itself, which is 0 long before its logarithm is -inf
    (Schaeffer et al. 2024: the choices the model did not make are part of what it knows). At most 0.

    >>> log_prob_choice(np.array([-800.0, 0.0]), np.array([0]), np.array([True, False])).tolist()
    [-800.0]
    """
    everything = log_likelihood(ll, starts, np.ones(ll.size, dtype=bool))
    return np.minimum(log_likelihood(ll, starts, right) - everything, 0.0)


def margin(ll: Floats, starts: Counts, right: Marks, characters: ArrayLike) -> Floats:
    """Normalised likelihood margin of each document, nats a character: l_g / c_g - max_{j wrong} l_j / c_j.

    Positive exactly where the harness's `acc_norm` is right (ties aside), and continuous where that jumps; c is the
    number of characters of a choice (Brown et al. 2020, section 2.4, divide by tokens; the harness by characters). Of
    several right answers the best one. `characters`: shape (m,), at least 1. Raises ValueError for an empty choice, or
    a document whose choices are all right or all wrong.

    >>> margin(np.array([-2.0, -6.0, -4.0]), np.array([0]), np.array([True, False, False]), [2, 3, 1]).tolist()
    [1.0]
    """
    sizes = np.asarray(characters, dtype=float)
    if np.any(sizes < 1):
        raise ValueError("a margin for each character needs choices of at least one character")
    each = ll / sizes
    top = np.maximum.reduceat(np.where(right, each, -np.inf), starts)
    rival = np.maximum.reduceat(np.where(right, -np.inf, each), starts)
    if not np.all(np.isfinite(top) & np.isfinite(rival)):
        raise ValueError("a margin needs a right and a wrong choice in every document")
    return np.asarray(top - rival, dtype=float)


def calibration_error(
    confidence: ArrayLike, correct: ArrayLike, clusters: ArrayLike | None = None, *, bins: int = 10
) -> Estimate:
    """Expected calibration error: sum_b |sum_{d in b} (confidence_d - correct_d)| / n over `bins` bins of equal width.

    Bins are (0, 1/B], (1/B, 2/B] ... (Naeini et al. 2015; Guo et al. 2017, equation 3, B = 10 here). `confidence`: the
    probability of the choice made, 0..1; `correct`: 1 where it was right, 0 where not; shape (n,). 0..1, lower is
    better, biased upward by about sqrt(2 p (1 - p) / (pi n_b)) a bin where the model is calibrated. The standard error
    is the delta method's with the signs of the bins held fixed: `mean` of sign_b * (confidence - correct), in clusters.

    >>> value, stderr, n = calibration_error([0.95, 0.95, 0.55, 0.55], [1, 0, 1, 0])
    >>> round(value, 6), round(stderr, 6), n
    (0.25, 0.310913, 4)
    """
    sure, hit = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=float)
    if bins < 1 or sure.shape != hit.shape or not np.all((sure >= 0) & (sure <= 1) & (hit >= 0) & (hit <= 1)):
        raise ValueError("a calibration error needs confidences and outcomes in 0..1, as many of each, and a bin")
    place = np.clip(np.ceil(sure * bins).astype(int) - 1, 0, bins - 1)
    sign = np.sign(np.bincount(place, weights=sure - hit, minlength=bins))
    return mean(sign[place] * (sure - hit), clusters)
