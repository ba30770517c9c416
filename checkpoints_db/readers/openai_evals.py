"""OpenAI evals JSONL: accuracy from the match events, log-likelihood of the expected answer from cond_logp events.

The report's own error, `boostrap_std`, is that of random halves drawn without a seed; it is left alone and the
standard error is computed from the events. Other numbers of the report are passed on as they are. The log does not say
which version of evals wrote it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from checkpoints_db import samples
from checkpoints_db.errors import IncompleteResult, UnreadableFile
from checkpoints_db.readers.base import Readout
from checkpoints_db.readers.likelihoods import Asked, bytes_of, continuous, nats_of
from checkpoints_db.readers.openai_evals_log import Event, Log
from checkpoints_db.readers.stated import agrees
from checkpoints_db.readers.strict import in_range, number_of, printable, reading_of, refused
from checkpoints_db.records import Metric, Reading

Json = dict[str, Any]
_SPEC = re.compile(r'\s*\{\s*"spec"\s*:\s*\{')
_EVENT = re.compile(r'\s*\{\s*"(run_id|final_report)"\s*:')
_NOT_METRICS = ("boostrap_std", "bootstrap_std", "usage_", "counts/", "num_", "n_", "total")
ACCURACY = Metric(name="accuracy", kind="thresholded", lower=0, upper=1)
_SHARES = frozenset({"accuracy", "f1_score", "f1", "exact_match", "includes", "fuzzy_match"})


class OpenaiEvals:
    """Logs of openai/evals."""

    name = "openai_evals"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether the first line is a specification of a run, or one of its events or its report."""
        del path
        first = head.decode("utf-8-sig", "replace").lstrip().partition("\n")[0]
        if _SPEC.match(first):
            return '"eval_name"' in first or '"completion_fns"' in first
        return bool(_EVENT.match(first)) and ('"final_report"' in first or '"event_id"' in first)

    def read(self, path: Path) -> Readout:
        """Every reading of the run. Raises UnreadableFile and IncompleteResult."""
        log = Log.open(path)
        log.complete()
        notes: list[str] = []
        if len(log.models) > 1:
            notes.append(f"{', '.join(log.models[1:])} took part beside {log.models[0]}, which is taken as the model")
        if failed := len(log.of("error")):
            notes.append(f"{failed} errors; the samples they hit have no answer")
        found = [*_accuracy(log), *_likelihoods(log, notes), *_others(log, notes)]
        if not found:
            notes.append("the log holds no match, no likelihood and no number in its report")
        return Readout(reader=self.name, readings=tuple(_readings(log, found)), notes=tuple(notes))


def _readings(log: Log, found: list[tuple[Metric, float, float | None, int | None]]) -> list[Reading]:
    shared = {
        "task": log.task,
        "model": log.models[0],
        "date": log.date,
        "harness": "openai evals",
        "conditions": log.conditions(),
        "remarks": log.remarks,
    }
    return [
        reading_of(
            log.path,
            f"{log.task} · {metric.name}",
            {**shared, "metric": metric, "value": value, "stderr": stderr, "n": n},
        )
        for metric, value, stderr, n in found
    ]


def _accuracy(log: Log) -> list[tuple[Metric, float, float | None, int | None]]:
    """Accuracy over matches with its standard error; several matches of one sample are one cluster."""
    right: dict[str, list[bool]] = {}
    for event in log.of("match"):
        correct = event.data.get("correct")
        if not isinstance(correct, bool):
            raise UnreadableFile(str(log.path), f"{event.where}, data.correct", "neither true nor false")
        right.setdefault(event.sample, []).append(correct)
    if not right:
        return []
    estimate = samples.ratio([sum(each) for each in right.values()], [len(each) for each in right.values()])
    stated = log.report.get("accuracy")
    if stated is not None and not agrees(number_of(stated, log.path, "final_report.accuracy"), estimate.value):
        why = f"the report's accuracy is {stated:g}, that of the {len(right)} samples here is {estimate.value:g}"
        raise IncompleteResult(str(log.path), f"{why}; events are missing")
    return [(ACCURACY, estimate.value, estimate.stderr, estimate.n)]


def _likelihoods(log: Log, notes: list[str]) -> list[tuple[Metric, float, float | None, int | None]]:
    asked: dict[str, dict[str, float]] = {}
    for event in log.of("cond_logp"):
        text, ll = event.data.get("completion"), event.data.get("logp")
        if not isinstance(text, str):
            raise UnreadableFile(str(log.path), f"{event.where}, data.completion", "not the text of one completion")
        logp = nats_of(ll, log.path, f"{event.where}, data.logp")
        if asked.setdefault(event.sample, {}).setdefault(text, logp) != logp:
            why = f"sample {event.sample} has another log-likelihood for this completion"
            raise UnreadableFile(str(log.path), f"{event.where}, data.logp", why)
    if not asked:
        return []
    matches = {event.sample: event for event in log.of("match")}
    unknown = [sample for sample, lls in asked.items() if not _expected(matches.get(sample), lls)]
    if unknown:  # leaving out only those would flatter or harm
        notes.append(
            f"{len(unknown)} samples have no likelihood of their expected answer (the first is {min(unknown)}); "
            "no continuous metric"
        )
        return []
    documents = [_document(log, matches[sample], lls) for sample, lls in asked.items()]
    whole = all(_texts(matches[sample].data.get("options")) == {*lls} for sample, lls in asked.items())
    return [(metric, *estimate) for metric, estimate in continuous(documents, choices=whole)]


def _expected(match: Event | None, lls: dict[str, float]) -> tuple[int, ...]:
    """Which completions are the expected answer, one of several spellings of it included."""
    right = _texts(match.data.get("expected") if match else None)
    return tuple(i for i, text in enumerate(lls) if text in right)


def _texts(body: Any) -> set[str]:
    return {each for each in (body if isinstance(body, list) else [body]) if isinstance(each, str)}


def _document(log: Log, match: Event, lls: dict[str, float]) -> Asked:
    right = _expected(match, lls)
    size = bytes_of(list(lls)[right[0]].strip(), log.path, f"{match.where}, data.expected")
    return Asked(tuple(lls.values()), right, size)


def _others(log: Log, notes: list[str]) -> list[tuple[Metric, float, float | None, int | None]]:
    """The other numbers of the report."""
    found: list[tuple[Metric, float, float | None, int | None]] = []
    for name, body in log.report.items():
        counted = name == "accuracy" and log.of("match")
        if counted or name.startswith(_NOT_METRICS) or isinstance(body, bool) or not isinstance(body, int | float):
            continue
        field = f"final_report.{printable(name, log.path, 'final_report')}"
        lower, upper = (0, 1) if name in _SHARES else (None, None)
        try:
            metric = Metric(name=name, kind="thresholded", lower=lower, upper=upper)
        except ValidationError as error:
            raise refused(error, log.path, field) from error
        value = in_range(metric, number_of(body, log.path, field), log.path, field)
        if name not in _SHARES:
            notes.append(f"{name}: the log does not say which direction is better; taken as higher")
        notes.append(f"{name}: only in the report; no standard error")
        found.append((metric, value, None, None))
    return found
