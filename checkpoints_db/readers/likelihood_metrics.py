"""The continuous metrics that every harness with likelihoods shares: one name, kind, direction and range each."""

from __future__ import annotations

from checkpoints_db import samples
from checkpoints_db.records import Metric

METRICS = {
    "log_likelihood": Metric(name="log_likelihood", kind="continuous", upper=0),
    "log_likelihood_per_byte": Metric(name="log_likelihood_per_byte", kind="continuous", upper=0),
    # All-or-nothing in disguise: the product of the token probabilities, it jumps as exact match does.
    "prob_answer": Metric(name="prob_answer", kind="thresholded", lower=0, upper=1),
    "prob_choice": Metric(name="prob_choice", kind="continuous", lower=0, upper=1),
    "log_prob_choice": Metric(name="log_prob_choice", kind="continuous", upper=0),
    "margin": Metric(name="margin", kind="continuous"),
    # Half of it is right or wrong, which jumps.
    "expected_calibration_error": Metric(
        name="expected_calibration_error", kind="thresholded", direction="lower", lower=0, upper=1
    ),
    "log_likelihood_per_character": Metric(name="log_likelihood_per_character", kind="continuous", upper=0),
    "bits_per_byte": Metric(name="bits_per_byte", kind="continuous", direction="lower", lower=0),
    "brier": Metric(name="brier", kind="continuous", direction="lower", lower=0, upper=2),
}
Found = list[tuple[Metric, samples.Estimate]]
