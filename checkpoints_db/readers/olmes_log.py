"""The metrics of one task as OLMES (oe-eval) writes them: model, task, conditions, and the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from checkpoints_db.readers.stated import conditions_of, moment_of, name_of
from checkpoints_db.readers.strict import count_of, object_of

Json = dict[str, Any]
METRICS_END, PREDICTIONS_END = "-metrics.json", "-predictions.jsonl"


@dataclass(frozen=True)
class Log:
    """One task of one model."""

    path: Path
    where: str
    """The line, for files of JSON lines."""
    body: Json
    metrics: Json
    task_config: Json
    model_config: Json

    @classmethod
    def of(cls, body: Any, path: Path, where: str = "") -> Log:
        """Read one metrics object. Raises UnreadableFile naming the field."""
        at = f"{where}, " if where else ""
        whole = object_of(body, path, where)
        parts = (object_of(whole.get(key), path, f"{at}{key}") for key in ("metrics", "task_config", "model_config"))
        return cls(path, at, whole, *parts)

    def at(self, field: str) -> str:
        """Where `field` stands."""
        return f"{self.where}{field}"

    @property
    def task(self) -> str:
        """The task; `:rc` and `:mc` variants of one are different tasks."""
        return name_of(self.body.get("task_name"), self.path, self.at("task_name"))

    @property
    def model(self) -> str:
        """The model as the log names it, with `@revision` where it was evaluated at one."""
        field = self.at("model_config.model")
        given = self.model_config.get("model") or self.model_config.get("model_path")
        name, revision = name_of(given, self.path, field), self.model_config.get("revision")
        if revision is None or revision in ("", "main"):
            return name
        return f"{name}@{name_of(revision, self.path, self.at('model_config.revision'))}"

    @property
    def n(self) -> int:
        """Number of documents."""
        return count_of(self.body.get("num_instances"), self.path, self.at("num_instances"), least=1)

    @property
    def date(self) -> datetime | None:
        """When the evaluation ran."""
        return moment_of(self.body.get("current_date"), self.path, self.at("current_date"))

    @property
    def primary(self) -> str | None:
        """The metric that `primary_score` repeats."""
        given = self.task_config.get("primary_metric")
        return given if isinstance(given, str) else None

    @property
    def hashes(self) -> tuple[str, ...]:
        """What a prediction must carry to belong here: the hashes of task and model, empty where there are none."""
        return tuple(str(self.body.get(key) or "")[:200] for key in ("task_hash", "model_hash"))

    def shared(self) -> Json:
        """What every reading of the task has in common."""
        limited = self.task_config.get("limit") is not None
        chat = {key: self.model_config.get(key) for key in ("chat_model", "chat_template") if key in self.model_config}
        conditions = {"harness": "olmes", "task": self.task, "task_hash": self.body.get("task_hash"), "chat": chat}
        for key in ("num_shots", "split", "limit", "fewshot_seed", "version"):
            conditions[key] = self.task_config.get(key)
        return {
            "task": self.task,
            "model": self.model,
            "n": self.n,
            "date": self.date,
            "harness": "olmes",
            "conditions": conditions_of(conditions, self.path, self.at("task_config")),
            "remarks": ("limit",) if limited else (),
        }
