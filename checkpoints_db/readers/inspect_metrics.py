"""The metrics of an Inspect log: kind, direction and range, by the names of metric and score.

A metric is called `<metric>,<scorer>`: `accuracy,match`. A score that is a dict names its key too
(`mean,soft.p_correct`), a reducer other than the mean comes last (`accuracy,match,mode`), and the reducer `pass_at_2`
makes it `pass@2,match`.
"""

from __future__ import annotations

from checkpoints_db.records import Direction, Kind, Metric

NOT_METRICS = frozenset({"stderr", "bootstrap_stderr", "std", "var", "ci_lower", "ci_upper"})
"""What describes the spread of a metric and is none itself."""

Shape = tuple[Kind, Direction, float | None, float | None]
SHARE: Shape = ("thresholded", "higher", 0, 1)
_UNKNOWN: Shape = ("thresholded", "higher", None, None)
_STATED: dict[str, Shape] = {
    "accuracy": SHARE,
    "perplexity_per_token": ("continuous", "lower", 1, None),
    "perplexity_per_seq": ("continuous", "lower", 1, None),
    "perplexity": ("continuous", "lower", 1, None),
}
_OF_SCORE: dict[str, Shape] = {
    **dict.fromkeys(("match", "includes", "exact", "pattern", "answer", "choice", "f1", "math"), SHARE),
    **dict.fromkeys(("model_graded_qa", "model_graded_fact"), SHARE),
    **dict.fromkeys(("target_perplexity", "perplexity"), ("continuous", "lower", 0, None)),
}
"""Scorers that come with Inspect: what a mean over their scores is."""
_BY_NAME: dict[str, Shape] = {
    **dict.fromkeys(("p_correct", "prob_correct", "prob_choice"), ("continuous", "higher", 0, 1)),
    **dict.fromkeys(("ll", "log_likelihood", "logprob", "log_prob"), ("continuous", "higher", None, 0)),
    **dict.fromkeys(("nll", "loss", "distance", "edit_distance"), ("continuous", "lower", None, None)),
    "bits_per_byte": ("continuous", "lower", 0, None),
    "brier": ("continuous", "lower", 0, 2),
}
"""Names people give to scores of their own; the log cannot confirm the direction, so a note says what was taken."""
_LOCATIONS = frozenset({"mean", "median", "min", "max"})

LOG_LIKELIHOOD: Shape = ("continuous", "higher", None, 0)


def place_of(name: str, scorer: str) -> str:
    """How a score is called: the scorer, and the key where the score is a dict.

    >>> place_of("match", "match"), place_of("p_correct", "soft")
    ('match', 'soft.p_correct')
    """
    return scorer if name == scorer else f"{scorer}.{name}"


def metric_name(key: str, place: str, reducer: str | None) -> str:
    """What a metric of a score is called.

    >>> metric_name("accuracy", "match", None), metric_name("accuracy", "match", "mode")
    ('accuracy,match', 'accuracy,match,mode')
    >>> metric_name("accuracy", "match", "pass_at_2")
    'pass@2,match'
    """
    if reducer in (None, "mean"):
        return f"{key},{place}"
    k = (reducer or "").removeprefix("pass_at_")
    return f"pass@{k},{place}" if k.isdecimal() and key in ("accuracy", "mean") else f"{key},{place},{reducer}"


def shaped(name: str, shape: Shape) -> Metric:
    """The Metric called `name`."""
    kind, direction, lower, upper = shape
    return Metric(name=name, kind=kind, direction=direction, lower=lower, upper=upper)


def shape_of(metric: str, score: str) -> tuple[Shape, bool]:
    """Kind, direction and range of `metric` over the scores called `score`, and whether the direction is known.

    >>> shape_of("accuracy", "anything")
    (('thresholded', 'higher', 0, 1), True)
    >>> shape_of("mean", "distance")
    (('continuous', 'lower', None, None), False)
    """
    if metric in _STATED:
        return _STATED[metric], True
    if metric in _LOCATIONS and score in _OF_SCORE:
        return _OF_SCORE[score], True
    return (_BY_NAME.get(score, _UNKNOWN) if metric in _LOCATIONS else _UNKNOWN), False
