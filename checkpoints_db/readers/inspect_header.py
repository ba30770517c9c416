"""The head of an Inspect log: model, scale, date, state, and the conditions a result depends on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from checkpoints_db.errors import IncompleteResult, UnreadableFile
from checkpoints_db.readers.strict import count_of, number_of, object_of, printable
from checkpoints_db.records import canonical, digest_of

Json = dict[str, Any]
NEWEST = 2
"""The newest version of the log we know; the chunked shape of samples has it too."""
_LONG = 200
_STATES = ("success", "cancelled", "error")
_TURNING = (
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "stop_seqs",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "num_choices",
    "best_of",
    "system_message",
    "reasoning_effort",
    "reasoning_tokens",
    "response_schema",
)
"""What of the generate config changes answers; the rest (retries, connections, seeds, caches) does not."""
_LIMITS = ("message_limit", "token_limit", "time_limit", "working_limit", "cost_limit", "turn_limit")


@dataclass(frozen=True)
class Header:
    """A log without its samples, its parts known to be objects."""

    path: Path
    body: Json
    about: Json
    config: Json
    results: Json | None
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, body: Any, path: Path) -> Header:
        """Check a header. Raises UnreadableFile, or IncompleteResult while the run is going on."""
        body = object_of(body, path, "header")
        if "version" not in body or "eval" not in body:
            missing = "version" if "version" not in body else "eval"
            raise UnreadableFile(str(path), missing, "missing; is this a log of Inspect?")
        version = count_of(body["version"], path, "version", least=1)
        if version > NEWEST:
            why = f"{version} is newer than {NEWEST}, the newest one known; upgrade holdpoint"
            raise UnreadableFile(str(path), "version", why)
        status = body.get("status")
        if status == "started":
            raise going_on(path, "its status is still `started`")
        if status not in _STATES:
            known = ", ".join(_STATES)
            said = status[:40] if isinstance(status, str) else "what it says"
            raise UnreadableFile(str(path), "status", f"{said!a} is none of started, {known}")
        about = object_of(body["eval"], path, "eval")
        config = object_of(about.get("config") or {}, path, "eval.config")
        results = None if body.get("results") is None else object_of(body["results"], path, "results")
        return cls(path, body, about, config, results)

    @property
    def task(self) -> str:
        """Name of the task."""
        task = self.about.get("task")
        if not isinstance(task, str) or not task:
            raise UnreadableFile(str(self.path), "eval.task", "the log does not say which task was asked")
        return printable(task, self.path, "eval.task")

    @property
    def model(self) -> str:
        """`eval.model`; the `model_path` where that only says that it is local; `@revision` where there is one."""
        name, given = self.about.get("model"), self._object("model_args")
        if isinstance(name, str) and name.endswith("/local") and isinstance(given.get("model_path"), str):
            name = given["model_path"]
        if not isinstance(name, str) or not name:
            raise UnreadableFile(str(self.path), "eval.model", "the log does not say which model was evaluated")
        revision = given.get("revision")
        if isinstance(revision, str) and revision not in ("", "main") and not name.endswith(f"@{revision}"):
            name = f"{name}@{revision}"
        return printable(name, self.path, "eval.model")

    @property
    def harness(self) -> str:
        """`inspect_ai 0.3.285`."""
        version = self._object("packages").get("inspect_ai")
        if not isinstance(version, str) or not version:
            return "inspect_ai"
        return printable(f"inspect_ai {version}", self.path, "eval.packages.inspect_ai")

    @property
    def date(self) -> datetime | None:
        """When the run began, in UTC; a time without zone is UTC."""
        text = self.about.get("created")
        if text is None:
            return None
        try:
            at = datetime.fromisoformat(text)
            return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
        except (TypeError, ValueError, OverflowError) as error:
            raise UnreadableFile(str(self.path), "eval.created", "no time as in 2026-11-23T09:00:00+00:00") from error

    @property
    def scale(self) -> dict[str, float | int | None]:
        """params, tokens, flop and step, where `eval.metadata` has them as numbers."""
        said = self._object("metadata")
        found: dict[str, float | int | None] = {}
        for name in ("params", "tokens", "flop", "step"):
            value, place = said.get(name), f"eval.metadata.{name}"
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            if name == "step":
                found[name] = count_of(value, self.path, place, least=0)
                continue
            number = number_of(value, self.path, place)
            if number < 0 or (number == 0 and name == "params"):
                raise UnreadableFile(str(self.path), place, f"{number:g} is not positive")
            found[name] = number or None  # step 0 has seen no tokens
        return found

    @property
    def total(self) -> int | None:
        """Samples times epochs that were to be asked, where the log says."""
        return self._count("total_samples")

    @property
    def completed(self) -> int | None:
        """Samples times epochs that came to an end, where the log says."""
        return self._count("completed_samples")

    def remarks(self) -> tuple[str, ...]:
        """Why the results must not train a forecast; empty for a whole, valid run."""
        found = []
        if self.body["status"] != "success":
            found.append("cancelled" if self.body["status"] == "cancelled" else "errored")
        if self.body.get("invalidated"):
            found.append("invalidated")
        if any(self.config.get(key) is not None for key in ("limit", "sample_id")):
            found.append("limit")
        if self.total is not None and self.completed is not None and self.completed < self.total:
            found.append("incomplete")
        return tuple(found)

    def conditions(self, score: Json) -> str:
        """Digest of all that must agree for two results of this score to be compared."""
        return digest_of(self.terms(score))

    def terms(self, score: Json) -> dict[str, str | int | float | bool | None]:
        """What must agree, by name; whatever is not a plain value stands here as its digest."""
        dataset, plan = self._object("dataset"), object_of(self.body.get("plan") or {}, self.path, "plan")
        drawn = {
            **self._object("model_generate_config"),
            **object_of(plan.get("config") or {}, self.path, "plan.config"),
        }
        version = self.harness.removeprefix("inspect_ai").strip()
        found = {
            "task": self.task,
            "task_version": self.about.get("task_version"),
            "task_args": self.about.get("task_args") or None,
            "dataset": dataset.get("name"),
            "samples": dataset.get("samples"),
            "sample_ids": self._ids(dataset.get("sample_ids")),
            "scorer": score["scorer"],
            "scorer_params": score.get("params") or None,
            "solvers": _solvers(plan.get("steps")) or None,
            **{key: drawn.get(key) for key in _TURNING},
            **{key: self.config.get(key) for key in _LIMITS},
            "epochs": self.config.get("epochs") or 1,
            "limit": self.config.get("limit"),
            "sample_id": self.config.get("sample_id"),
            "harness": ".".join(version.split(".")[:2]),
        }
        return {key: self._plain(key, value) for key, value in found.items()}

    def _plain(self, key: str, value: Any) -> str | int | float | bool | None:
        try:
            body = canonical(value)
        except (ValueError, RecursionError) as error:
            raise UnreadableFile(str(self.path), key, "a setting that is NaN, infinite or bottomless") from error
        plain = value is None or isinstance(value, str | int | float | bool)
        return value if plain and len(body) <= _LONG else digest_of(value)[:12]

    def _ids(self, ids: Any) -> list[str] | None:
        """The sample ids in one order: a shuffled data set is the same data set."""
        if not isinstance(ids, list):
            return None
        if not all(isinstance(key, str | int) for key in ids):
            raise UnreadableFile(str(self.path), "eval.dataset.sample_ids", "neither numbers nor texts")
        return sorted(map(canonical, ids))

    def _object(self, key: str) -> Json:
        return object_of(self.about.get(key) or {}, self.path, f"eval.{key}")

    def _count(self, key: str) -> int | None:
        value = None if self.results is None else self.results.get(key)
        return None if value is None else count_of(value, self.path, f"results.{key}", least=0)


def going_on(path: Path, why: str) -> IncompleteResult:
    """What is said of the log of a run that has not ended; a killed run never ends, `inspect eval-retry` ends it."""
    return IncompleteResult(str(path), f"{why}: the run goes on, or was killed", waits_for="the end of the run")


def _solvers(steps: Any) -> list[Any]:
    if not isinstance(steps, list):
        return []
    return [[step.get("solver"), step.get("params")] if isinstance(step, dict) else None for step in steps]
