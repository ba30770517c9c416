"""HELM run folders: `stats.json` speaks for the folder, the other files are what it needs.

| file | what it gives |
|---|---|
| stats.json | every reading: HELM's metrics without perturbation, under HELM's own names |
| run_spec.json | model, task, conditions |
| per_instance_stats.json | number of instances, mean (checked against stats.json) and standard error |
| scenario_state.json | the date; for `multiple_choice_separate_*` also the continuous metrics of the choices |
| scenario.json | nothing |

Only stats.json yields readings, so nothing is counted twice; it waits for those of the others it needs. Counts of
tokens, seconds and prompts are no metrics. The folder says neither which version of HELM wrote it nor how large the
model is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers import helm_choices
from checkpoints_db.readers.base import HEAD_BYTES, Readout
from checkpoints_db.readers.helm_metrics import OWN_TEXT, bookkeeping, is_share, metric_of
from checkpoints_db.readers.helm_run import INSTANCES, SEPARATE, SPEC, STATE, STATS, Instances, Key, Run, mean_of
from checkpoints_db.readers.likelihoods import continuous
from checkpoints_db.readers.stated import agrees, list_of
from checkpoints_db.readers.strict import head_of, in_range, json_of, object_of, reading_of, refused, text_of
from checkpoints_db.records import Reading
from checkpoints_db.samples import Estimate

Json = dict[str, Any]
_SHAPES = {
    STATS: (re.compile(r'\s*\[\s*\{\s*"name"\s*:\s*\{\s*"name"\s*:'), ('"count"',)),
    INSTANCES: (re.compile(r'\s*\[\s*\{\s*"instance_id"\s*:'), ('"stats"',)),
    STATE: (re.compile(r'\s*\{\s*"adapter_spec"\s*:'), ('"request_states"',)),
    SPEC: (re.compile(r'\s*\{\s*"name"\s*:'), ('"scenario_spec"', '"adapter_spec"')),
    "scenario.json": (re.compile(r'\s*\{\s*"name"\s*:'), ('"definition_path"', '"tags"')),
}
"""How each file begins, and the words that must follow; searched one by one, for a hostile head must not cost time."""


class Helm:
    """The five files of a HELM run folder."""

    name = "helm"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether it is a list of statistics, a run specification, or a list of requests with its adapter."""
        del path
        return _kind(head) is not None

    def beside(self, path: Path) -> Sequence[Path]:
        """The rest of the folder, for its stats.json."""
        ours = _kind(head_of(path, HEAD_BYTES)) == STATS
        return [path.parent / name for name in (SPEC, INSTANCES, STATE)] if ours else []

    def read(self, path: Path) -> Readout:
        """Every reading of the folder, from its stats.json. Raises UnreadableFile and IncompleteResult."""
        kind = _kind(head_of(path, HEAD_BYTES))
        body = json_of(text_of(path), path)
        if kind != STATS:
            note = f"{kind} of a HELM run: it belongs to {STATS} beside it, which gives the readings of the folder"
            return Readout(reader=self.name, readings=(), notes=(note,))
        notes: list[str] = []
        readings = _readings_of(list_of(body, path, ""), path, notes)
        if not readings:
            notes.append("the file holds no metric")
        return Readout(reader=self.name, readings=tuple(readings), notes=tuple(notes))


def _kind(head: bytes) -> str | None:
    text = head.decode("utf-8-sig", "replace")
    for name, (start, words) in _SHAPES.items():
        if start.match(text) and all(word in text for word in words):
            return name
    return None


def _readings_of(body: list[Any], path: Path, notes: list[str]) -> list[Reading]:
    run, instances = Run.beside(path), Instances(path)
    stated = _stated(body, path)
    own = sorted({key.name for key in stated if key.name in OWN_TEXT}) if run.method != "language_modeling" else []
    if own:
        notes.append(f"{', '.join(own)}: of the text the model wrote, not of an answer; left out")
    choices = helm_choices.Found({})
    if run.method.startswith(SEPARATE):
        choices = helm_choices.documents_of(run, instances, notes)
    shared = {
        "model": run.model,
        "date": run.date,
        "harness": "helm",
        "conditions": run.conditions(instances.asked),
        "remarks": choices.remarks,
    }
    readings = []
    for key, value in stated.items():
        if key.name not in own:
            readings.append(_reading(run, instances, key, value, shared, notes))
    for part, documents in choices.documents.items():
        task = run.task(Key("", *part))
        for metric, estimate in continuous(documents, choices=True):
            fields = {**shared, **estimate._asdict(), "task": task, "metric": metric}
            readings.append(reading_of(path, f"{task} · {metric.name}", fields))
    return readings


def _stated(body: list[Any], path: Path) -> dict[Key, float]:
    """The value of each unperturbed metric; those that HELM could not compute have none."""
    stated: dict[Key, float] = {}
    seen: set[Key] = set()
    for i, entry in enumerate(body):
        stat = object_of(entry, path, f"[{i}]")
        key = Key.of(stat.get("name"), path, f"[{i}].name")
        if key is None or bookkeeping(key.name):
            continue
        if key in seen:
            raise UnreadableFile(str(path), f"[{i}].name", f"{key.name} of split {key.split!r} occurs twice")
        seen.add(key)
        value = mean_of(stat, path, f"[{i}]")
        if value is not None:
            stated[key] = value
    return stated


def _reading(run: Run, instances: Instances, key: Key, value: float, shared: Json, notes: list[str]) -> Reading:
    task = run.task(key)
    field = f"{task} · {key.name}"
    try:
        metric, known = metric_of(key.name)
    except ValidationError as error:
        raise refused(error, run.path, field) from error
    if not known:
        notes.append(f"{field}: the log does not say which direction is better; taken as {metric.direction}")
    estimate = _estimate(run, instances, key)
    if estimate is not None and not agrees(estimate.value, value):
        why = f"{value:g}, but {estimate.value:g} over the {estimate.n} instances of {INSTANCES}"
        if is_share(key.name):
            raise UnreadableFile(str(run.path), field, f"{why}; do both files belong to one run?")
        notes.append(f"{field}: {why}; no standard error")
        estimate = None
    n = estimate.n if estimate else len(instances.whole(key)) or None
    stderr = estimate.stderr if estimate else None
    number = in_range(metric, value, run.path, field)
    fields = {"task": task, "metric": metric, "value": number, "stderr": stderr, "n": n}
    return reading_of(run.path, field, {**shared, **fields})


def _estimate(run: Run, instances: Instances, key: Key) -> Estimate | None:
    """The value recomputed from single instances, with its standard error; None where they do not have it."""
    if key.name not in OWN_TEXT or key.name == "logprob":
        return instances.mean(key)
    size = "num_perplexity_tokens" if key.name == "perplexity" else "num_bytes"
    ratio = instances.ratio(key, "logprob", size) if run.trials == 1 else None
    if ratio is None:
        return None
    value, stderr = ratio.value, ratio.stderr or 0.0
    if key.name == "bits_per_byte":
        value, stderr = -value / math.log(2), stderr / math.log(2)
    elif key.name == "perplexity":
        if -value > math.log(1e300):
            return None
        value = math.exp(-value)  # its error by the delta method
        stderr *= value
    return Estimate(value, None if ratio.stderr is None else stderr, ratio.n)
