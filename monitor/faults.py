"""Faults of the measurement told apart: other conditions, other or repeated documents, hints of contamination."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from checkpoints_db import Seen, Store
from checkpoints_db.items import Items, lot_of, of_number
from checkpoints_db.records import Checkpoint, Fault, FaultName, Series
from monitor.items import ItemLadder
from monitor.science.contamination import LEVEL, Hint, jumps, order_effect, unlikely_rise

TOLD = 20
"""Documents that a fault names."""
Marks = npt.NDArray[np.bool_]


def faults_of(checkpoint: Checkpoint, ladder: ItemLadder, tasks: int = 1) -> tuple[Fault, ...]:
    """What the items of one task say about how it was measured. `tasks`: how many of the checkpoint are asked."""
    if not ladder.rungs:
        return tuple(_repeated(checkpoint, ladder))
    found = [*_documents(checkpoint, ladder), *_repeated(checkpoint, ladder)]
    return (*found, *_hints(checkpoint, ladder, LEVEL / max(tasks, 1)))


def changed_conditions(
    store: Store, checkpoint: Checkpoint, here: Sequence[Seen], ladder: Mapping[str, Series]
) -> Iterator[Fault]:
    """One fault for each task that the ladder was evaluated on under other terms only, naming those that differ."""
    have = {seen.result.series for seen in here if seen.counts}
    mine = {(seen.result.task, seen.result.metric.name): seen.result for seen in here if seen.counts}
    agreed = {(s.task, s.metric.name) for name, s in ladder.items() if s.points and name in have}
    told: set[str] = set()
    for series in (s for name, s in ladder.items() if s.points and name not in have):
        asked = series.task, series.metric.name
        result = mine.get(asked)
        if result is None or asked in agreed or series.task in told:
            continue
        other = store.evidence.kept(series.points[-1].result)
        if other is None:
            continue
        told.add(series.task)
        yield _fault(
            checkpoint,
            series.task,
            "changed_conditions",
            f"{series.task} was evaluated otherwise than on {len(series.points)} smaller rungs: "
            f"{_differences(other.result.terms, result.terms)}",
            numbers={"rungs": float(len(series.points))},
        )


def _differences(then: Mapping[str, object], now: Mapping[str, object]) -> str:
    apart = [
        f"{key} was {_short(then.get(key))}, is {_short(now.get(key))}"
        for key in sorted({*then, *now})
        if then.get(key) != now.get(key)
    ]
    return "; ".join(apart[:5]) or "the logs do not say in which term"


def _short(term: object) -> str:
    text = "not stated" if term is None else str(term)
    return text if len(text) <= 24 else f"{text[:12]}…"


def _documents(checkpoint: Checkpoint, ladder: ItemLadder) -> Iterator[Fault]:
    """Documents that are new or gone against the largest rung; the harness's own order tells their numbers."""
    name, last = ladder.rungs[-1]
    own = ladder.own
    if of_number(own.document).any() != of_number(last.document).any():
        return  # one log has hashes and the other has not: nobody can tell
    inside, before = _shared_draw(own, last)
    new, lost = inside & ~_among(own, last), before & ~_among(last, own)
    if not new.any() and not lost.any():
        return
    common = int((inside & ~new).sum())
    whole = common + int(new.sum()) + int(lost.sum())
    words = f"{ladder.task} asked {int(new.sum())} documents that {name} was not asked and left out {int(lost.sum())}"
    shown = [f"new {i}" for i in own.doc_id[new]][: TOLD // 2] + [f"gone {i}" for i in last.doc_id[lost]][: TOLD // 2]
    yield _fault(
        checkpoint,
        ladder.task,
        "changed_documents",
        f"{words}; {common / whole:.1%} are in common; evaluate both on one set of documents",
        documents=shown,
        numbers={"common": common / whole, "new": float(new.sum()), "gone": float(lost.sum())},
    )


def _shared_draw(one: Items, other: Items) -> tuple[Marks, Marks]:
    """Which documents of two samples both draws could hold: those of lots below both ends; all of whole sets."""
    ends = [lot_of(each.document).max() for each in (one, other) if each.sampled]
    most = min(ends) if ends else np.uint64(2**64 - 1)
    return lot_of(one.document) <= most, lot_of(other.document) <= most


def _among(items: Items, others: Items) -> Marks:
    found: Marks = np.isin(items.document, others.document) | np.isin(items.text, others.text)
    return found


def _repeated(checkpoint: Checkpoint, ladder: ItemLadder) -> Iterator[Fault]:
    again = _again(ladder.own)
    if not again.any():
        return
    before = max((int(_again(items).sum()) for _, items in ladder.rungs), default=0)
    count = int(again.sum())
    grew = bool(ladder.rungs) and count > before
    yield _fault(
        checkpoint,
        ladder.task,
        "repeated_documents",
        f"{ladder.task} asked {count} of {len(ladder.own)} questions more than once (the ladder {before}): "
        "its standard error is too small",
        stance="hint" if grew else "note",
        documents=[str(i) for i in ladder.own.doc_id[again]],
        numbers={"repeated": float(count), "ladder": float(before)},
    )


def _again(items: Items) -> Marks:
    """Documents that were there before, by identity or by text."""
    found = np.zeros(len(items), dtype=bool)
    for column in (items.document, items.text):
        _, first = np.unique(column, return_index=True)
        repeated = np.ones(len(items), dtype=bool)
        repeated[first] = False
        found |= repeated
    return found


def _hints(checkpoint: Checkpoint, ladder: ItemLadder, level: float) -> Iterator[Fault]:
    own, below = ladder.common()
    rungs = [items for _, items in ladder.rungs]
    numbers, now, last = ladder.own.doc_id[own], ladder.own, rungs[-1]
    nats = [*(items.ll[place] for items, place in zip(rungs, below, strict=True)), now.ll[own]]
    nats = [each for each in nats if not np.isnan(each).any()]
    if not own.size or np.isnan(now.ll[own]).any() or len(nats) < 2:
        return
    matrix = np.array(nats, dtype=float)
    jumped = jumps(matrix, level)
    if jumped.found:
        words = (
            f"{len(jumped.items)} of {own.size} items became far likelier, at most {jumped.numbers['usual']:g} before"
        )
        yield _hint(
            checkpoint, ladder, "likelihood_jumps", f"{words}: were they in the training data?", jumped, numbers
        )
    moved = order_effect(matrix, numbers, level)
    if moved.found:
        rho = moved.numbers["correlation"]
        words = f"likelihoods moved with the order of the file (rank correlation {rho:.2g}): was the file trained on?"
        yield _hint(checkpoint, ladder, "order_effect", words, moved, numbers)
    marks = last.right[below[-1]], now.right[own]
    if np.isnan(last.ll[below[-1]]).any() or any((each < 0).any() for each in marks):
        return
    rise = unlikely_rise(matrix[-2], marks[0] == 1, marks[1] == 1, level)
    if rise.found:
        words = (
            f"{len(rise.items)} items became right, the unlikelier ones of {ladder.rungs[-1][0]} "
            f"(median {rise.numbers['median_risen']:.3g} nats, of those still wrong {rise.numbers['median_wrong']:.3g})"
        )
        yield _hint(checkpoint, ladder, "unlikely_rise", words, rise, numbers)


def _hint(
    checkpoint: Checkpoint, ladder: ItemLadder, name: FaultName, words: str, hint: Hint, numbers: npt.NDArray[np.int64]
) -> Fault:
    return _fault(
        checkpoint,
        ladder.task,
        name,
        f"{ladder.task}: {words} By chance at most {LEVEL:.0%} of checkpoints",
        stance="hint",
        documents=[str(i) for i in numbers[hint.items[:TOLD]]],
        numbers={**hint.numbers, "tail": hint.chance},
        by_chance=LEVEL,
    )


def _fault(
    checkpoint: Checkpoint,
    task: str,
    name: FaultName,
    sentence: str,
    *,
    stance: str = "incomparable",
    documents: Sequence[str] = (),
    numbers: Mapping[str, float] | None = None,
    by_chance: float | None = None,
) -> Fault:
    shown = tuple(documents[:TOLD])
    which = f"; documents {', '.join(shown[:5])}{' …' if len(documents) > 5 else ''}" if shown else ""
    return Fault.model_validate(
        {
            "family": checkpoint.family,
            "run": checkpoint.run,
            "checkpoint": checkpoint.id,
            "task": task,
            "name": name,
            "stance": stance,
            "sentence": f"{checkpoint.id}: {sentence}{which}",
            "documents": shown,
            "numbers": dict(numbers or {}),
            "by_chance": by_chance,
        }
    )
