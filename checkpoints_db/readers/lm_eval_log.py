"""The head of an lm-evaluation-harness results file: model, date, and the conditions of each task.

Two shapes: 0.4.x (`configs`, metric keys with a filter) and v0.3 (`results`, `versions`, `config` and nothing else).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers.strict import count_of, json_of, number_of, object_of, printable, text_of
from checkpoints_db.records import Term, digest_of

Json = dict[str, Any]


@dataclass(frozen=True)
class Log:
    """One results file, its parts known to be objects."""

    path: Path
    results: Json
    config: Json
    configs: Json
    body: Json
    old: bool
    """Whether it is of v0.3."""

    @classmethod
    def open(cls, path: Path) -> Log:
        """Read `path`. Raises UnreadableFile or IncompleteResult."""
        body = object_of(json_of(text_of(path), path), path, "")
        if "results" not in body:
            raise UnreadableFile(str(path), "results", "missing; is this a results file of lm-eval?")
        results, config, configs = (
            object_of({} if body.get(key) is None else body[key], path, key) for key in ("results", "config", "configs")
        )
        for task, entry in results.items():
            printable(task, path, "results")
            for key in entry if isinstance(entry, dict) else ():
                printable(key, path, f"results.{task}")
        return cls(path, results, config, configs, body, old="configs" not in body)

    def of_task(self, table: str, task: str) -> Any:
        """`body[table][task]`, or None; lm-eval 0.4.2 lacks some tables."""
        return object_of(self.body.get(table) or {}, self.path, table).get(task)

    def config_of(self, task: str) -> Json:
        """The task's own configuration (0.4.x), empty where the log has none."""
        return object_of(self.configs.get(task) or {}, self.path, f"configs.{task}")

    @property
    def harness(self) -> str:
        """`lm_eval 0.4.13`; the minor version only where the log does not say more."""
        if self.old:
            return "lm_eval 0.3"
        return f"lm_eval {self.body.get('lm_eval_version') or '0.4'}"

    @property
    def model(self) -> str:
        """The model as the log names it, with `@revision` where it was evaluated at one.

        0.4.x: `model_name`, else the `pretrained` of `model_args`. v0.3: `pretrained` of `model_args`; where those
        are a whole GPT-NeoX configuration, `load@step<iteration>`. Raises UnreadableFile when there is no name at
        all.
        """
        given = arguments_of(self.config.get("model_args"))
        name = self.body.get("model_name") or given.get("pretrained") or given.get("model")
        revision = given.get("revision")
        if not name and given.get("load") and "iteration" in given:
            name, revision = given["load"], f"step{given['iteration']}"
        if not isinstance(name, str) or not name:
            raise UnreadableFile(str(self.path), "model_name", "the log does not say which model was evaluated")
        at_revision = revision and revision != "main" and not name.endswith(f"@{revision}")
        return printable(f"{name}@{revision}" if at_revision else name, self.path, "model_name")

    @property
    def params(self) -> float | None:
        """Parameter count of the harness, embeddings included; None where it has none (-1 is its "unknown")."""
        count = self.config.get("model_num_parameters")
        if count is None or count == -1:
            return None
        field = "config.model_num_parameters"
        value = number_of(count, self.path, field)
        if value <= 0:
            raise UnreadableFile(str(self.path), field, f"{value:g} is not positive")
        return value

    @property
    def date(self) -> datetime | None:
        """When the evaluation began, where the log says."""
        stamp = self.body.get("date")
        if stamp is None:
            return None
        seconds = number_of(stamp, self.path, "date")
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise UnreadableFile(str(self.path), "date", f"{seconds:g} is no time in seconds since 1970") from error

    @property
    def limit(self) -> float | None:
        """`--limit`, None where all documents were asked."""
        limit = self.config.get("limit")
        return None if limit is None else number_of(limit, self.path, "config.limit")

    def samples(self, task: str) -> tuple[int, int] | None:
        """Documents the task has, and documents that were asked; None where the log does not say."""
        counts = self.of_task("n-samples", task)
        if counts is None:
            return None
        field = f"n-samples.{task}"
        counts = object_of(counts, self.path, field)
        original = count_of(counts.get("original"), self.path, f"{field}.original", least=1)
        effective = count_of(counts.get("effective"), self.path, f"{field}.effective", least=1)
        if effective > original:
            why = f"{effective} documents asked of {original}"
            raise UnreadableFile(str(self.path), f"{field}.effective", why)
        return original, effective

    def n(self, task: str) -> int | None:
        """Number of documents behind the results of `task`, where the log says."""
        counts = self.samples(task)
        if counts:
            return counts[1]
        length = object_of(self.results[task], self.path, f"results.{task}").get("sample_len")
        return None if length is None else count_of(length, self.path, f"results.{task}.sample_len", least=1)

    def remarks(self, task: str) -> tuple[str, ...]:
        """`limit` where only a part of the documents was asked."""
        counts = self.samples(task)
        part = self.limit is not None or (counts is not None and counts[1] < counts[0])
        return ("limit",) if part else ()

    def conditions(self, task: str) -> str:
        """Digest of all that must agree for two results of `task` to be compared: `terms`."""
        return digest_of({**self._agreed(task), "samples": self.samples(task)})

    def terms(self, task: str) -> dict[str, Term]:
        """The conditions in words: what `conditions` is the digest of, without shape."""
        original, effective = self.samples(task) or (None, None)
        agreed = {name: _whole(term) for name, term in self._agreed(task).items()}
        return {**agreed, "samples_original": original, "samples_effective": effective}

    def _agreed(self, task: str) -> dict[str, Term]:
        return {
            "task": task,
            "version": self._plain("versions", task),
            "n_shot": self._n_shot(task),
            "limit": self.limit,
            "chat_template": self._named("chat_template_sha"),
            "system_instruction": self._named("system_instruction_sha"),
            "fewshot_as_multiturn": bool(self.body.get("fewshot_as_multiturn")),
            "task_hash": self._plain("task_hashes", task),
            "harness": ".".join(self.harness.removeprefix("lm_eval ").split(".")[:2]),
        }

    def _n_shot(self, task: str) -> Term:
        shots = self.config.get("num_fewshot")
        if not self.old:
            return self._plain("n-shot", task)
        return shots if isinstance(shots, int) else _term(shots, self.path, "config.num_fewshot")

    def _named(self, key: str) -> Term:
        return _term(self.body.get(key), self.path, key)

    def _plain(self, table: str, task: str) -> Term:
        return _term(self.of_task(table, task), self.path, f"{table}.{task}")

    def filters(self, task: str) -> set[str]:
        """The filters `task` has results under; they stand after the last comma of a metric's key."""
        entry = object_of(self.results[task], self.path, f"results.{task}")
        return {key.rpartition(",")[2] for key in entry if "," in key}

    def is_group(self, task: str) -> bool:
        """Whether `task` is an aggregate over other tasks."""
        entry = self.results.get(task)
        counted = isinstance(entry, dict) and "sample_count" in entry
        return counted or bool(self.of_task("group_subtasks", task)) or self.of_task("groups", task) is not None

    def higher_is_better(self, task: str, metric: str) -> bool | None:
        """What the log says of the direction of `metric` (without its filter); None where it says nothing."""
        stated = self.of_task("higher_is_better", task)
        if isinstance(stated, dict) and isinstance(stated.get(metric), bool):
            return bool(stated[metric])
        listed = self.config_of(task).get("metric_list")
        for entry in listed if isinstance(listed, list) else []:
            ours = isinstance(entry, dict) and entry.get("metric") == metric
            direction = entry.get("higher_is_better") if ours else None
            if isinstance(direction, bool):
                return direction
        return None

    def chance(self, task: str) -> float | None:
        """1 / K where the configuration itself lists the K choices of a multiple-choice task."""
        config = self.config_of(task)
        choices = config.get("doc_to_choice")
        if config.get("output_type") != "multiple_choice" or not isinstance(choices, list) or len(choices) < 2:
            return None
        return 1 / len(choices)


def _whole(term: Term) -> Term:
    return int(term) if isinstance(term, float) and term.is_integer() else term


def _term(body: Any, path: Path, field: str) -> Term:
    """Text, a number or nothing. Raises UnreadableFile naming `field` for anything else."""
    if body is None or isinstance(body, str):
        return body if body is None else printable(body, path, field)
    return number_of(body, path, field)


def arguments_of(given: Any) -> Json:
    """`model_args` as a mapping; it is a string up to 0.4.2 and an object later.

    >>> arguments_of("pretrained=EleutherAI/pythia-70m,revision=step1000")
    {'pretrained': 'EleutherAI/pythia-70m', 'revision': 'step1000'}
    """
    if isinstance(given, dict):
        return given
    pairs = (part.partition("=") for part in given.split(",")) if isinstance(given, str) else ()
    return {key.strip(): value.strip() for key, _, value in pairs if value}
