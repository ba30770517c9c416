"""OLMES (oe-eval): metrics of a task, and predictions of its documents.

Written from a description of the format; no real file was at hand. What does not match it is refused, not guessed.

| file | what it gives |
|---|---|
| metrics of one task (`*-metrics.json`), or of one a line (`metrics-all.jsonl`) | OLMES's own metrics and names |
| predictions (`*-predictions.jsonl`) | the continuous metrics with standard errors (`olmes_predictions`) |
| `metrics.json` over all tasks | nothing: the files of the tasks say the same |

The acc variants of a metrics file have their standard errors (of zeros and ones, they follow from value and n).
`sum_logits_corr` and its relatives are read from it only where no predictions lie beside it.
`primary_score` repeats another metric and is left out where that one is there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers import olmes_predictions
from checkpoints_db.readers.base import HEAD_BYTES, Readout
from checkpoints_db.readers.json_lines import lines_of
from checkpoints_db.readers.olmes_log import METRICS_END, PREDICTIONS_END, Log
from checkpoints_db.readers.olmes_metrics import PER_INSTANCE, all_or_nothing, metric_of, stderr_of
from checkpoints_db.readers.stated import agrees
from checkpoints_db.readers.strict import (
    head_of,
    in_range,
    json_of,
    number_of,
    object_of,
    printable,
    reading_of,
    refused,
    text_of,
)
from checkpoints_db.records import Reading

Json = dict[str, Any]
_ROW = re.compile(r'\s*\{\s*"doc_id"\s*:')
_ROW_OURS = re.compile(r'"(model_output|predicted_index_\w+|sum_logits_corr)"\s*:')


class Olmes:
    """Output folders of OLMES."""

    name = "olmes"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether it is metrics with the hashes of task or model, or predictions with the output for each choice."""
        del path
        return _kind(head) is not None

    def beside(self, path: Path) -> Sequence[Path]:
        """The metrics of a task for its predictions, which name no model; and the other way round, see above."""
        kind = _kind(head_of(path, HEAD_BYTES))
        if kind == "predictions":
            return [olmes_predictions.partner(path)]
        ours = kind == "metrics" and path.name.endswith(METRICS_END)
        return [path.with_name(path.name.removesuffix(METRICS_END) + PREDICTIONS_END)] if ours else []

    def read(self, path: Path) -> Readout:
        """Every reading of the file. Raises UnreadableFile and IncompleteResult."""
        kind, notes = _kind(head_of(path, HEAD_BYTES)), list[str]()
        if kind == "predictions":
            readings = olmes_predictions.readings_of(path, notes)
        elif kind == "summary":
            object_of(json_of(text_of(path), path), path, "")
            notes.append("a summary over all tasks; the metrics file of each task says the same")
            readings = []
        else:
            readings = [reading for log in _logs(path) for reading in _readings(log, notes)]
            if not readings:
                notes.append("the file holds no metric")
        return Readout(reader=self.name, readings=tuple(readings), notes=tuple(notes))


def _kind(head: bytes) -> str | None:
    text = head.decode("utf-8-sig", "replace")
    if _ROW.match(text):
        return "predictions" if _ROW_OURS.search(text) else None
    if not text.lstrip().startswith("{"):
        return None
    if '"all_primary_scores"' in text:
        return "summary"
    metrics = '"task_name"' in text and ('"task_hash"' in text or '"model_hash"' in text)
    return "metrics" if metrics and '"task_config"' in text and '"model_config"' in text else None


def _logs(path: Path) -> list[Log]:
    text = text_of(path).strip()
    first, _, rest = text.partition("\n")
    if rest.strip() and first.rstrip().endswith(
        "}"
    ):  # JSON lines; an object over several lines does not end on its first
        return [Log.of(line.body, path, line.where) for line in lines_of(path)]
    return [Log.of(json_of(text, path), path)]


def _readings(log: Log, notes: list[str]) -> list[Reading]:
    shared, own = log.shared(), _with_predictions(log)
    readings = []
    for name, body in log.metrics.items():
        field = log.at(f"metrics.{printable(name, log.path, log.at('metrics'))}")
        if body is None:
            notes.append(f"{log.task} · {name}: no value")
        elif not isinstance(body, int | float):
            notes.append(f"{log.task} · {name}: not a number; left out")
        elif not _left_out(log, name, own):
            readings.append(_reading(log, name, body, shared, field, notes))
    if own and (left := sorted(PER_INSTANCE & log.metrics.keys())):
        notes.append(f"{log.task}: {', '.join(left)} are read from the predictions, with standard errors")
    return readings


def _left_out(log: Log, name: str, own: bool) -> bool:
    if name == "primary_score":
        return _repeats(log)
    return own and name in PER_INSTANCE


def _repeats(log: Log) -> bool:
    """Whether `primary_score` only repeats the primary metric. Raises UnreadableFile where the two differ."""
    score, first = log.metrics["primary_score"], log.metrics.get(log.primary or "")
    if not isinstance(first, int | float):
        return False
    field = log.at("metrics.primary_score")
    one, other = number_of(score, log.path, field), number_of(first, log.path, field)
    if not agrees(one, other):
        raise UnreadableFile(str(log.path), field, f"{one:g}, but {log.primary} is {other:g}")
    return True


def _with_predictions(log: Log) -> bool:
    name = log.path.name
    return name.endswith(METRICS_END) and (
        log.path.with_name(name.removesuffix(METRICS_END) + PREDICTIONS_END).is_file()
    )


def _reading(log: Log, name: str, body: Any, shared: Json, field: str, notes: list[str]) -> Reading:
    try:
        metric, known = metric_of(name)
    except ValidationError as error:
        raise refused(error, log.path, field) from error
    if not known:
        notes.append(f"{log.task} · {name}: the log does not say which direction is better; taken as higher")
    value = in_range(metric, number_of(body, log.path, field), log.path, field)
    stderr = stderr_of(value, log.n) if all_or_nothing(name) else None
    return reading_of(log.path, field, {**shared, "metric": metric, "value": value, "stderr": stderr})
