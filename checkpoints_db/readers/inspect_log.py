"""Inspect AI: logs as `.eval` (zip) and as `.json`, of runs that have ended.

Every metric the log states becomes a reading, with the standard error recomputed from the samples (one number per
sample, so that epochs are not taken for documents). From the samples come, beyond what the log states:

| metric | where |
|---|---|
| pass@k, unbiased, k up to the epochs (above 8: powers of two) | scores that are right or wrong, in several epochs |
| log_likelihood, log_likelihood_per_token, in nats | scorers that log `num_tokens` and `sum_log_probs` of the target |

A run that was cancelled, failed, limited, invalidated or left samples out is read, and its readings carry a remark.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from checkpoints_db import samples
from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers.archive import named
from checkpoints_db.readers.base import Readout
from checkpoints_db.readers.inspect_container import ZIP, Container, is_ours, opened
from checkpoints_db.readers.inspect_items import items_of
from checkpoints_db.readers.inspect_metrics import (
    LOG_LIKELIHOOD,
    NOT_METRICS,
    SHARE,
    metric_name,
    place_of,
    shape_of,
    shaped,
)
from checkpoints_db.readers.inspect_samples import Scored, likelihoods, pass_at
from checkpoints_db.readers.inspect_support import Support, supported
from checkpoints_db.readers.strict import in_range, number_of, object_of, printable, reading_of, refused
from checkpoints_db.records import Metric, Reading

Json = dict[str, Any]
_FIRST = re.compile(r'\s*\{\s*"version"\s*:\s*\d+\s*,\s*"status"\s*:')
_LOOSE = re.compile(r'"(eval_id|task_id)"\s*:')
_EVERY_K = 8
MAX_METRICS = 5000
"""Each looks at every sample, so their number must be bounded too."""


class InspectLog:
    """Logs of Inspect AI, in both containers."""

    name = "inspect"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether it is a zip that begins with an entry of ours, or an object with `version`, `status` and `eval`."""
        if head.startswith(ZIP):
            size = int.from_bytes(head[26:28], "little")
            return is_ours(head[30 : 30 + size].decode("utf-8", "replace"))
        text = head.decode("utf-8-sig", "replace")
        if not text.lstrip().startswith("{") or not all(f'"{key}"' in text for key in ("version", "status", "eval")):
            return False
        return _FIRST.match(text) is not None or _LOOSE.search(text) is not None

    def read(self, path: Path) -> Readout:
        """Every reading of the log. Raises UnreadableFile and IncompleteResult."""
        log = _Reader(opened(path))
        readings, notes = log.all()
        items = tuple(items_of(log.log, log.scores())) if readings else ()
        return Readout(reader=self.name, readings=readings, notes=notes, items=items)


