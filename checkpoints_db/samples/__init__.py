"""Per-sample logs -> metrics. Pure numpy: arrays in, numbers out.

| module | from | gives |
|---|---|---|
| `choices` | log-likelihoods of the choices of each document | likelihood, probability, Brier, margin, calibration |
| `lengths` | log-likelihoods and sizes of texts | nats a character, bits a byte, exact match for each token |
| `edits` | generated texts and targets | edit distance |
| `repeats` | right answers among repeated ones | pass@k, the rate of success, PassUntil |
| `estimate` | numbers of documents, or clusters of them | value, standard error, n |
"""

from checkpoints_db.samples.choices import (
    best,
    brier,
    calibration_error,
    chance,
    guess,
    log_likelihood,
    log_prob_choice,
    margin,
    prob_choice,
    shares,
)
from checkpoints_db.samples.edits import Tokens, edit_distance, edit_distance_pairs, edit_distances, tokens
from checkpoints_db.samples.estimate import Estimate, mean, ratio
from checkpoints_db.samples.lengths import bits_per_byte, log_likelihood_per_character, per_token
from checkpoints_db.samples.repeats import Rate, pass_at_k, pass_until, success_rate

__all__ = [
    "Estimate",
    "Rate",
    "Tokens",
    "best",
    "bits_per_byte",
    "brier",
    "calibration_error",
    "chance",
    "edit_distance",
    "edit_distance_pairs",
    "edit_distances",
    "guess",
    "log_likelihood",
    "log_likelihood_per_character",
    "log_prob_choice",
    "margin",
    "mean",
    "pass_at_k",
    "pass_until",
    "per_token",
    "prob_choice",
    "ratio",
    "shares",
    "success_rate",
    "tokens",
]
