"""One run folder of HELM: what `run_spec.json` and `per_instance_stats.json` say for `stats.json` beside them.

`stats.json` names neither the model nor the number of instances, and its `stddev` is that over train trials (mostly
one), which is no standard error. The name of the run holds the model: `mmlu:subject=x,model=a_b`. A task is that name
without its model; a split other than `test` is a task of its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from checkpoints_db import samples
from checkpoints_db.readers.base import HEAD_BYTES
from checkpoints_db.readers.stated import conditions_of, list_of, measured_of, name_of, neighbour_of, second_of
from checkpoints_db.readers.strict import count_of, head_of, object_of

Json = dict[str, Any]
SPEC, STATS, INSTANCES, STATE = "run_spec.json", "stats.json", "per_instance_stats.json", "scenario_state.json"
SEPARATE = "multiple_choice_separate_"
_MODEL = ("model=", "model_deployment=")
_ASKED_AT = re.compile(r'"request_datetime"\s*:\s*(\d{1,12})\s*[,}]')


class Key(NamedTuple):
    """Which statistic: its name, and the part of the data it is over."""

    name: str
    split: str
    sub_split: str

    @classmethod
    def of(cls, body: Any, path: Path, field: str) -> Key | None:
        """The key a `name` object spells; None for a perturbed one, which measures robustness."""
        named = object_of(body, path, field)
        if named.get("perturbation") is not None:
            return None
        parts = (named.get("split") or "", named.get("sub_split") or "")
        texts = tuple(name_of(part, path, field) if part != "" else "" for part in parts)
        return cls(name_of(named.get("name"), path, f"{field}.name"), *texts)


def mean_of(stat: Json, path: Path, field: str) -> float | None:
    """`mean` of one statistic; None where nothing was counted."""
    if count_of(stat.get("count"), path, f"{field}.count", least=0) == 0:
        return None
    return measured_of(stat.get("mean"), path, f"{field}.mean")


@dataclass(frozen=True)
class Run:
    """The identity of the run whose `stats.json` is `path`."""

    path: Path
    spec: Json
    adapter: Json

    @classmethod
    def beside(cls, path: Path) -> Run:
        """From the run specification beside `path`. Raises IncompleteResult while it is not there."""
        spec = object_of(neighbour_of(path, SPEC, "names model and task"), path.parent / SPEC, "")
        return cls(path, spec, object_of(spec.get("adapter_spec"), path.parent / SPEC, "adapter_spec"))

    @property
    def where(self) -> Path:
        """The run specification, which errors about the identity name."""
        return self.path.parent / SPEC

    @property
    def model(self) -> str:
        """The model as HELM names it; its deployment only where there is no name."""
        named = self.adapter.get("model") or self.adapter.get("model_deployment")
        return name_of(named, self.where, "adapter_spec.model")

    @property
    def method(self) -> str:
        """How instances become requests: `generation`, `multiple_choice_joint`, ..."""
        return name_of(self.adapter.get("method"), self.where, "adapter_spec.method")

    @property
    def trials(self) -> int:
        """How many sets of few-shot examples were tried."""
        given = self.adapter.get("num_train_trials", 1)
        return count_of(given, self.where, "adapter_spec.num_train_trials", least=1)

    def task(self, key: Key) -> str:
        """The run name without its model; splits other than `test` are appended in HELM's own spelling."""
        scenario, _, rest = name_of(self.spec.get("name"), self.where, "name").partition(":")
        given = [part for part in rest.split(",") if part and not part.startswith(_MODEL)]
        given += [f"split={key.split}"] if key.split not in ("", "test") else []
        given += [f"sub_split={key.sub_split}"] if key.sub_split else []
        return f"{scenario}:{','.join(given)}" if given else scenario

    def conditions(self, asked: Collection[str]) -> str:
        """Digest of scenario and adapter without the model; and of the instances `asked`, where they were drawn.

        HELM always asks at most `max_eval_instances`, drawn with a fixed seed: every rung of a ladder then answers the
        same questions, and its sampling noise is in the standard error. So a cap is no remark, unlike `--limit` of
        lm-eval, whose own documentation keeps it for tests. It is a condition: under another cap, or should other
        instances have been drawn under the same one, it is another series.
        """
        adapter = {key: value for key, value in self.adapter.items() if key not in ("model", "model_deployment")}
        parts = {name: self.spec.get(name) for name in ("scenario_spec", "data_augmenter_spec")}
        drawn = {"instances": sorted(asked)} if self._is_capped(len(asked)) else {}
        return conditions_of({"harness": "helm", "adapter": adapter, **parts, **drawn}, self.where, "adapter_spec")

    def _is_capped(self, asked: int) -> bool:
        most = self.adapter.get("max_eval_instances")
        return most is not None and asked >= count_of(most, self.where, "adapter_spec.max_eval_instances", least=1)

    @property
    def date(self) -> datetime | None:
        """When the first request was sent, where the requests were kept; HELM writes no other date."""
        state = self.path.parent / STATE
        if not state.is_file():
            return None
        found = _ASKED_AT.search(head_of(state, HEAD_BYTES).decode("utf-8-sig", "replace"))
        return second_of(int(found[1]), state, "request_datetime") if found else None


class Instances:
    """Every unperturbed statistic of every instance."""

    def __init__(self, path: Path) -> None:
        """Read `per_instance_stats.json` beside `path`. Raises IncompleteResult while it is not there."""
        self.path = path.parent / INSTANCES
        self.values: dict[Key, dict[str, list[float]]] = {}
        self.asked: set[str] = set()
        body = neighbour_of(path, INSTANCES, "has the single instances")
        for i, row in enumerate(list_of(body, self.path, "")):
            self._add(object_of(row, self.path, f"[{i}]"), f"[{i}]")

    def _add(self, row: Json, field: str) -> None:
        if row.get("perturbation") is not None:
            return
        instance = name_of(row.get("instance_id"), self.path, f"{field}.instance_id")
        self.asked.add(instance)
        for j, stat in enumerate(list_of(row.get("stats"), self.path, f"{field}.stats")):
            at = f"{field}.stats[{j}]"
            body = object_of(stat, self.path, at)
            key = Key.of(body.get("name"), self.path, f"{at}.name")
            value = mean_of(body, self.path, at) if key else None
            if key is not None and value is not None:
                self.values.setdefault(key, {}).setdefault(instance, []).append(value)

    def of(self, key: Key) -> dict[str, float]:
        """The value of each instance, averaged over train trials."""
        return {instance: sum(trials) / len(trials) for instance, trials in self.values.get(key, {}).items()}

    def mean(self, key: Key) -> samples.Estimate | None:
        """Mean over instances with its standard error; None where no instance has the statistic."""
        values = list(self.of(key).values())
        return samples.mean(values) if values else None

    def ratio(self, key: Key, total: str, size: str) -> samples.Estimate | None:
        """Ratio of two statistics summed over the instances of `key`'s split; None where either is not there."""
        totals, sizes = (self.of(key._replace(name=name)) for name in (total, size))
        if not totals or totals.keys() != sizes.keys() or min(sizes.values()) < 0 or sum(sizes.values()) < 1:
            return None
        return samples.ratio([totals[instance] for instance in totals], [sizes[instance] for instance in totals])

    def whole(self, key: Key) -> set[str]:
        """Instances of the split of `key`."""
        return {
            instance
            for other, values in self.values.items()
            if (other.split, other.sub_split) == (key.split, key.sub_split)
            for instance in values
        }
