"""The items of an Inspect log: what each scorer gave each sample, one entry a sample, its first scored epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator

from checkpoints_db.items import UNKNOWN, ItemLog, Items
from checkpoints_db.readers.inspect_container import Container
from checkpoints_db.readers.inspect_samples import Json, Sample, likelihood_of, number_from, value_in


def items_of(log: Container, scores: list[Json]) -> Iterator[ItemLog]:
    """The items under each condition the log has scores under; where several share one, the scorer with likelihoods.

    Raises UnreadableFile for a likelihood that is none.
    """
    found: dict[str, Items] = {}
    for name, scorer, conditions in _places(log, scores):
        items = _of_scorer(log, name, scorer)
        known = found.get(conditions)
        if items is not None and (known is None or _likelihoods(items) > _likelihoods(known)):
            found[conditions] = items
    for conditions, items in found.items():
        yield ItemLog(task=log.header.task, conditions=conditions, data=items.packed())


def _places(log: Container, scores: list[Json]) -> Iterator[tuple[str, str, str]]:
    for score in scores:
        yield score["name"], score["scorer"], log.header.conditions(score)


def _of_scorer(log: Container, name: str, scorer: str) -> Items | None:
    firsts: dict[str, Sample] = {}
    for sample in sorted(log.samples, key=lambda each: each.epoch):
        value = value_in(sample.scores, name, scorer)
        if value is not None and sample.id not in firsts:
            firsts[sample.id] = sample
    if not firsts:
        return None
    mine, place = list(firsts.values()), {key: i for i, key in enumerate(dict.fromkeys(s.id for s in log.samples))}
    pairs = [_pair(log, sample, scorer) for sample in mine]
    return Items.of(
        document=[sample.identity | 1 for sample in mine],
        doc_id=[_number(sample.id, place[sample.id]) for sample in mine],
        right=[_right(value_in(sample.scores, name, scorer)) for sample in mine],
        ll=[pair[0] for pair in pairs],
        length=[pair[1] for pair in pairs],
    )


def _number(key: str, place: int) -> int:
    whole = key.removeprefix("-")
    return int(key) if whole.isascii() and whole.isdigit() and len(whole) < 18 else place


def _right(value: object) -> int:
    number = number_from(value)
    return int(number) if number in (0.0, 1.0) else UNKNOWN


def _pair(log: Container, sample: Sample, scorer: str) -> tuple[float, int]:
    score = sample.scores.get(scorer)
    where = f"sample {sample.id[:60]}, {scorer}"
    pair = None if score is None else likelihood_of(score["metadata"], log.header.path, where)
    return (math.nan, UNKNOWN) if pair is None else (pair[0], min(int(pair[1]), 2**31 - 1))


def _likelihoods(items: Items) -> int:
    return int((items.ll <= 0).sum())
