"""Right answers among repeated ones: pass@k, the rate of success, and PassUntil."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv

from checkpoints_db.samples.estimate import Estimate, Floats, mean, ratio


class Rate(NamedTuple):
    """A probability of success with an interval; no value where it is censored: only known to be below `upper`."""

    value: float | None
    stderr: float | None
    lower: float
    upper: float
    successes: int
    draws: int

    @property
    def censored(self) -> bool:
        """Whether nothing succeeded: an upper bound is all that is known, and that is not 0."""
        return self.value is None


def pass_at_k(correct: ArrayLike, drawn: ArrayLike, k: int) -> Estimate:
    """Share of documents solved by at least one of k answers, each document a cluster of its n answers.

    Mean over documents of 1 - C(n - c, k) / C(n, k), which is unbiased (Chen et al. 2021, "Evaluating Large Language
    Models Trained on Code", equation 1); as the product 1 - prod_{i < k} (n - c - i) / (n - i), so that nothing
    overflows. `correct` c and `drawn` n: whole, shape (documents,). Raises ValueError where k is below 1 or above an n.

    >>> pass_at_k([1], [2], 1).value, pass_at_k([1], [4], 2).value, pass_at_k([3, 0], [4, 4], 2).value
    (0.5, 0.5, 0.5)
    """
    c, n = _counts(correct, drawn)
    if not 1 <= k <= n.min():
        raise ValueError(f"pass@{k} of {n.min():g} answers: k lies between 1 and the number of answers")
    i = np.arange(k)[:, None]
    failing = np.prod(np.maximum(n - c - i, 0.0) / (n - i), axis=0)
    return mean(1.0 - failing)


def success_rate(correct: ArrayLike, drawn: ArrayLike, *, alpha: float = 0.05) -> Rate:
    """Rate of success c / n with its Clopper-Pearson interval, pooled over documents that were each asked n_d times.

    The standard error clusters by document (ratio of sums). The interval, 1 - alpha, holds for these documents and new
    answers to them: drawing inside fixed documents spreads no more than drawing with one probability (Hoeffding 1956).
    Where nothing succeeded the rate is censored: no value, and the one-sided bound 1 - alpha^(1/n), about 3 / n at 95 %
    (Hanley & Lippman-Hand 1983). Likewise lower = alpha^(1/n) where everything did.

    >>> rate = success_rate([0, 0], [50, 50])
    >>> rate.value, rate.censored, round(rate.upper, 6)
    (None, True, 0.029513)
    >>> rate = success_rate([1, 3], [10, 10])
    >>> rate.value, round(rate.stderr, 6), round(rate.lower, 6), round(rate.upper, 6)
    (0.2, 0.1, 0.057334, 0.436614)
    """
    c, n = _counts(correct, drawn)
    _is_share(alpha)
    right, asked = int(c.sum()), int(n.sum())
    if right == 0:
        return Rate(None, None, 0.0, -math.expm1(math.log(alpha) / asked), 0, asked)
    value, stderr, _ = ratio(c, n)
    if right == asked:
        return Rate(value, stderr, alpha ** (1 / asked), 1.0, right, asked)
    lower = float(betaincinv(right, asked - right + 1, alpha / 2))
    upper = float(betaincinv(right + 1, asked - right, 1 - alpha / 2))
    return Rate(value, stderr, lower, upper, right, asked)


def pass_until(successes: int, draws: int, *, alpha: float = 0.05) -> Rate:
    """Probability of success of one document that was asked until it had r `successes`, the last at draw N = `draws`.

    It resolves probabilities that a fixed number of answers cannot (Hu et al. 2023, "Predicting Emergent Abilities with
    Infinite Resolution Evaluation", PassUntil). For r >= 2 the estimate is (r - 1) / (N - 1), which is unbiased
    (Haldane 1945), its standard error sqrt(p (1 - p) / (N - 2)) the root of the unbiased variance (Finney 1949); for
    r = 1 it is 1 / N, the likeliest value, biased upward, without standard error. The interval, 1 - alpha, inverts the
    negative binomial exactly. r = 0 means that asking stopped at N draws without success: censored, as `success_rate`
    has it. Raises ValueError where there are fewer draws than successes or none at all.

    >>> rate = pass_until(3, 2001)
    >>> rate.value, round(rate.stderr, 6), round(rate.lower, 6), round(rate.upper, 6)
    (0.001, 0.000707, 0.000309, 0.003608)
    >>> pass_until(0, 3000).value, round(pass_until(0, 3000).upper, 6)
    (None, 0.000998)
    """
    r, n = successes, draws
    if r == 0:
        return success_rate([0], [n], alpha=alpha)
    _counts([r], [n])
    _is_share(alpha)
    lower = float(betaincinv(r, n - r + 1, alpha / 2))
    upper = float(betaincinv(r, n - r, 1 - alpha / 2)) if n > r else 1.0
    if r == 1:
        return Rate(1 / n, None, lower, upper, r, n)
    value = (r - 1) / (n - 1)
    stderr = math.sqrt(value * (1 - value) / (n - 2)) if n > 2 else None
    return Rate(value, stderr, lower, upper, r, n)


def _counts(correct: ArrayLike, drawn: ArrayLike) -> tuple[Floats, Floats]:
    c, n = np.asarray(correct, dtype=float), np.asarray(drawn, dtype=float)
    whole = np.all(c == np.floor(c)) and np.all(n == np.floor(n))
    if c.shape != n.shape or c.size == 0 or not whole or not (np.all(n >= 1) and np.all((c >= 0) & (c <= n))):
        raise ValueError(
            "right answers and answers are whole counts, 0 <= right <= answers, and at least one answer each"
        )
    return c, n


def _is_share(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha:g}; a share strictly between 0 and 1 is needed")
