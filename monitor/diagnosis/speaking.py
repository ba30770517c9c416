"""Which metric of a task speaks: by name, never by outcome."""

from __future__ import annotations

from collections.abc import Sequence

from checkpoints_db.records import Kind, Verdict

CONTINUOUS_ORDER = (
    "log_likelihood_per_byte",
    "bits_per_byte",
    "log_likelihood",
    "brier",
    "brier_score",
    "prob_choice",
    "prob_answer",
    "loss",
    "byte_perplexity",
    "word_perplexity",
    "perplexity",
)
"""Which continuous metric speaks: likelihood per byte first (lengths cancel), probabilities of whole answers last (they
are half-way to a threshold). Names not listed come after, in alphabetical order."""

THRESHOLDED_ORDER = ("exact_match", "pass@1", "acc", "acc_norm", "accuracy", "multiple_choice_grade", "f1", "em")
"""Which thresholded metric speaks; names not listed come after, in alphabetical order."""

SILENT = frozenset({"expected_calibration_error"})
"""Thresholded metrics that never speak: they rise and fall without the ability."""


def primary(verdicts: Sequence[Verdict], kind: Kind) -> Verdict | None:
    """The metric of `kind` that speaks for the task, by name and never by outcome; None where there is none.

    Order: CONTINUOUS_ORDER or THRESHOLDED_ORDER (the filter after a comma does not count), then metric name, then task.
    """
    order = CONTINUOUS_ORDER if kind == "continuous" else THRESHOLDED_ORDER

    def rank(v: Verdict) -> tuple[int, str, str]:
        name = bare(v.metric.name)
        return order.index(name) if name in order else len(order), v.metric.name, v.task

    speaking = (v for v in verdicts if v.metric.kind == kind and bare(v.metric.name) not in SILENT)
    return min(speaking, key=rank, default=None)


def bare(name: str) -> str:
    """A metric name without the harness's filter.

    >>> bare("exact_match,none")
    'exact_match'
    """
    return name.partition(",")[0]


def said_of(v: Verdict) -> str:
    """Task and metric, as sentences name them."""
    return f"{v.task} · {v.metric.name}"
