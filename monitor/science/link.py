"""Continuous -> thresholded: what the likelihood says the score should have been, with a band.

All three links answer on the logit scale of the thresholded metric's range, as (predicted, lower, upper) shares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, stdtrit

Array = npt.NDArray[np.float64]

NOISE = 2.3263478740408408
"""Standard errors of sampling noise on either side: the 99 % quantile of a normal law."""

GREEDY_BELOW, GREEDY_ABOVE = 0.5, 1.5
"""How far, in logits, the share of right answers may lie from the mean probability of the right answer.

A model that samples is right as often as the mean probability says. One that decodes greedily answers with its mode: an
item of probability above 1/2 is always right, so the score runs ahead of the mean. On 22 checkpoints of a ladder of
small
transformers whose exact match and per-item likelihood are both known, the difference in logits had mean 0.5 and
standard
deviation 0.42; mean +- 2.33 sd is the band [-0.5, 1.5].
"""

JENSEN_BELOW, JENSEN_ABOVE = 0.5, 2.5
"""The same for exp(mean log-likelihood), which also misses that items differ: mean exp(ll) >= exp(mean ll)."""

MIN_MOVED = 4
"""Rungs that must have left the floor before a link is fitted: a line and two to contradict it."""


@dataclass(frozen=True)
class Band:
    """Predicted share and a 98 % band of the thresholded metric."""

    predicted: float
    lower: float
    upper: float


def item_product(mean_probability: float, n: int | None) -> Band:
    """Exact match from the mean over items of exp(log-likelihood), for `n` items (None: sampling noise unknown,
    left out).

    >>> band = item_product(0.414, 200)
    >>> band.predicted, round(band.lower, 2), round(band.upper, 2)
    (0.414, 0.23, 0.82)
    """
    return _around(mean_probability, n, GREEDY_BELOW, GREEDY_ABOVE)


def mean_product(mean_log_likelihood: float, n: int | None) -> Band:
    """Exact match of an answer from its mean log-likelihood, p**L = exp(L mean log p) (Schaeffer et al. 2023,
    section 2).

    `mean_log_likelihood` is in nats per answer, <= 0.

    >>> round(mean_product(5 * np.log(0.9), None).predicted, 3)  # five independent tokens at 0.9
    0.59
    """
    return _around(float(np.exp(min(mean_log_likelihood, 0.0))), n, JENSEN_BELOW, JENSEN_ABOVE)


def fitted(continuous: Array, share: Array, noise: Array, at: float, n: int | None) -> Band | None:
    """Logit-linear regression of the thresholded `share` on the `continuous` metric over rungs that have moved, at
    `at`.

    `continuous`, `share`, `noise` (squared standard errors of the shares) have shape (k,). The band is the t
    interval of
    one new result plus its sampling noise. None with fewer than MIN_MOVED rungs, without spread, or where the band
    covers
    more than half of the range: such a link explains anything.
    """
    k = continuous.size
    if k < MIN_MOVED or np.ptp(continuous) <= 0:
        return None
    least = np.sqrt(np.maximum(noise, 1e-8)) * 0.5
    z = logit(np.clip(share, np.minimum(least, 0.5), np.maximum(1 - least, 0.5)))
    line = least_squares(continuous, z)
    centre = line.intercept + line.slope * at
    lever = 1 + 1 / k + (at - continuous.mean()) ** 2 / float(((continuous - continuous.mean()) ** 2).sum())
    half = float(stdtrit(k - 2, 0.99)) * line.residual_sd * np.sqrt(lever)
    extra = NOISE * _spread(float(expit(centre)), n)
    lower, upper = float(expit(centre - half - extra)), float(expit(centre + half + extra))
    return None if upper - lower > 0.5 else Band(float(expit(centre)), lower, upper)


@dataclass(frozen=True)
class Line:
    """A least-squares line and its standard deviations."""

    intercept: float
    slope: float
    residual_sd: float
    intercept_sd: float
    slope_sd: float


def least_squares(x: Array, y: Array) -> Line:
    """Ordinary least squares of y on x, shape (k,), k >= 3; residual standard deviation with k - 2 degrees of freedom.

    >>> line = least_squares(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0]))
    >>> round(line.intercept, 9), round(line.slope, 9)
    (1.0, 2.0)
    """
    d = x - x.mean()
    sxx = float(d @ d)
    slope = float(d @ y) / sxx
    intercept = float(y.mean()) - slope * float(x.mean())
    residual = y - intercept - slope * x
    sd = float(np.sqrt(residual @ residual / (x.size - 2)))
    intercept_sd = sd * float(np.sqrt(1 / x.size + float(x.mean()) ** 2 / sxx))
    return Line(intercept, slope, sd, intercept_sd, sd / float(np.sqrt(sxx)))


def _around(share: float, n: int | None, below: float, above: float) -> Band:
    least = 1e-9 if n is None else 0.5 / (n + 1)
    z = float(logit(min(max(share, least), 1 - least)))
    extra = NOISE * _spread(share, n)
    return Band(share, float(expit(z - below - extra)), float(expit(z + above + extra)))


def _spread(share: float, n: int | None) -> float:
    if n is None:
        return 0.0
    p = (n * share + 1) / (n + 2)
    return float(1 / np.sqrt(n * p * (1 - p)))
