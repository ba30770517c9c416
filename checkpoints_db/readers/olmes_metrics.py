"""The metrics of OLMES: kind, direction and range by OLMES's own name."""

from __future__ import annotations

import math

from checkpoints_db.records import Direction, Kind, Metric

PER_INSTANCE = frozenset({"sum_logits_corr", "logits_per_token_corr", "logits_per_char_corr", "bits_per_byte_corr"})
"""What the predictions give too, with standard errors. "Logits" are log-probabilities in nats."""
_ACC = ("acc_raw", "acc_per_token", "acc_per_char", "acc_per_byte", "acc_uncond")
_SHARES = frozenset({*_ACC, "exact_match", "f1", "recall", "pass_at_1", "primary_score"})
_CONTINUOUS_STARTS = ("sum_logits", "logits_per_", "bits_per_byte", "correct_prob", "norm_correct_prob", "margin")
_NATS = ("sum_logits_corr", "logits_per_token_corr", "logits_per_char_corr", "logits_per_byte_corr")
_ZERO_TO_ONE = ("correct_prob_per", "norm_correct_prob")
_IN_DISGUISE = "correct_prob"
"""The product of the token probabilities: all-or-nothing, as exact match is."""


def metric_of(name: str) -> tuple[Metric, bool]:
    """The Metric called `name`, and whether its direction is known.

    >>> metric_of("bits_per_byte_corr")[0].direction, metric_of("acc_per_char")[0].upper, metric_of("odd")[1]
    ('lower', 1.0, False)
    """
    kind: Kind = "continuous" if name.startswith(_CONTINUOUS_STARTS) and name != _IN_DISGUISE else "thresholded"
    direction: Direction = "lower" if name.startswith("bits_per_byte") else "higher"
    lower: float | None = None
    upper: float | None = None
    if name in _SHARES or name == _IN_DISGUISE or name.startswith(_ZERO_TO_ONE):
        lower, upper = 0, 1
    elif name in _NATS:
        upper = 0
    elif direction == "lower":
        lower = 0
    known = name in _SHARES or name.startswith(_CONTINUOUS_STARTS)
    return Metric(name=name, kind=kind, direction=direction, lower=lower, upper=upper), known


def all_or_nothing(name: str) -> bool:
    """Whether every document scores 0 or 1 under `name`."""
    return name in _ACC


def stderr_of(share: float, n: int) -> float | None:
    """Standard error of a mean of zeros and ones, exactly that of the single answers; None where it is no such mean.

    With k of n ones the sample variance is n / (n - 1) p (1 - p), p = k / n, so the error is sqrt(p (1 - p) / (n - 1)).

    >>> stderr_of(0.5, 5) is None, stderr_of(0.5, 2)
    (True, 0.5)
    """
    if n < 2 or abs(share * n - round(share * n)) > 1e-6 * n:
        return None
    return math.sqrt(max(share * (1 - share), 0.0) / (n - 1))
