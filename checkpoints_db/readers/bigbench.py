"""BIG-bench score files: one JSON a task and model, `results/scores_<family>_<size>.json`.

Written from a description of the format; no real file was at hand. What does not match it is refused, not guessed.

- A task is `task`, or `task:subtask`, with the number of shots appended (`:2-shot`): one file holds several of both.
- `low_score` and `high_score` are those of a poor and of an expert answer, not the ends of a range: a model can lie
  outside both. `low_score` becomes the chance level of the preferred metric, and 100 (raw - low) / (high - low) its
  normalised twin, `normalized_preferred_score`, which has no ends.
- `params` is `total_params` (embeddings included), `non_embedding_params` where that is all there is; a note says
  which, and has the other counts.
- `tokens` is training batch x training steps, and left out with a note where that is less than a tenth of a token a
  parameter: then the batch was counted in sequences.
- The file says nothing of documents, so there is no n, no standard error and no date.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers.base import HEAD_BYTES, Readout
from checkpoints_db.readers.stated import conditions_of, list_of, name_of
from checkpoints_db.readers.strict import (
    count_of,
    in_range,
    json_of,
    number_of,
    object_of,
    printable,
    reading_of,
    refused,
    text_of,
)
from checkpoints_db.records import Kind, Metric, Reading

Json = dict[str, Any]
NORMALISED = Metric(name="normalized_preferred_score", kind="thresholded", chance=0)
LEAST_TOKENS = 0.1
"""Training tokens a parameter, below which a batch cannot have been counted in tokens."""
_SHARES = frozenset(
    {"multiple_choice_grade", "exact_str_match", "expected_calibration_error", "macro_f1", "f1", "accuracy"}
)
_RANGES: dict[str, tuple[float | None, float | None]] = {
    "multiple_choice_brier_score": (0, 2),
    "normalized_aggregate_score": (None, 100),
}
_CONTINUOUS = ("brier_score", "_nll", "log_likelihood", "log_prob", "perplexity")
_LOWER = ("brier_score", "_nll", "nll", "calibration_error", "perplexity", "_loss", "loss")
_HIGHER = ("rouge", "bleu", "log_likelihood", "log_prob", "normalized_aggregate_score")
_MODEL = re.compile(r'"(total_params|non_embedding_params)"\s*:')


class BigBench:
    """Score files of BIG-bench."""

    name = "bigbench"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether it is an object with the model and the scores of BIG-bench."""
        del path
        text = head.decode("utf-8-sig", "replace")
        ours = text.lstrip().startswith("{") and '"model_family"' in text and bool(_MODEL.search(text))
        return ours and ('"score_dict"' in text or (len(head) >= HEAD_BYTES and '"scores"' in text))

    def read(self, path: Path) -> Readout:
        """Every reading of the file. Raises UnreadableFile naming the field, IncompleteResult when it is cut off."""
        notes: list[str] = []
        body = object_of(json_of(text_of(path), path), path, "")
        model = Model.of(object_of(body.get("model"), path, "model"), path, notes)
        task = name_of(object_of(body.get("task"), path, "task").get("name"), path, "task.name")
        readings: dict[tuple[str, str], Reading] = {}
        for i, entry in enumerate(list_of(body.get("scores"), path, "scores")):
            field = f"scores[{i}]"
            for reading in _readings(model, task, object_of(entry, path, field), path, field, notes):
                key = (reading.task, reading.metric.name)
                if key in readings:
                    raise UnreadableFile(str(path), field, f"{reading.task} · {reading.metric.name} is there twice")
                readings[key] = reading
        if not readings:
            notes.append("the file holds no metric")
        return Readout(reader=self.name, readings=tuple(readings.values()), notes=tuple(notes))


