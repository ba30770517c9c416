"""The metrics of lm-evaluation-harness: kind, direction and range by the harness's own name."""

from __future__ import annotations

from checkpoints_db.records import Direction, Kind, Metric

NO_VALUE = "bypass"
"""What `--predict_only` logs in place of a metric; its value, 999, means nothing."""

_SHARES = frozenset(
    {
        "acc",
        "acc_norm",
        "acc_bytes",
        "acc_mutual_info",
        "exact_match",
        "em",
        "f1",
        "mc1",
        "contains",
        "pass_at_1",
        "prefix_exact_match",
        "quasi_exact_match",
        "prefix_quasi_exact_match",
        "pct_stereotype",
    }
)
_SHARE_ENDS = ("_acc", "_exact_match", "_em")
_LOWER_IS_BETTER = frozenset(
    {
        "perplexity",
        "word_perplexity",
        "byte_perplexity",
        "ppl",
        "bits_per_byte",
        "brier_score",
        "ter",
        "likelihood_difference",
        "likelihood_diff",
        "pct_stereotype",
    }
)
_CONTINUOUS: dict[str, tuple[float | None, float | None]] = {
    "perplexity": (1, None),
    "word_perplexity": (1, None),
    "byte_perplexity": (1, None),
    "ppl": (1, None),
    "bits_per_byte": (0, None),
    "brier_score": (0, 2),
    "mc2": (0, 1),
    "likelihood_difference": (0, None),
    "likelihood_diff": (0, None),
}
_RANGES: dict[str, tuple[float | None, float | None]] = {
    "mcc": (-1, 1),
    "bleu": (0, 100),
    "chrf": (0, 100),
    "ter": (0, None),
}


def metric_of(key: str, task: str, higher_is_better: bool | None, chance: float | None = None) -> tuple[Metric, bool]:
    """The Metric called `key` ("acc,none"; v0.3: "acc"), and whether its direction is known.

    The direction is the log's where it says one, else the one of the table above; higher where neither knows. A metric
    that is not in the table is taken as thresholded and without range: nothing is assumed of it.

    >>> metric, known = metric_of("acc_norm,none", "arc_easy", True)
    >>> metric.kind, metric.direction, metric.lower, metric.upper, known
    ('thresholded', 'higher', 0.0, 1.0, True)
    >>> metric_of("quality,none", "essays", None)[1]
    False
    """
    name = key.rpartition(",")[0] or key
    lower, upper = _range_of(name, task)
    kind: Kind = "continuous" if name in _CONTINUOUS else "thresholded"
    direction: Direction = "lower" if name in _LOWER_IS_BETTER else "higher"
    if higher_is_better is not None:
        direction = "higher" if higher_is_better else "lower"
    known = higher_is_better is not None or _is_known(name)
    chance = chance if name.startswith("acc") else None
    return Metric(name=key, kind=kind, direction=direction, lower=lower, upper=upper, chance=chance), known


def _is_share(name: str) -> bool:
    return name in _SHARES or name.startswith("pass@") or name.endswith(_SHARE_ENDS)


def _is_known(name: str) -> bool:
    return _is_share(name) or name in _CONTINUOUS or name in _RANGES


def _range_of(name: str, task: str) -> tuple[float | None, float | None]:
    if name == "f1" and "squad" in task.lower():  # the SQuAD script speaks in percent
        return 0, 100
    if _is_share(name):
        return 0, 1
    return _CONTINUOUS.get(name) or _RANGES.get(name) or (None, None)
