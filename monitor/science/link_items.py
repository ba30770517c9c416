"""Items -> thresholded metric: what the likelihood of each answer says the score should have been, with a band.

Two facts and a fit. Greedy decoding is right wherever the right answer has probability above 1/2: each of its tokens is
then the likeliest. So is a choice with more than half of the probability of all choices. Below that an item is right
with a probability that rises with its log-likelihood; how, the items of smaller rungs say. Series come first in every
shape, so that thousands are linked at once; items are tallied in bins first, after which their number costs nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit, stdtrit

Array = npt.NDArray[np.float64]
Floats = npt.NDArray[np.floating]

SURE = float(np.log(0.5))
"""Nats above which an answer is certain to be the greedy one."""
CELLS = 128
"""Bins of the distance below SURE; their edges lie at -(k / 16)^2, nearer to each other where it matters."""
FINE = 16
AT = -(((np.arange(CELLS) + 0.5) / FINE) ** 2)
"""Where each bin stands."""
LENGTH = 4.0
"""Length that is assumed where none is known."""

START = np.array([0.4, 3.0])
"""Prior mean of (intercept, slope). Over 29,400 answers of 2 to 6 characters by checkpoints of small transformers,
whose greedy decoding and likelihood are both known, the fit by maximum likelihood was (0.40, 3.05)."""
SPREAD = np.array([1.0, 1.5])
"""Prior standard deviations: their texts and tokens were not everybody's."""
BETWEEN = 0.6
"""Prior standard deviation of a rung's own intercept, logits."""
PRIOR_RUNGS = 4.0
"""How many rungs that prior is worth."""
QUANTILE = 0.99
"""Of each side of the band."""
ROUNDS = 12


class Tally(NamedTuple):
    """Items of one rung of S series, counted."""

    below: Array
    """(S, CELLS): items by the distance below SURE."""
    right: Array
    """(S, CELLS): those of them that were right."""
    sure: Array
    """(S,): items above SURE."""
    n: Array
    """(S,): items in all."""


class Predicted(NamedTuple):
    """Shares of right answers, shape (S,) each: the middle and a 98 % band."""

    share: Array
    lower: Array
    upper: Array


def exact_share(right: npt.ArrayLike) -> float | None:
    """Share of right answers as the log itself marks them: of choices the likeliest, of answers the greedy one.

    `right`: shape (n,), 1, 0, or negative where the log does not say; None where it does not say all of them.

    >>> exact_share([1, 0, 0, 1]), exact_share([1, -1])
    (0.5, None)
    """
    marks = np.asarray(right)
    return None if not marks.size or np.any(marks < 0) else float(np.mean(marks))


def tally(ll: npt.ArrayLike, length: npt.ArrayLike, right: npt.ArrayLike) -> Tally:
    """Count the items of one rung by how far below SURE they lie, in nats over the root of their length.

    `ll`: shape (S, n), nats, <= 0; NaN for no item. `length` (S, n) in characters or tokens, not positive where
    unknown; `right` (S, n) of 1 and 0, anything else where unknown (counted as wrong). The root is what 29,400 answers
    of known outcome preferred to the length itself and to none (deviance 4376.6 against 4420.4 and 4384.6).

    >>> counted = tally([[-0.1, -0.8, -9.0]], [[4, 4, 4]], [[1, 1, 0]])
    >>> counted.sure.tolist(), counted.below.sum(), counted.right.sum(), counted.n.tolist()
    ([1.0], np.float64(2.0), np.float64(1.0), [3.0])
    """
    nats, marks = np.atleast_2d(np.asarray(ll, dtype=float)), np.atleast_2d(np.asarray(right))
    sizes = np.atleast_2d(np.asarray(length, dtype=float))
    known = ~np.isnan(nats)
    below = known & (nats <= SURE)
    depth = np.sqrt(np.where(below, SURE - nats, 0.0) / np.sqrt(np.where(sizes > 0, sizes, LENGTH)))
    cell = np.minimum((depth * FINE).astype(np.intp), CELLS - 1)
    cell += CELLS * np.arange(nats.shape[0])[:, None]
    shape = (nats.shape[0], CELLS)
    count = np.bincount(cell[below], minlength=shape[0] * CELLS).reshape(shape).astype(float)
    hits = np.bincount(cell[below & (marks == 1)], minlength=shape[0] * CELLS).reshape(shape).astype(float)
    return Tally(count, hits, (known & (nats > SURE)).sum(1).astype(float), known.sum(1).astype(float))


