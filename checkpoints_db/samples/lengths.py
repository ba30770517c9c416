"""Likelihoods and exact matches, freed from the length of the answer."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from checkpoints_db.samples.estimate import Estimate, ratio


def log_likelihood_per_character(ll: ArrayLike, characters: ArrayLike, clusters: ArrayLike | None = None) -> Estimate:
    """Nats a character: sum l / sum c, c the Unicode code points of the answer (Gao 2021, "Multiple choice
    normalization in LM evaluation"; the harness's `acc_norm` divides by the same count).

    >>> log_likelihood_per_character([-2.0, -4.0], [1, 3])
    Estimate(value=-1.5, stderr=0.25, n=2)
    """
    return ratio(ll, characters, clusters)


def bits_per_byte(ll: ArrayLike, sizes: ArrayLike, clusters: ArrayLike | None = None) -> Estimate:
    """Bits a byte of UTF-8: -sum l / (ln 2 * sum b), lower is better (Gao et al. 2020, "The Pile", section 3.1).

    It is the log-likelihood per byte in other units: -1 / ln 2 times it.

    >>> value, stderr, n = bits_per_byte([-2 * math.log(2), -6 * math.log(2)], [1, 3])
    >>> round(value, 12), round(stderr, 12), n
    (2.0, 0.0, 2)
    """
    return ratio(-np.asarray(ll, dtype=float) / math.log(2), sizes, clusters)


def per_token(exact_match: Estimate, length: float) -> Estimate:
    """What an exact match says of a single token: p^(1/L), the equal probability of each of L tokens that gives p.

    Schaeffer et al. 2023 ("Are Emergent Abilities of Large Language Models a Mirage?", section 2): exact match of L
    independent tokens is p_token^L. `length`: L >= 1, tokens of an answer. The standard error is the delta method's,
    se * p^(1/L - 1) / L, and so knows the clusters `exact_match` knew. An exact match of 0 stays 0 and has no standard
    error where L > 1: the slope there is infinite, nothing is known of the single token. Raises ValueError for a
    length below 1 or a share outside 0..1.

    >>> value, stderr, n = per_token(Estimate(0.064, 0.016, 100), 3)
    >>> round(value, 9), round(stderr, 9), n
    (0.4, 0.033333333, 100)
    >>> per_token(Estimate(0.0, 0.0, 100), 3)
    Estimate(value=0.0, stderr=None, n=100)
    """
    p, stderr, n = exact_match
    if not length >= 1 or not 0 <= p <= 1:
        raise ValueError(f"an exact match of {p:g} over {length:g} tokens: the share is 0..1, the length at least 1")
    if p == 0 and length > 1:
        return Estimate(0.0, None, n)
    slope = p ** (1 / length - 1) / length
    return Estimate(p ** (1 / length), None if stderr is None else stderr * slope, n)
