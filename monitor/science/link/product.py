"""Exact match from the likelihood of the whole answer: p**L, its spread over items, and greedy decoding.

A model that samples is right as often as the mean over items of the product of token probabilities says. One that
decodes greedily answers with its mode: an item of probability above 1/2 is always right, so the score runs ahead.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, logit

from monitor.science.link.share import ShareLaw, around

Array = npt.NDArray[np.float64]

GREEDY, GREEDY_RISE, GREEDY_SD = 0.1, 0.8, 0.42
"""How far, in logits, greedy exact match runs ahead of the mean probability p: GREEDY + GREEDY_RISE p, and its scatter.

Of 47 checkpoints and tasks of small transformers whose exact match and per-item likelihood are both known (2 items or
more right and wrong), the difference had mean .48 and standard deviation .56, counting noise in it; about 0 where p is
below .15, .6 to .8 in the middle, above 1 near 1.
"""

SPREAD_SD = 0.15
"""Scatter, in logits, of the gamma mean about the mean probability: .03 +- .10 on the same 47."""

UNKNOWN_SD = 1.0
"""The same where the spread over items is not known: mean exp(l) lies anywhere from exp(mean l) to a few logits above;
JENSEN is the middle of it."""

JENSEN = 1.0


def item_product(mean_probability: float, n: float | None) -> ShareLaw:
    """Greedy exact match from the mean over items of exp(log-likelihood), for `n` items (None: no counting noise).

    >>> item_product(0.414, 200).quantile([0.01, 0.5, 0.99]).round(2)
    array([0.23, 0.52, 0.8 ])
    """
    return around(_ahead(mean_probability, n), GREEDY_SD, n)


def mean_product(mean_log_likelihood: float, n: float | None, spread: float | None = None) -> ShareLaw:
    """Greedy exact match of an answer from its mean log-likelihood in nats, <= 0, and its spread over items.

    `spread`: standard deviation over items of the log-likelihood (standard error times sqrt(n)); without it p**L alone
    is known, which is the least that it can be. Reference: Schaeffer et al. 2023, section 2.

    >>> mean_product(-1.867, 200, 2.0).quantile([0.01, 0.5, 0.99]).round(2)
    array([0.18, 0.46, 0.77])
    """
    if spread is not None:
        share = expected_product(mean_log_likelihood, spread)
        return around(_ahead(share, n), float(np.hypot(GREEDY_SD, SPREAD_SD)), n)
    share = float(np.exp(min(mean_log_likelihood, 0.0)))
    return around(_ahead(share, n) + JENSEN * (1 - share), float(np.hypot(GREEDY_SD, UNKNOWN_SD)), n)


def expected_product(mean_log_likelihood: float, spread: float) -> float:
    """Mean over items of exp(l) where -l is gamma with mean mu = -mean_log_likelihood and standard deviation `spread`.

        (1 + s^2 / mu)^(-mu^2 / s^2), which is p**L = exp(-mu) as s goes to 0

    Units: nats. Reference: Laplace transform of the gamma law at 1.

    >>> round(expected_product(5 * float(np.log(0.9)), 0.0), 3)  # five tokens at 0.9, all items alike
    0.59
    >>> round(expected_product(-4.0, 4.0), 3), round(float(np.exp(-4.0)), 3)  # exponential: 1 / (1 + 4)
    (0.2, 0.018)
    """
    mu = -min(mean_log_likelihood, 0.0)
    if mu <= 0 or spread <= 1e-6 * max(mu, 1.0):
        return float(np.exp(-mu))
    return float(np.exp(-((mu / spread) ** 2) * np.log1p(spread**2 / mu)))


def pass_at_k(mean_probability: float, spread: float, k: int) -> float:
    """Share of items solved at least once in `k` samples, item probabilities beta with this mean and spread.

        1 - B(a, b + k) / B(a, b), a = m (m (1 - m) / s^2 - 1), b = a (1 - m) / m

    `spread` 0 is all items alike, 1 - (1 - m)^k; the largest possible, sqrt(m (1 - m)), leaves pass@1. Reference: mean
    of 1 - (1 - p)^k (Chen et al. 2021) under a beta law.

    >>> round(pass_at_k(0.1, 0.0, 10), 6), round(pass_at_k(0.5, (1 / 12) ** 0.5, 1), 6)
    (0.651322, 0.5)
    >>> round(pass_at_k(0.5, (1 / 12) ** 0.5, 9), 6)  # uniform: 1 - 1 / (k + 1)
    0.9
    """
    m = min(max(mean_probability, 0.0), 1.0)
    most = m * (1 - m)
    if spread**2 <= 1e-9 * most or most == 0:
        return float(1 - (1 - m) ** k)
    concentration = most / min(spread**2, 0.999 * most) - 1
    a, b = m * concentration, (1 - m) * concentration
    return float(-np.expm1(betaln(a, b + k) - betaln(a, b)))


PASS_SD = 0.3
"""Scatter of pass@k in logits: the beta law is a guess where items were never looked at."""


def pass_law(mean_probability: float, spread: float | None, k: int, n: float | None) -> ShareLaw:
    """The law of pass@k from the mean probability of a whole answer; without the spread over items the middle between
    its least and its most stands in, with a scatter to match.

    >>> pass_law(0.1, 0.1, 10, None).quantile([0.5]).round(3)
    array([0.505])
    """
    if spread is not None:
        return around(_held(pass_at_k(mean_probability, spread, k), n), PASS_SD, n)
    ends = [_held(pass_at_k(mean_probability, s, k), n) for s in (0.0, 1.0)]
    return around(0.5 * (ends[0] + ends[1]), float(np.hypot(PASS_SD, 0.25 * abs(ends[1] - ends[0]))), n)


def _ahead(share: float, n: float | None) -> float:
    return _held(share, n) + GREEDY + GREEDY_RISE * share


def _held(share: float, n: float | None) -> float:
    least = 1e-9 if n is None else 0.05 / (n + 1)
    return float(logit(min(max(share, least), 1 - least)))