def predicted(rungs: list[Tally], own: Tally, observed: Array | None = None) -> Predicted:
    """What the items of a checkpoint say its score should be, by the link of the smaller rungs.

    `rungs`: R >= 1 of S series each. `observed`: (R, S) the scores that the rungs reached, where they are not those of
    the items themselves. Logit P(right) = a + b (ll - SURE) / sqrt(length) below SURE, 1 above it; a and b by penalised
    maximum likelihood over the items of all rungs, prior START and SPREAD. The band holds three errors: of a and b
    (Laplace), between rungs (each left out and forecast by the others, shrunk to BETWEEN; t law), and of the items
    asked (binomial given the likelihoods). Raises ValueError without rungs.

    >>> rung = tally([[-0.2, -0.9, -1.5, -4.0, -9.0]], [[4] * 5], [[1, 1, 0, 0, 0]])
    >>> found = predicted([rung], tally([[-0.1, -0.2, -0.3, -0.4, -9.0]], [[4] * 5], [[1, 1, 1, 1, 0]]))
    >>> found.share.round(3).tolist()
    [0.8]
    """
    if not rungs:
        raise ValueError("a link by items needs the items of a smaller rung")
    count = np.sum([rung.below for rung in rungs], axis=0)
    hits = np.sum([rung.right for rung in rungs], axis=0)
    theta, cov = _fit(count, hits)
    between, weight = _between(rungs, count, hits, observed)
    expected, slack = _moments(own, theta, 0.0)
    lean = _leaning(own, theta)
    far = stdtrit(PRIOR_RUNGS + weight, QUANTILE)
    blur = far**2 * np.einsum("si,sij,sj->s", lean, cov, lean)
    # On a floor the curvature knows little of a and b; that the rungs had as few right as they had bounds them too.
    most = np.minimum(blur, _most(count, hits, theta) ** 2)
    n = np.maximum(own.n, 1.0)
    ends = []
    for side, part in ((-1.0, blur), (1.0, most)):
        mean, variance = _moments(own, theta, side * np.sqrt(far**2 * between + part))
        # The score moves in steps of 1 / n; half of one is no departure.
        noise = 2.326 * np.sqrt(np.maximum(variance, slack)) + 0.5
        ends.append(np.clip((mean + side * noise) / n, 0.0, 1.0))
    return Predicted(expected / n, ends[0], ends[1])


def _fit(count: Array, hits: Array) -> tuple[Array, Array]:
    """Posterior mode (S, 2) and covariance (S, 2, 2) of (intercept, slope), by damped Newton steps."""
    theta = np.broadcast_to(START, (count.shape[0], 2)).copy()
    precision = np.diag(SPREAD**-2)
    design = np.stack([np.ones(CELLS), AT])
    outer = np.stack([design[i] * design[j] for i in range(2) for j in range(2)], axis=1)
    for _ in range(ROUNDS):
        p = expit(theta @ design)
        curve = ((count * p * (1 - p)) @ outer).reshape(-1, 2, 2) + precision
        slope = (hits - count * p) @ design.T - (theta - START) @ precision
        step = np.linalg.solve(curve, slope[..., None])[..., 0]
        theta = theta + np.clip(step, -2.0, 2.0)
        theta[:, 1] = np.maximum(theta[:, 1], 0.0)  # monotone: a likelier answer is not right less often
        if np.abs(step).max() < 1e-6:
            break
    return theta, np.linalg.inv(curve)


def _most(count: Array, hits: Array, theta: Array) -> Array:
    """(S,): logits by which the link could be moved up before the rungs had clearly more right than they had."""
    limit = hits.sum(1) + 2.326 * np.sqrt(hits.sum(1)) + 4.6  # of none right up to 4.6, at 99 %
    low, high = np.zeros(len(theta)), np.full(len(theta), 30.0)
    line = theta[:, :1] + theta[:, 1:] * AT
    for _ in range(16):
        middle = (low + high) / 2
        over = (count * expit(line + middle[:, None])).sum(1) > limit
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return high


def _moments(own: Tally, theta: Array, shift: Array | float) -> tuple[Array, Array]:
    """Mean and variance of the number of right answers, the link moved by `shift` logits."""
    p = expit(theta[:, :1] + np.reshape(shift, (-1, 1)) + theta[:, 1:] * AT)
    return own.sure + (own.below * p).sum(1), (own.below * p * (1 - p)).sum(1)


def _leaning(own: Tally, theta: Array) -> Array:
    """(S, 2): (1, mean distance) of the items whose outcome is open, which the score moves with."""
    p = expit(theta[:, :1] + theta[:, 1:] * AT)
    weight = own.below * p * (1 - p) + 1e-12
    return np.stack([np.ones(len(theta)), (weight * AT).sum(1) / weight.sum(1)], axis=1)


def _between(rungs: list[Tally], count: Array, hits: Array, observed: Array | None) -> tuple[Array, Array]:
    """Variance of a rung's own intercept, and how many rungs told of it."""
    total, weights = np.full(count.shape[0], PRIOR_RUNGS * BETWEEN**2), np.zeros(count.shape[0])
    for r, rung in enumerate(rungs):
        theta, _ = _fit(count - rung.below, hits - rung.right)
        mean, variance = _moments(rung, theta, 0.0)
        got = rung.right.sum(1) + rung.sure if observed is None else observed[r] * rung.n
        # A rung of which nearly all is certain says little; what it says is weighed by what it could say.
        open_ = np.maximum(variance, 1e-3)
        moved = np.clip((got - mean) / open_, -4.0, 4.0)
        weight = BETWEEN**2 / (BETWEEN**2 + 1 / open_)
        total += weight * np.maximum(moved**2 - 1 / open_, 0.0)
        weights += weight
    return total / (PRIOR_RUNGS + weights), weights
