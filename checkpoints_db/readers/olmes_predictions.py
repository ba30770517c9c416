"""Predictions of OLMES -> continuous metrics of one task, with standard errors.

| metric | over the documents |
|---|---|
| log_likelihood, prob_answer | of the right answer (`sum_logits_corr`) |
| log_likelihood_per_token, log_likelihood_per_char | its sum / the sum of its tokens or characters |
| bits_per_byte_corr_per_instance | mean of OLMES's own bits per byte, which count the space before the answer |
| prob_choice, brier | among the choices |

The name of the fifth differs from `log_likelihood_per_byte` (no space, ratio of sums) so that the two never share a
series, and from `bits_per_byte_corr` of the metrics file so that one number with and without its error is no conflict.
Every `sum_logits_corr` must be that of the right choice, and each mean acc that of the metrics file beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from checkpoints_db import samples
from checkpoints_db.errors import IncompleteResult, UnreadableFile
from checkpoints_db.readers.json_lines import Line, lines_of
from checkpoints_db.readers.likelihood_metrics import Found
from checkpoints_db.readers.likelihoods import Asked, continuous, nats_of
from checkpoints_db.readers.olmes_log import METRICS_END, PREDICTIONS_END, Log
from checkpoints_db.readers.olmes_metrics import all_or_nothing
from checkpoints_db.readers.stated import agrees, list_of, measured_of, name_of, neighbour_of
from checkpoints_db.readers.strict import count_of, number_of, object_of, reading_of
from checkpoints_db.records import Metric, Reading

Json = dict[str, Any]
PER_TOKEN = Metric(name="log_likelihood_per_token", kind="continuous", upper=0)
PER_CHAR = Metric(name="log_likelihood_per_char", kind="continuous", upper=0)
BITS = Metric(name="bits_per_byte_corr_per_instance", kind="continuous", direction="lower", lower=0)


class Prediction(NamedTuple):
    """One document: its own metrics, its choices, and tokens and characters of the right one (0: unknown)."""

    metrics: Json
    asked: Asked | None
    tokens: int
    chars: int


def readings_of(path: Path, notes: list[str]) -> list[Reading]:
    """The continuous readings of one predictions file.

    Raises IncompleteResult when rows or the metrics file are missing, UnreadableFile naming the line otherwise.
    """
    wanted = partner(path)
    log = Log.of(neighbour_of(path, wanted.name, "names model and task"), wanted)
    lines = list(lines_of(path))
    _whole(lines, log, path)
    predictions = [_prediction(line, path) for line in lines]
    _verified(predictions, log, path)
    shared = log.shared()
    return [
        reading_of(path, f"{log.task} · {metric.name}", {**shared, **estimate._asdict(), "metric": metric})
        for metric, estimate in _found(predictions, lines, path, notes)
    ]


def partner(path: Path) -> Path:
    """The metrics file of a predictions file."""
    if not path.name.endswith(PREDICTIONS_END):
        return path.parent / METRICS_END[1:]
    return path.parent / (path.name.removesuffix(PREDICTIONS_END) + METRICS_END)


def _whole(lines: list[Line], log: Log, path: Path) -> None:
    """Every document once, and of the run that the metrics file is of."""
    seen: dict[tuple[str, ...], str] = {}
    for line in lines:
        doc = str(count_of(line.body.get("doc_id"), path, f"{line.where}, doc_id", least=0))
        first = seen.setdefault((doc,), line.where)
        if first != line.where:
            raise UnreadableFile(str(path), f"{line.where}, doc_id", f"document {doc} is already on {first}")
        for key, expected in zip(("task_hash", "model_hash"), log.hashes, strict=True):
            given = line.body.get(key)
            if given is not None and expected and name_of(given, path, f"{line.where}, {key}") != expected:
                why = f"it is not that of {log.path.name}; two runs share this folder"
                raise UnreadableFile(str(path), f"{line.where}, {key}", why)
    if len(seen) < log.n:
        raise IncompleteResult(str(path), f"{len(seen)} of {log.n} documents")
    if len(seen) > log.n:
        raise UnreadableFile(str(path), "", f"{len(seen)} documents where {log.path.name} says {log.n}")


def _prediction(line: Line, path: Path) -> Prediction:
    metrics = object_of(line.body.get("metrics"), path, f"{line.where}, metrics")
    right, outputs = metrics.get("correct_choice"), line.body.get("model_output")
    if right is None or metrics.get("sum_logits_corr") is None:
        return Prediction(metrics, None, 0, 0)
    at = f"{line.where}, model_output"
    choices = [object_of(each, path, f"{at}[{i}]") for i, each in enumerate(list_of(outputs, path, at))]
    index = count_of(right, path, f"{line.where}, metrics.correct_choice", least=0)
    if index >= len(choices):
        why = f"{index} where there are {len(choices)} choices"
        raise UnreadableFile(str(path), f"{line.where}, metrics.correct_choice", why)
    lls = tuple(nats_of(each.get("sum_logits"), path, f"{at}[{i}].sum_logits") for i, each in enumerate(choices))
    field = f"{line.where}, metrics.sum_logits_corr"
    stated = nats_of(metrics["sum_logits_corr"], path, field)
    if not agrees(stated, lls[index]):
        raise UnreadableFile(str(path), field, f"{stated:g}, but the right choice has {lls[index]:g}")
    tokens, chars = (_size(choices[index], key, path, f"{at}[{index}]") for key in ("num_tokens", "num_chars"))
    return Prediction(metrics, Asked(lls, (index,)), tokens, chars)


def _size(choice: Json, key: str, path: Path, field: str) -> int:
    return 0 if choice.get(key) is None else count_of(choice[key], path, f"{field}.{key}", least=1)


def _verified(predictions: list[Prediction], log: Log, path: Path) -> None:
    """Refuse predictions whose mean acc is not that of the metrics file: they are of another run."""
    for name, stated in log.metrics.items():
        values = [each.metrics.get(name) for each in predictions]
        if not all_or_nothing(name) or stated is None or any(value is None for value in values):
            continue
        mean = sum(measured_of(value, path, name) for value in values) / len(values)
        if not agrees(mean, number_of(stated, log.path, f"metrics.{name}")):
            why = f"{mean:g} over the documents, {stated:g} in {log.path.name}; do both belong to one run?"
            raise UnreadableFile(str(path), name, why)


def _found(predictions: list[Prediction], lines: list[Line], path: Path, notes: list[str]) -> Found:
    asked = [each.asked for each in predictions if each.asked is not None]
    if len(asked) < len(predictions):  # leaving out only some would flatter or harm
        left = len(predictions) - len(asked)
        notes.append(f"{left} documents have no log-likelihood of a right answer; no continuous metric")
        return []
    found = continuous(asked, choices=True)
    answers = [each.lls[each.right[0]] for each in asked]
    for metric, sizes in ((PER_TOKEN, [p.tokens for p in predictions]), (PER_CHAR, [p.chars for p in predictions])):
        if all(sizes):
            found.append((metric, samples.ratio(answers, sizes)))
        else:
            notes.append(f"not every right answer has its size; no {metric.name}")
    bits = [
        measured_of(each.metrics["bits_per_byte_corr"], path, f"{line.where}, metrics.bits_per_byte_corr")
        for each, line in zip(predictions, lines, strict=True)
        if each.metrics.get("bits_per_byte_corr") is not None
    ]
    if len(bits) == len(predictions):
        found.append((BITS, samples.mean(bits)))
    return found
