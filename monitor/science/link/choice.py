"""Accuracy of multiple choice from the mean probability of the right choice among its rivals."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.special import logit, ndtri, softmax

from monitor.science.link.share import ShareLaw

Array = npt.NDArray[np.float64]

SHARPNESS = np.geomspace(0.15, 8.0, 12)
"""How many logits one standard deviation between rivals is worth: near 0 the probabilities are all alike and say little
of who wins, far above 1 the winner has it all."""

SHARPNESS_MIDDLE, SHARPNESS_SD = 0.4, 0.9
"""Middle, and standard deviation of the logarithm, of what is believed of it beforehand."""

MARGINS = np.linspace(-2.0, 6.0, 33)
POINTS = 1024
MISFIT = 0.3
"""Scatter of accuracy in logits about the model. So set, the 98 % band held 96 % of 252 results of the OLMo ladder (14
tasks, 18 runs; accuracy .04 above the middle: it is length-normalised there, the probability is not)."""


@cache
def _table(choices: int) -> tuple[Array, Array]:
    """Accuracy (margins,) and mean probability of the right choice (margins, sharpness), over a low-discrepancy set.

    Utilities are normal about 0, that of the right choice about the margin; probabilities are the softmax of sharpness
    times utility. Points: the additive recurrence R_d (Roberts 2018).
    """
    root = 2.0
    for _ in range(60):
        root = (1 + root) ** (1 / (choices + 1))
    steps = root ** -np.arange(1, choices + 1)
    u = ndtri((0.5 + np.arange(1, POINTS + 1)[:, None] * steps) % 1)
    right = u[None, :, :] + MARGINS[:, None, None] * (np.arange(choices) == 0)
    wins = (right[:, :, :1] > right[:, :, 1:]).all(axis=2).mean(axis=1)
    mean = np.stack([softmax(s * right, axis=2)[:, :, 0].mean(axis=1) for s in SHARPNESS], axis=1)
    return wins, mean


def choice(mean_probability: float, choices: int, n: float | None) -> ShareLaw:
    """Accuracy from the mean, over items, of the probability of the right choice among `choices` (2 to 20) of them.

    The margin of the right choice is what makes that mean at a given sharpness; the sharpness is averaged over. Shares
    of `n` items; no errors for probabilities in [0, 1]. Reference: Thurstone 1927, case V, with a softmax read-out.

    >>> choice(0.25, 4, 1000).quantile([0.01, 0.5, 0.99]).round(2)
    array([0.14, 0.26, 0.41])
    >>> choice(0.5, 4, None).quantile([0.5]).round(1)
    array([0.9])
    """
    wins, mean = _table(min(max(choices, 2), 20))
    at = np.array([np.interp(mean_probability, mean[:, j], wins) for j in range(SHARPNESS.size)])
    believed = np.exp(-0.5 * (np.log(SHARPNESS / SHARPNESS_MIDDLE) / SHARPNESS_SD) ** 2)
    # A sharpness that could never give this mean, whatever the margin, is out.
    possible = (mean[0] <= mean_probability) & (mean_probability <= mean[-1])
    believed = np.where(possible, believed, 1e-6 * believed)
    z = logit(np.clip(at, 1e-4, 1 - 1e-4))[:, None] + MISFIT * np.linspace(-2.6, 2.6, 9)
    share = (1 / (1 + np.exp(-z))).ravel()
    weight = (believed[:, None] * np.exp(-0.5 * np.linspace(-2.6, 2.6, 9) ** 2)).ravel()
    order = np.argsort(share)
    return ShareLaw(share[order], weight[order] / weight.sum(), n)