class _Reader:
    """Turns one log into readings; `seen` keeps two from having one name."""

    def __init__(self, log: Container) -> None:
        self.log, self.header, self.path = log, log.header, log.header.path
        self.notes, self.seen = list(log.notes), dict[str, str]()
        self.shared = {
            "task": self.header.task,
            "model": self.header.model,
            "date": self.header.date,
            "harness": self.header.harness,
            **self.header.scale,
        }

    def all(self) -> tuple[tuple[Reading, ...], tuple[str, ...]]:
        scores = self.scores()
        readings = [reading for index, score in enumerate(scores) for reading in self._stated(index, score)]
        places: dict[tuple[str, str], Json] = {}
        for score in scores:
            places.setdefault((score["name"], score["scorer"]), score)
        for score in places.values():
            readings += self._derived(score)
        if not readings:
            self.notes.append(f"no metric: the run ended with status {self.header.body['status']} and has no scores")
        return tuple(readings), tuple(dict.fromkeys(self.notes))

    def scores(self) -> list[Json]:
        """The entries of `results.scores`, of the shape the newest version has."""
        results = self.header.results or {}
        found = results.get("scores")
        if found is None and "metrics" in results:  # before 0.3.20 there was one scorer
            scorer = object_of(results.get("scorer") or {}, self.path, "results.scorer")
            found = [{**scorer, "metrics": results["metrics"]}]
        if found is not None and not isinstance(found, list):
            raise UnreadableFile(str(self.path), "results.scores", "not a list")
        scores = [self._score(index, body) for index, body in enumerate(found or [])]
        if (count := sum(1 + len(score["metrics"]) for score in scores)) > MAX_METRICS:
            why = f"{count} scores and metrics are more than the limit of {MAX_METRICS}"
            raise UnreadableFile(str(self.path), "results.scores", why)
        return scores

    def _score(self, index: int, body: Any) -> Json:
        place = f"results.scores[{index}]"
        score = object_of(body, self.path, place)
        name = score.get("name")
        scorer, reducer = score.get("scorer") or name, score.get("reducer")
        for key, text in (("name", name), ("scorer", scorer), ("reducer", reducer or "mean")):
            if not isinstance(text, str) or not text:
                raise UnreadableFile(str(self.path), f"{place}.{key}", "not a name")
            printable(text, self.path, f"{place}.{key}")
        metrics = object_of(score.get("metrics") or {}, self.path, f"{place}.metrics")
        for key, metric in metrics.items():
            object_of(metric, self.path, f"{place}.metrics.{named(key)}")
        return {**score, "scorer": scorer, "reducer": reducer, "metrics": metrics}

    def _stated(self, index: int, score: Json) -> Iterator[Reading]:
        place = place_of(score["name"], score["scorer"])
        self._unscored(score, place)
        for key, body in score["metrics"].items():
            inner = _inner(body)
            if inner in NOT_METRICS or key in NOT_METRICS:
                continue
            field = f"results.scores[{index}].metrics.{named(key)}"
            name = self._new(metric_name(printable(key, self.path, field), place, score["reducer"]), field)
            value = body.get("value")
            if value is None or (isinstance(value, float) and not math.isfinite(value)):
                self.notes.append(f"{name}: the log has no value ({value})")
                continue
            shape, known = shape_of(inner, score["name"])
            metric = self._metric(name, shape, field)
            number = in_range(metric, number_of(value, self.path, f"{field}.value"), self.path, f"{field}.value")
            if not known:
                self.notes.append(
                    f"{name}: the log does not say which direction is better; taken as {metric.direction}"
                )
            support = supported(self.log, score, key, number)
            self.notes += [f"{name}: {note}" for note in support.notes]
            yield self._reading(score, metric, number, support, field)

    def _derived(self, score: Json) -> Iterator[Reading]:
        place = place_of(score["name"], score["scorer"])
        inner = {_inner(body) for body in score["metrics"].values()}
        if inner & {"accuracy", "mean"}:
            given = self.log.scored(score["name"], score["scorer"])
            yield from self._passes(score, place, given)
        found = likelihoods(self.log.samples, score["scorer"], self.path) if score["name"] == score["scorer"] else None
        if found is None:
            return
        for name, estimate in (
            ("log_likelihood", samples.mean(found.sums)),
            ("log_likelihood_per_token", samples.ratio(found.sums, found.tokens)),
        ):
            if (name := f"{name},{place}") not in self.seen:
                metric = self._metric(name, LOG_LIKELIHOOD, name)
                support = Support(estimate.stderr, estimate.n)
                yield self._reading(score, metric, min(estimate.value, 0.0), support, name)

    def _passes(self, score: Json, place: str, given: Scored) -> Iterator[Reading]:
        epochs = max(map(len, given.values.values()), default=0)
        if epochs < 2 or given.unclear or any(v not in (0, 0.5, 1) for each in given.values.values() for v in each):
            return
        for k in range(1, epochs + 1):
            name = f"pass@{k},{place}"
            stated = name in self.seen or (k == 1 and {f"accuracy,{place}", f"mean,{place}"} & set(self.seen))
            if stated or (k > _EVERY_K and k & (k - 1)):
                continue
            found = [pass_at(k, each) for each in given.values.values() if len(each) >= k]
            if len(found) < len(given.values):
                left = len(given.values) - len(found)
                self.notes.append(f"{name}: {left} samples have fewer than {k} scored epochs and were left out")
            estimate = samples.mean(found)
            yield self._reading(
                score, self._metric(name, SHARE, name), estimate.value, Support(estimate.stderr, estimate.n), name
            )

    def _unscored(self, score: Json, place: str) -> None:
        given = self.log.scored(score["name"], score["scorer"])
        if given.unscored:
            part = given.unscored / given.asked
            self.notes.append(f"{place}: {given.unscored} of {given.asked} scores ({part:.0%}) are NaN, left out")
        elif not self.log.samples and score.get("unscored_samples"):
            count = number_of(score["unscored_samples"], self.path, "results.scores.unscored_samples")
            self.notes.append(f"{place}: {count:g} samples are unscored, left out")

    def _new(self, name: str, field: str) -> str:
        if name in self.seen:
            raise UnreadableFile(str(self.path), field, f"{name} is already in {self.seen[name]}")
        self.seen[name] = field
        return name

    def _metric(self, name: str, shape: Any, field: str) -> Metric:
        try:
            return shaped(name, shape)
        except ValidationError as error:
            raise refused(error, self.path, field) from error

    def _reading(self, score: Json, metric: Metric, value: float, support: Support, field: str) -> Reading:
        fields = {
            **self.shared,
            "metric": metric,
            "value": value,
            "stderr": support.stderr,
            "n": support.n,
            "conditions": self.header.conditions(score),
            "terms": self.header.terms(score),
            "remarks": tuple(dict.fromkeys((*self.log.remarks, *support.remarks))),
        }
        return reading_of(self.path, field, fields)


def _inner(body: Json) -> str:
    """The metric behind an entry: of a grouped one, what is taken over each group."""
    params = body.get("params")
    grouped = params.get("metric") if isinstance(params, dict) else None
    inner = grouped.get("name") if isinstance(grouped, dict) else body.get("name")
    return inner.rpartition("/")[2] if isinstance(inner, str) else ""
