"""The lines of one OpenAI evals log: the specification, the final report, and events, whichever comes first.

Events are flushed when the program ends, so the report often comes before them and is no end mark. What shows that
lines are missing: event ids count from 0 without a hole, sample ids of a whole run too, every sample that was asked is
matched, and the accuracy of the matches is that of the report. A log that loses its last samples at a line end and
still passes all four cannot be told from a whole one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from checkpoints_db.errors import IncompleteResult, UnreadableFile
from checkpoints_db.readers.json_lines import Line, lines_of
from checkpoints_db.readers.stated import conditions_of, list_of, moment_of, name_of
from checkpoints_db.readers.strict import count_of, object_of

Json = dict[str, Any]
_INDEX = re.compile(r"\.(\d{1,9})", re.ASCII)
_VERSION = re.compile(r"\.v?\d[\w.-]*", re.ASCII)


class Event(NamedTuple):
    """What happened to one sample."""

    where: str
    number: int
    sample: str
    sort: str
    data: Json


@dataclass(frozen=True)
class Log:
    """One run of one eval."""

    path: Path
    spec: Json
    report: Json
    events: tuple[Event, ...]
    """In the order of their ids."""

    @classmethod
    def open(cls, path: Path) -> Log:
        """Read `path`. Raises IncompleteResult while the report is missing, UnreadableFile naming the line."""
        specs, reports, events, runs = [], [], [], {}
        for line in lines_of(path):
            if "spec" in line.body:
                spec = object_of(line.body["spec"], path, f"{line.where}, spec")
                specs.append(spec)
                runs[name_of(spec.get("run_id"), path, f"{line.where}, spec.run_id")] = line.where
            else:
                runs[name_of(line.body.get("run_id"), path, f"{line.where}, run_id")] = line.where
                if "final_report" in line.body:
                    reports.append(object_of(line.body["final_report"], path, f"{line.where}, final_report"))
                else:
                    events.append(_event(line, path))
        if len(runs) > 1 or len(specs) > 1 or len(reports) > 1:
            where = list(runs.values())[-1]
            raise UnreadableFile(str(path), f"{where}, run_id", "two runs share this file; keep one file a run")
        if not specs:
            raise UnreadableFile(str(path), "spec", "missing; the line that names model and eval")
        if not reports:
            raise IncompleteResult(str(path), "no final_report; the run has not ended, or was stopped")
        return cls(path, specs[0], reports[0], _whole(events, path))

    def of(self, sort: str) -> list[Event]:
        """The events of one type."""
        return [event for event in self.events if event.sort == sort]

    @property
    def config(self) -> Json:
        """`run_config` of the specification; empty where there is none."""
        return object_of(self.spec.get("run_config") or {}, self.path, "spec.run_config")

    @property
    def models(self) -> list[str]:
        """What was evaluated; a second one is usually the model that graded."""
        given = self.spec.get("completion_fns") or self.config.get("completion_fns")
        given = [self.spec.get("model_name")] if given is None else given
        listed = list_of(given, self.path, "spec.completion_fns")
        if not listed:
            raise UnreadableFile(
                str(self.path), "spec.completion_fns", "the log does not say which model was evaluated"
            )
        return [name_of(each, self.path, "spec.completion_fns") for each in listed]

    @property
    def task(self) -> str:
        """The name of the eval without its version: `arith.dev` of `arith.dev.v0`."""
        name = name_of(self.spec.get("eval_name"), self.path, "spec.eval_name")
        stem, dot, version = name.rpartition(".")
        return stem if stem and _VERSION.fullmatch(dot + version) else name

    @property
    def date(self) -> datetime | None:
        """When the run began."""
        return moment_of(self.spec.get("created_at"), self.path, "spec.created_at")

    @property
    def remarks(self) -> tuple[str, ...]:
        """`limit` where only some samples were asked; `errors` where some failed."""
        limited = ("limit",) if self.config.get("max_samples") is not None else ()
        return limited + (("errors",) if self.of("error") else ())

    def conditions(self) -> str:
        """Digest of the eval, its version and arguments, the seed and the graders."""
        body = {
            "harness": "openai evals",
            "eval": self.spec.get("eval_name"),
            "spec": self.config.get("eval_spec"),
            "seed": self.config.get("seed"),
            "max_samples": self.config.get("max_samples"),
            "graders": self.models[1:],
        }
        return conditions_of(body, self.path, "spec.run_config")

    def complete(self) -> None:
        """Raise IncompleteResult where samples are missing that were asked."""
        failed = {event.sample for event in self.of("error")}
        asked = {event.sample for event in self.events if event.sort in ("sampling", "cond_logp", "pick_option")}
        matched = {event.sample for event in self.of("match")}
        if matched and (left := asked - matched - failed):
            raise IncompleteResult(str(self.path), f"sample {min(left)} was asked and has no match ({len(left)} such)")
        found = [match for sample in asked | matched if (match := _INDEX.fullmatch(sample[sample.rfind(".") :]))]
        if self.config.get("max_samples") is not None or len(found) != len(asked | matched):
            return
        numbers = {int(match[1]) for match in found}
        if numbers and len(numbers) <= max(numbers):
            first = min(set(range(len(numbers) + 1)) - numbers)
            raise IncompleteResult(str(self.path), f"sample {first} of at least {max(numbers) + 1} is missing")


def _event(line: Line, path: Path) -> Event:
    body, where = line.body, line.where
    number = count_of(body.get("event_id"), path, f"{where}, event_id", least=0)
    sort = name_of(body.get("type"), path, f"{where}, type")
    sample = name_of(body.get("sample_id") or "none", path, f"{where}, sample_id")
    data = body.get("data")
    return Event(where, number, sample, sort, data if isinstance(data, dict) else {})


def _whole(events: list[Event], path: Path) -> tuple[Event, ...]:
    ordered = sorted(events, key=lambda event: event.number)
    for expected, event in enumerate(ordered):
        if event.number < expected:
            raise UnreadableFile(str(path), f"{event.where}, event_id", f"event {event.number} is there twice")
        if event.number > expected:
            raise IncompleteResult(str(path), f"event {expected} is missing")
    return tuple(ordered)
