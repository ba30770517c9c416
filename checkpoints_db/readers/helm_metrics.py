"""The metrics of HELM: kind, direction and range by HELM's own name."""

from __future__ import annotations

from checkpoints_db.records import Direction, Kind, Metric

OWN_TEXT = frozenset({"logprob", "logprob_per_byte", "bits_per_byte", "perplexity"})
"""Likelihoods of what the model read (language modelling) or wrote (everything else): only the first is an ability."""

_BOOKKEEPING = frozenset({"batch_size", "prompt_truncated", "predicted_index", "max_prob", "none"})
_BOOKKEEPING_STARTS = ("num_", "training_", "inference_", "finish_reason_", "estimated_num_tokens", "output_token")
_BOOKKEEPING_ENDS = ("_runtime", "_cost")
_SHARES = frozenset(
    {
        "exact_match",
        "quasi_exact_match",
        "prefix_exact_match",
        "quasi_prefix_exact_match",
        "exact_match_indicator",
        "exact_set_match",
        "iou_set_match",
        "f1_score",
        "f1_set_match",
        "rouge_1",
        "rouge_2",
        "rouge_l",
        "bleu_1",
        "bleu_4",
        "math_equiv",
        "math_equiv_chain_of_thought",
        "final_number_exact_match",
        "code_eval_acc",
        "pass",
        "test_avg",
        "strict_acc",
        "classification_macro_f1",
        "classification_micro_f1",
        "NDCG",
        "RR",
        "selective_acc",
        "selective_cov_acc_area",
        "ece_1_bin",
        "ece_10_bin",
        "platt_ece_1_bin",
        "platt_ece_10_bin",
        "toxic_frac",
        "expected_max_toxicity",
    }
)
_LOWER_STARTS = ("ece_", "platt_ece_", "toxic_", "expected_max_toxicity", "bias:", "edit_distance")
_CONTINUOUS: dict[str, tuple[Direction, float | None, float | None]] = {
    "logprob": ("higher", None, 0),
    "logprob_per_byte": ("higher", None, 0),
    "bits_per_byte": ("lower", 0, None),
    "perplexity": ("lower", 1, None),
}


def bookkeeping(name: str) -> bool:
    """Whether `name` counts tokens, seconds or prompts, and is no measure of the answers.

    >>> bookkeeping("num_prompt_tokens"), bookkeeping("exact_match@5")
    (True, False)
    """
    listed = name in _BOOKKEEPING or name.startswith(_BOOKKEEPING_STARTS)
    return listed or name.endswith(_BOOKKEEPING_ENDS)


def is_share(name: str) -> bool:
    """Whether `name` lies in 0..1 on every instance; `@k` (best of k completions) changes nothing about that."""
    return name.partition("@")[0] in _SHARES


def metric_of(name: str) -> tuple[Metric, bool]:
    """The Metric called `name`, and whether its direction is known.

    >>> metric, known = metric_of("exact_match@5")
    >>> metric.kind, metric.direction, metric.upper, known
    ('thresholded', 'higher', 1.0, True)
    >>> metric_of("judge_opinion")[1]
    False
    """
    if name in _CONTINUOUS:
        direction, lower, upper = _CONTINUOUS[name]
        return Metric(name=name, kind="continuous", direction=direction, lower=lower, upper=upper), True
    kind: Kind = "thresholded"
    falling = name.startswith(_LOWER_STARTS)
    lower, upper = (0, 1) if is_share(name) else (None, None)
    metric = Metric(name=name, kind=kind, direction="lower" if falling else "higher", lower=lower, upper=upper)
    return metric, falling or is_share(name)
