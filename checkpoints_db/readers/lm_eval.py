"""lm-evaluation-harness: results of 0.4.x and of v0.3, and per-sample logs of 0.4.x.

A results file gives the harness's own metrics, each under the harness's own key (`acc,none`). A samples file gives
the continuous metrics the harness does not aggregate (`lm_eval_samples`). Group aggregates are left out: their
weights change when a task is added to the group.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers import lm_eval_samples
from checkpoints_db.readers.base import HEAD_BYTES, Readout
from checkpoints_db.readers.lm_eval_log import Log
from checkpoints_db.readers.lm_eval_metrics import NO_VALUE, metric_of
from checkpoints_db.readers.lm_eval_partner import partners
from checkpoints_db.readers.strict import head_of, in_range, number_of, object_of, reading_of, refused
from checkpoints_db.records import Reading

_NOT_METRICS = frozenset({"alias", "name", "sample_len", "sample_count", "samples", " "})
_ABSENT = (None, "N/A", "", " ")
_RESULTS_FIRST = re.compile(r'\s*\{\s*"results"\s*:')
_OURS = re.compile(r'"(versions|configs?|n-shot|higher_is_better|group_subtasks|lm_eval_version)"\s*:|_stderr')
_SAMPLE = re.compile(r'\s*(\[\s*)?\{\s*"doc_id"\s*:')
_SAMPLE_OURS = re.compile(r'"(filtered_resps|resps|arguments)"\s*:')


class LmEval:
    """Files of lm-evaluation-harness 0.3 to 0.4.x."""

    name = "lm_eval"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether it is an object with `results` or rows with `doc_id` and `resps`."""
        text = head.decode("utf-8-sig", "replace")
        cut = len(head) >= HEAD_BYTES
        if _SAMPLE.match(text):
            return bool(_SAMPLE_OURS.search(text)) or (cut and path.name.startswith("samples_"))
        if _RESULTS_FIRST.match(text):
            return bool(_OURS.search(text)) or len(head) < HEAD_BYTES
        ours = text.lstrip().startswith("{") and '"model_args"' in text and '"bootstrap_iters"' in text
        return ours and ('"results"' in text or (cut and path.name.startswith("results")))

    def beside(self, path: Path) -> Sequence[Path]:
        """The results file, for samples: the rows do not name their model."""
        return partners(path) if _is_samples(path) else []

    def read(self, path: Path) -> Readout:
        """Every reading of the file. Raises UnreadableFile and IncompleteResult."""
        if _is_samples(path):
            readings, notes, items = lm_eval_samples.readings_of(path)
            return Readout(reader=self.name, readings=readings, notes=notes, items=items)
        readings, notes = _readings_of(Log.open(path))
        return Readout(reader=self.name, readings=readings, notes=notes)


def _is_samples(path: Path) -> bool:
    return bool(_SAMPLE.match(head_of(path, HEAD_BYTES).decode("utf-8-sig", "replace")))


def _readings_of(log: Log) -> tuple[tuple[Reading, ...], tuple[str, ...]]:
    readings: list[Reading] = []
    notes: list[str] = []
    groups = [task for task in log.results if log.is_group(task)]
    if groups:
        notes.append(f"group aggregates left out, their weights are not fixed: {', '.join(groups)}")
    for task, entry in log.results.items():
        if task not in groups:
            readings += _of_task(log, task, object_of(entry, log.path, f"results.{task}"), notes)
    if not readings:
        notes.append("the file holds no metric")
    return tuple(readings), tuple(notes)


def _of_task(log: Log, task: str, entry: dict[str, Any], notes: list[str]) -> list[Reading]:
    shared = {
        "task": task,
        "model": log.model,
        "params": log.params,
        "n": log.n(task),
        "date": log.date,
        "harness": log.harness,
        "conditions": log.conditions(task),
        "terms": log.terms(task),
        "remarks": log.remarks(task),
    }
    readings = []
    for key, value in entry.items():
        name, comma, chosen = key.rpartition(",")
        name, tail = (name, f",{chosen}") if comma else (key, "")
        if key in _NOT_METRICS or name.endswith("_stderr"):
            continue
        if value in _ABSENT or name == NO_VALUE:
            notes.append(f"{task} · {key}: the log has no value ({value!r})")
            continue
        field = f"results.{task}.{key}"
        try:
            metric, known = metric_of(key, task, log.higher_is_better(task, name), log.chance(task))
        except ValidationError as error:
            raise refused(error, log.path, field) from error
        number = in_range(metric, number_of(value, log.path, field), log.path, field)
        if not known:
            notes.append(f"{task} · {key}: the log does not say which direction is better; taken as {metric.direction}")
        stderr = _stderr(log, f"results.{task}.{name}_stderr{tail}", entry.get(f"{name}_stderr{tail}"))
        readings.append(reading_of(log.path, field, {**shared, "metric": metric, "value": number, "stderr": stderr}))
    return readings


def _stderr(log: Log, field: str, body: Any) -> float | None:
    if body in _ABSENT:
        return None
    stderr = number_of(body, log.path, field)
    if stderr < 0:
        raise UnreadableFile(str(log.path), field, f"{stderr:g} is negative")
    return stderr
