"""The samples of an Inspect log: what each scorer gave each of them, and what follows over epochs.

A sample is asked in one or more epochs. Epochs of one sample are not independent, so every estimate here takes one
number per sample: n counts samples, never samples times epochs. NaN means unscored (refused, unparsable): such a
score is left out and counted.
"""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checkpoints_db.errors import UnreadableFile
from checkpoints_db.items import identity_of
from checkpoints_db.readers.strict import count_of, number_of, object_of
from checkpoints_db.records import canonical

Json = dict[str, Any]
_MOST_TOKENS = 10**12
_LETTERS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
_WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
LARGEST = 1e150
"""Larger numbers are no scores, and their squares no numbers."""
_COUNTED = re.compile(r"(pass_at|at_least)_(\d{1,6})", re.ASCII)


@dataclass(frozen=True)
class Sample:
    """One sample in one epoch, as far as it matters here: prompts and answers are not kept."""

    id: str
    """Canonical JSON of the id: 1 and "1" are two samples."""
    identity: int
    """64 bits of a hash of id and target."""
    epoch: int
    scores: dict[str, Json]
    metadata: Json
    failed: bool


def sample_of(body: Any, path: Path, where: str) -> Sample:
    """A sample or its summary. Raises UnreadableFile naming `where`."""
    body = object_of(body, path, where)
    key = body.get("id")
    if isinstance(key, bool) or not isinstance(key, int | str):
        raise UnreadableFile(str(path), f"{where}.id", "neither a number nor text")
    scores = object_of(body.get("scores") or {}, path, f"{where}.scores")
    for name, score in scores.items():
        if not isinstance(score, dict):  # the place is only spelled out where it is told
            object_of(score, path, f"{where}.scores.{name}")
    metadata = body.get("metadata")
    return Sample(
        id=canonical(key),
        identity=identity_of(key, body.get("target")),
        epoch=count_of(body.get("epoch", 1), path, f"{where}.epoch", least=1),
        scores={name: _thin(score) for name, score in scores.items()},
        metadata=metadata if isinstance(metadata, dict) else {},
        failed=body.get("error") is not None,
    )


def _thin(score: Json) -> Json:
    return {"value": score.get("value"), "metadata": score.get("metadata")}


def once(samples: list[Sample], path: Path) -> tuple[Sample, ...]:
    """The samples, when none occurs twice in one epoch. Raises UnreadableFile."""
    seen: set[tuple[str, int]] = set()
    for sample in samples:
        key = (sample.id, sample.epoch)
        if key in seen:
            raise UnreadableFile(str(path), f"sample {sample.id[:60]}", f"epoch {sample.epoch} occurs twice; keep one")
        seen.add(key)
    return tuple(samples)


@dataclass
class Scored:
    """What one scorer gave: the numbers of each sample over its epochs, and what could not be used."""

    values: dict[str, list[float]] = field(default_factory=dict)
    unscored: int = 0
    unclear: int = 0
    """Values that are no number and no grade; nothing is derived where there is one."""

    @property
    def asked(self) -> int:
        """Scores in all, over samples and epochs."""
        return sum(map(len, self.values.values())) + self.unscored + self.unclear


def scored(samples: tuple[Sample, ...], name: str, scorer: str, keep: Callable[[Sample], bool]) -> Scored:
    """The scores called `name` that `scorer` gave to the samples that `keep` keeps."""
    found = Scored()
    for sample in samples:
        if not keep(sample):
            continue
        value = value_in(sample.scores, name, scorer)
        if value is None:
            continue
        number = number_from(value)
        if number is None or LARGEST < abs(number) < math.inf:
            found.unclear += 1
        elif not math.isfinite(number):
            found.unscored += 1
        else:
            found.values.setdefault(sample.id, []).append(number)
    return found


def value_in(scores: dict[str, Json], name: str, scorer: str) -> Any:
    """What `scorer` gave under `name`; None where it gave nothing."""
    whole = scores.get(scorer, {}).get("value")
    if isinstance(whole, dict) and name in whole:
        return whole[name]
    return scores.get(name, {}).get("value")