@dataclass(frozen=True)
class Model:
    """The model of a score file and its scale."""

    family: str
    run: str
    params: float | None
    tokens: float | None
    decoding: Any

    @classmethod
    def of(cls, body: Json, path: Path, notes: list[str]) -> Model:
        """Read the `model` object; scales that are not positive are placeholders, and unknown."""
        family, run = (name_of(body.get(key), path, f"model.{key}") for key in ("model_family", "model_name"))
        total, bare, matched = (
            _scale(body, key, path)
            for key in ("total_params", "non_embedding_params", "flop_matched_non_embedding_params")
        )
        params = total or bare
        if params is not None:
            which = "total_params, embeddings included" if total else "non_embedding_params, total_params is not given"
            others = f"; non-embedding {bare:g}" if total and bare else ""
            others += f"; FLOP-matched {matched:g}" if matched else ""
            notes.append(f"params is {which}: {params:g}{others}")
        batch, steps = (_scale(body, key, path) for key in ("training_batch_size", "training_steps"))
        tokens = batch * steps if batch and steps else None
        if tokens and params and tokens < LEAST_TOKENS * params:
            notes.append(
                f"training_batch_size x training_steps is {tokens:g}, too little for {params:g} parameters: the batch "
                "is not counted in tokens; state the tokens in the catalogue"
            )
            tokens = None
        return cls(family, run, params, tokens, body.get("decoding_params"))


def _scale(body: Json, key: str, path: Path) -> float | None:
    given = body.get(key)
    number = None if given is None else number_of(given, path, f"model.{key}")
    return number if number is not None and number > 0 else None


def _readings(model: Model, task: str, entry: Json, path: Path, field: str, notes: list[str]) -> list[Reading]:
    shots = count_of(entry.get("number_of_shots"), path, f"{field}.number_of_shots", least=0)
    subtask = entry.get("subtask_description")
    part = task if subtask is None or subtask == "" else name_of(subtask, path, f"{field}.subtask_description")
    part = part if part == task or part.startswith(f"{task}:") else f"{task}:{part}"
    shared = {
        "task": f"{part}:{shots}-shot",
        "model": f"{model.family}/{model.run}",
        "family": model.family,
        "run": model.run,
        "params": model.params,
        "tokens": model.tokens,
        "harness": "BIG-bench",
        "conditions": conditions_of(
            {"harness": "BIG-bench", "task": part, "n_shot": shots, "decoding": model.decoding}, path, field
        ),
    }
    scores = object_of(entry.get("score_dict"), path, f"{field}.score_dict")
    preferred = entry.get("preferred_score")
    if preferred is not None and (not isinstance(preferred, str) or preferred not in scores):
        raise UnreadableFile(str(path), f"{field}.preferred_score", "it names no metric of score_dict")
    low, high = (_end(entry, key, path, field) for key in ("low_score", "high_score"))
    readings = []
    for name, body in scores.items():
        at = f"{field}.score_dict.{printable(name, path, f'{field}.score_dict')}"
        if body is None:
            notes.append(f"{part} · {name}: no value")
            continue
        metric = _metric(name, low if name == preferred else None, path, at, notes)
        value = in_range(metric, number_of(body, path, at), path, at)
        readings.append(reading_of(path, at, {**shared, "metric": metric, "value": value}))
        if name == preferred and low is not None and high is not None:
            if low == high:
                raise UnreadableFile(str(path), f"{field}.high_score", "it equals low_score")
            share = number_of(100 * (value - low) / (high - low), path, at)
            readings.append(reading_of(path, at, {**shared, "metric": NORMALISED, "value": share}))
    return readings


def _end(entry: Json, key: str, path: Path, field: str) -> float | None:
    given = entry.get(key)
    return None if given is None else number_of(given, path, f"{field}.{key}")


def _metric(name: str, low: float | None, path: Path, field: str, notes: list[str]) -> Metric:
    lower, upper = (0, 1) if name in _SHARES else _RANGES.get(name, (None, None))
    kind: Kind = "continuous" if name.endswith(_CONTINUOUS) else "thresholded"
    falling = name.endswith(_LOWER)
    if not falling and name not in _SHARES and not any(part in name for part in _HIGHER):
        note = f"{name}: the file does not say which direction is better; taken as higher"
        notes.extend([note] if note not in notes else [])
    try:
        metric = Metric(name=name, kind=kind, direction="lower" if falling else "higher", lower=lower, upper=upper)
    except ValidationError as error:
        raise refused(error, path, field) from error
    return metric.model_copy(update={"chance": low}) if low is not None and metric.holds(low) else metric
