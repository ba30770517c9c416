"""Per-sample logs of lm-evaluation-harness 0.4.x -> continuous metrics of one task.

0.4.3 and later write JSON lines with every leaf a string; 0.4.2 wrote one JSON array. The rows carry no model name:
it is in the results file beside them (`lm_eval_partner`). Continuous metrics per output type:

| output type | metrics |
|---|---|
| multiple_choice | log_likelihood, prob_answer, prob_choice, log_prob_choice, margin, expected_calibration_error |
| the same, one right answer | also log-likelihood per size, brier |
| loglikelihood | log_likelihood, log-likelihood per size, prob_answer |
| loglikelihood_rolling | log_likelihood, log-likelihood per size |
| generate_until | edit_distance_characters, edit_distance_words, pass@k (`lm_eval_generated`): there is no likelihood |

Per size: log_likelihood_per_byte, log_likelihood_per_character, bits_per_byte.

Before anything is derived, acc is recomputed and must equal the row's own acc on every row.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from checkpoints_db import samples
from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers.lm_eval_generated import generated
from checkpoints_db.readers.lm_eval_log import Json
from checkpoints_db.readers.lm_eval_partner import partner_of
from checkpoints_db.readers.lm_eval_rows import (
    Request,
    Row,
    choice_text,
    one_filter,
    requests_of,
    right_answers,
    rows_of,
    several_contexts,
    stated_acc,
)
from checkpoints_db.readers.strict import reading_of
from checkpoints_db.records import Metric, Reading
from checkpoints_db.samples.choices import Counts, Marks
from checkpoints_db.samples.estimate import Floats

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


class Document(NamedTuple):
    """One document: its conditional requests, and which of them are right (None: the log cannot tell)."""

    row: Row
    requests: list[Request]
    right: tuple[int, ...] | None


def readings_of(path: Path) -> tuple[tuple[Reading, ...], tuple[str, ...]]:
    """The continuous readings of one samples file, and notes on what it could not give.

    Raises IncompleteResult when rows or the results file are missing, UnreadableFile naming the row otherwise.
    """
    log, task = partner_of(path)
    notes: list[str] = []
    counts = log.samples(task)
    every = rows_of(path, notes)
    rows = one_filter(every, counts and counts[1], log.filters(task), path)
    if counts is None:
        notes.append("the results file does not say how many documents were asked; rows could not be counted")
    found = _derive(rows, every, log.config_of(task), path, notes)
    shared = {
        "task": task,
        "model": log.model,
        "params": log.params,
        "date": log.date,
        "harness": log.harness,
        "conditions": log.conditions(task),
        "terms": log.terms(task),
        "remarks": log.remarks(task),
    }
    readings = tuple(
        reading_of(
            path,
            f"{task} · {metric.name}",
            {**shared, "metric": metric, "value": estimate.value, "stderr": estimate.stderr, "n": estimate.n},
        )
        for metric, estimate in found
    )
    return readings, tuple(f"{task}: {note}" for note in notes)


def _derive(rows: list[Row], every: list[Row], config: Json, path: Path, notes: list[str]) -> Found:
    sort = config.get("output_type")
    if sort == "generate_until":
        notes.append("a generation task, its samples hold no likelihood; log the answer with a log-likelihood task too")
        return generated(rows, every, config, path, notes)
    if sort == "multiple_choice":
        documents = [_document(row, config, path) for row in rows]
        return _choices(documents, config, path, notes)
    if sort in ("loglikelihood", "loglikelihood_rolling"):
        return _answers(rows, config, path, notes)
    notes.append(f"output type {sort!r} is not known; no continuous metric")
    return []


def _answers(rows: list[Row], config: Json, path: Path, notes: list[str]) -> Found:
    """One request a document: a target text, or a whole text (rolling)."""
    rolling, custom = config["output_type"] == "loglikelihood_rolling", bool(config.get("process_results"))
    lls, texts, delimiter = [], [], str(config.get("target_delimiter", " "))
    for row in rows:
        requests = requests_of(row, path)
        if len(requests) != 1:
            raise UnreadableFile(str(path), f"{row.where}, arguments", f"{len(requests)} requests where there is one")
        request = requests[0]
        acc = stated_acc(row, path)
        if not rolling and not custom and acc is not None and acc != float(request.greedy):
            raise UnreadableFile(str(path), row.where, f"acc is {acc:g}, but is_greedy is {request.greedy}")
        lls.append(request.ll)
        texts.append((row, request.context if rolling else choice_text(request, delimiter)))
    found = [(METRICS["log_likelihood"], samples.mean(lls)), *_per_size(lls, texts, path, notes)]
    return found if rolling else [*found, (METRICS["prob_answer"], samples.mean(np.exp(lls)))]


def _document(row: Row, config: Json, path: Path) -> Document:
    requests = requests_of(row, path)
    half = len(requests) // 2
    alone = requests[half:]
    if "acc_mutual_info" in row.body and len(requests) % 2 == 0 and all(r.context == "" for r in alone):
        requests = requests[:half]  # the second half is unconditional
    if len(requests) < 2:
        raise UnreadableFile(str(path), f"{row.where}, arguments", "fewer than two choices")
    right = right_answers(row, requests, config, path)
    return Document(row, requests, _deduced(row, requests, path) if right is None else right)


def _deduced(row: Row, requests: list[Request], path: Path) -> tuple[int, ...] | None:
    """The right answer as acc gives it away: the chosen one where it is 1, the other of two contexts where it is 0.

    Only of two contexts: a target that is none of the choices has acc 0 whatever the model says.
    """
    acc, lls = stated_acc(row, path), [request.ll for request in requests]
    chosen = lls.index(max(lls))
    if acc == 1:
        return (chosen,)
    return (1 - chosen,) if acc == 0 and len(requests) == 2 and several_contexts(requests) else None


def _choices(documents: list[Document], config: Json, path: Path, notes: list[str]) -> Found:
    if not _verified(documents, config, path, notes):
        return []
    unknown = [d.row.doc_id for d in documents if d.right is None]
    if unknown:  # leaving out only the documents answered wrongly would flatter the model
        notes.append(
            f"the log does not say the right answer of {len(unknown)} documents (the first is {unknown[0]}); "
            "no continuous metric"
        )
        return []
    answered = [d for d in documents if d.right]
    if len(answered) < len(documents):
        left = len(documents) - len(answered)
        notes.append(f"{left} documents have no right answer among their choices and were left out")
    return _continuous(answered, config, path, notes) if answered else []


def _verified(documents: list[Document], config: Json, path: Path, notes: list[str]) -> bool:
    for document in documents:
        acc = stated_acc(document.row, path)
        if acc is None or document.right is None:
            continue
        lls = [request.ll for request in document.requests]
        again = float(lls.index(max(lls)) in document.right)
        if acc == again:
            continue
        if config.get("process_results"):
            notes.append("the task computes its own acc, its samples could not be verified; no continuous metric")
            return False
        why = f"acc is {acc:g}, recomputed from the log-likelihoods it is {again:g}"
        raise UnreadableFile(str(path), document.row.where, why)
    return True


def _continuous(documents: list[Document], config: Json, path: Path, notes: list[str]) -> Found:
    lengths = [len(d.requests) for d in documents]
    starts = np.cumsum([0, *lengths[:-1]], dtype=np.intp)
    ll = np.array([request.ll for d in documents for request in d.requests])
    right = np.array([i in (d.right or ()) for d in documents for i in range(len(d.requests))])
    answer = np.minimum(samples.log_likelihood(ll, starts, right), 0.0)
    guess = METRICS["prob_choice"].model_copy(update={"chance": samples.chance(starts, right)})
    found: Found = [
        (METRICS["log_likelihood"], samples.mean(answer)),
        (METRICS["prob_answer"], samples.mean(np.exp(answer))),
        (guess, samples.mean(samples.prob_choice(ll, starts, right))),
        (METRICS["log_prob_choice"], samples.mean(samples.log_prob_choice(ll, starts, right))),
        (METRICS["expected_calibration_error"], _calibration(ll, starts, right)),
    ]
    delimiter = str(config.get("target_delimiter", " "))
    widths = [len(choice_text(request, delimiter)) for d in documents for request in d.requests]
    found += _margin(ll, starts, right, widths, notes)
    if int(right.sum()) > len(documents):
        notes.append(
            "documents with several right answers: log-likelihood per byte or character, bits_per_byte and brier are "
            "not defined for them"
        )
        return found
    texts = [(d.row, choice_text(d.requests[d.right[0]], delimiter)) for d in documents if d.right]
    found += _per_size(answer.tolist(), texts, path, notes)
    found.append((METRICS["brier"], samples.mean(samples.brier(ll, starts, right))))
    return found


def _calibration(ll: Floats, starts: Counts, right: Marks) -> samples.Estimate:
    """Of the choice the model makes: the probability it gives that choice against whether it is right."""
    chosen = samples.best(ll, starts)
    return samples.calibration_error(np.minimum(samples.shares(ll, starts)[chosen], 1.0), right[chosen])


def _margin(ll: Floats, starts: Counts, right: Marks, widths: list[int], notes: list[str]) -> Found:
    try:
        return [(METRICS["margin"], samples.mean(samples.margin(ll, starts, right, widths)))]
    except ValueError as error:
        notes.append(f"no margin: {error}")
        return []


def _per_size(lls: list[float], texts: list[tuple[Row, str]], path: Path, notes: list[str]) -> Found:
    sizes = [_bytes(text, row, path) for row, text in texts]
    if not sum(sizes):
        notes.append("the answers are empty texts; no log-likelihood per byte or character, no bits_per_byte")
        return []
    return [
        (METRICS["log_likelihood_per_byte"], samples.ratio(lls, sizes)),
        (
            METRICS["log_likelihood_per_character"],
            samples.log_likelihood_per_character(lls, [len(text) for _, text in texts]),
        ),
        (METRICS["bits_per_byte"], samples.bits_per_byte(lls, sizes)),
    ]


def _bytes(text: str, row: Row, path: Path) -> int:
    try:
        return len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise UnreadableFile(str(path), f"{row.where}, arguments", "half of a surrogate pair is not text") from error