def number_from(value: Any) -> float | None:
    """A score as a number, as the harness reads it; None where it is neither number nor grade.

    >>> [number_from(value) for value in ("C", "I", "P", True, "no", "0.25", 3, "B+")]
    [1.0, 0.0, 0.5, 1.0, 0.0, 0.25, 3.0, None]
    """
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return None
    if not isinstance(value, str):
        return None
    if value in _LETTERS:
        return _LETTERS[value]
    try:
        return _WORDS[value.lower()] if value.lower() in _WORDS else float(value)
    except ValueError:
        return None


def pass_at(k: int, values: list[float]) -> float:
    """Unbiased pass@k of one sample: 1 - C(n - c, k) / C(n, k) with c of n epochs right (Chen et al. 2021).

    As a product, which neither overflows nor cancels.

    >>> round(pass_at(2, [1.0, 0.0, 0.0, 0.0]), 6), pass_at(2, [1.0, 1.0, 1.0, 0.0])
    (0.5, 1.0)
    """
    n, wrong = len(values), sum(value < 1 for value in values)
    return 1.0 if wrong < k else 1.0 - math.prod(1.0 - k / i for i in range(wrong + 1, n + 1))


def reducer_of(name: str) -> Callable[[list[float]], float] | None:
    """How a reducer of the harness makes one number of several epochs; None for one we do not know.

    >>> at_least, mode = reducer_of("at_least_2"), reducer_of("mode")
    >>> at_least([1.0, 0.0, 1.0]), mode([0.0, 1.0, 0.0])
    (1.0, 0.0)
    """
    plain: dict[str, Callable[[list[float]], float]] = {
        "mean": lambda values: math.fsum(values) / len(values),
        "median": statistics.median,
        "max": max,
        "mode": lambda values: Counter(values).most_common(1)[0][0],
    }
    counted = _COUNTED.fullmatch(name)
    if counted is None:
        return plain.get(name)
    k = int(counted[2])
    if counted[1] == "pass_at":
        return lambda values: pass_at(k, values) if len(values) >= k else 1.0
    return lambda values: float(sum(value >= 1 for value in values) >= k)


@dataclass
class Likelihoods:
    """Log-likelihood of the target of each sample in nats and its tokens, each the mean over epochs."""

    sums: list[float]
    tokens: list[float]


def likelihoods(samples: tuple[Sample, ...], scorer: str, path: Path) -> Likelihoods | None:
    """What a scorer logged of the target's likelihood; None where one of its scores lacks it.

    To leave out only some samples would flatter the model; unscored ones (NaN) and empty targets are left out.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for sample in samples:
        score = sample.scores.get(scorer)
        if score is None or (isinstance(score["value"], float) and not math.isfinite(score["value"])):
            continue
        pair = likelihood_of(score["metadata"], path, f"sample {sample.id[:60]}, {scorer}")
        if pair is None:
            return None
        if pair[1]:
            found.setdefault(sample.id, []).append(pair)
    if not found:
        return None
    means = [[math.fsum(each) / len(each) for each in zip(*pairs, strict=True)] for pairs in found.values()]
    return Likelihoods([each[0] for each in means], [each[1] for each in means])


def likelihood_of(metadata: Any, path: Path, where: str) -> tuple[float, float] | None:
    """Log-likelihood of a target and its tokens; None where there is none. Raises UnreadableFile."""
    if not isinstance(metadata, dict) or not {"num_tokens", "sum_log_probs"} <= set(metadata):
        return None
    total = number_of(metadata["sum_log_probs"], path, f"{where}.sum_log_probs")
    tokens = count_of(metadata["num_tokens"], path, f"{where}.num_tokens", least=0)
    if not -LARGEST < total <= 0:
        raise UnreadableFile(str(path), f"{where}.sum_log_probs", f"{total:g} is no log-probability")
    if tokens > _MOST_TOKENS:
        raise UnreadableFile(str(path), f"{where}.num_tokens", f"{tokens:.3g} tokens are no target")
    return total, float(tokens)
