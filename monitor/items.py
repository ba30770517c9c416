"""The items of a checkpoint beside those of its ladder, document by document, from the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from checkpoints_db import Seen, Store
from checkpoints_db.items import Items
from checkpoints_db.records import Record, Series, Verdict
from monitor.science.link import ShareLaw, banded
from monitor.science.link_items import Tally, predicted, tally

RUNGS = 12
"""Rungs whose items are looked at, the largest ones: what is in memory at a time is bounded."""

RUNGS_NEEDED = 3
"""Rungs from which items tell what a checkpoint's score should be: fewer do not show how much rungs differ. Of 94
checkpoints of small transformers two lay outside a 98 % band, both with one rung below them."""
WIDEST = 0.5
"""Share of the range that a band may cover."""
MARKED = frozenset({"acc", "accuracy", "exact_match", "em", "pass@1"})
"""Metrics that count an item as right just where its own mark does."""

Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class ItemLadder:
    """The items of one task: of the checkpoint, and of smaller rungs under the same conditions."""

    task: str
    own: Items
    rungs: tuple[tuple[str, Items], ...]
    """Checkpoint and items, in order of scale."""

    def common(self) -> tuple[Places, tuple[Places, ...]]:
        """Where the documents lie that everybody was asked: in the checkpoint's items, and in each rung's.

        In the order of the checkpoint's own; of a document that was asked twice the first.
        """
        firsts = [np.unique(items.document, return_index=True) for items in (self.own, *(i for _, i in self.rungs))]
        shared = firsts[0][0]
        for documents, _ in firsts[1:]:
            shared = shared[np.isin(shared, documents, assume_unique=True)]
        places = [index[np.searchsorted(documents, shared)] for documents, index in firsts]
        order = np.argsort(places[0], kind="stable")
        return places[0][order], tuple(each[order] for each in places[1:])


@dataclass(frozen=True)
class ItemTallies:
    """An ItemLadder counted by likelihood: all that a link needs of it."""

    own: Tally
    rungs: tuple[tuple[str, Tally], ...]


class Moved(Record):
    """One document of a task, as it was answered by the largest smaller rung and now."""

    document: int
    before: float | None
    """Log-likelihood of the answer in nats; None where none is known."""
    now: float | None
    moved: float | None
    was: Literal["right", "wrong"] | None
    right: Literal["right", "wrong"] | None


class Past(dict[str, Series]):
    """The smaller rungs by id of series, with what was counted of the items of each task."""

    def __init__(self, ladder: Mapping[str, Series], tallies: Mapping[str, ItemTallies]) -> None:
        super().__init__(ladder)
        self.tallies = tallies


def moved(ladder: ItemLadder, top: int) -> list[Moved]:
    """The documents both were asked, those first that moved most: in likelihood, else in right and wrong."""
    own = ladder.own
    if not ladder.rungs:
        return [_moved(own, i, None, 0) for i in range(min(top, len(own)))]
    before = ladder.rungs[-1][1]
    mine, (below,) = ItemLadder(ladder.task, own, ladder.rungs[-1:]).common()
    steps = np.abs(own.ll[mine] - before.ll[below])
    marks = np.abs(own.right[mine].astype(float) - before.right[below])
    order = np.argsort(-np.where(np.isnan(steps), marks, steps), kind="stable")[:top]
    return [_moved(own, int(mine[i]), before, int(below[i])) for i in order]


def _moved(own: Items, place: int, before: Items | None, below: int) -> Moved:
    now = _known(own.ll[place])
    was = None if before is None else _known(before.ll[below])
    return Moved(
        document=int(own.doc_id[place]),
        before=was,
        now=now,
        moved=None if now is None or was is None else now - was,
        was=None if before is None else _word(int(before.right[below])),
        right=_word(int(own.right[place])),
    )


def _known(nats: float) -> float | None:
    return None if np.isnan(nats) else float(nats)


def _word(mark: int) -> Literal["right", "wrong"] | None:
    return "right" if mark == 1 else "wrong" if mark == 0 else None


def linked_by_items(c: Verdict, t: Verdict, history: Mapping[str, Series]) -> ShareLaw | None:
    """What the items under the continuous `c` say the thresholded `t` should be; None where they cannot say.

    The share of right answers, in 0..1 of the range of `t`. They can where RUNGS_NEEDED smaller rungs have items and a
    value of `t`, and where the band leaves half of the range: one that covers more explains anything.
    """
    tallies = history.tallies if isinstance(history, Past) else {}
    link, series = tallies.get(c.task) or tallies.get(t.task), history.get(t.series)
    lower, upper = t.metric.lower, t.metric.upper
    if link is None or series is None or lower is None or upper is None:
        return None
    if t.metric.name.partition(",")[0] not in MARKED:
        return None
    values = {point.checkpoint: (point.value - lower) / (upper - lower) for point in series.points}
    rungs = [(each, values[name]) for name, each in link.rungs if name in values]
    if len(rungs) < RUNGS_NEEDED or not link.own.n.all():
        return None
    found = predicted([each for each, _ in rungs], link.own, np.array([[value] for _, value in rungs]))
    share, low, high = (float(each[0]) for each in found)
    return None if high - low > WIDEST else banded(share, low, high, float(link.own.n[0]))


def item_ladders(store: Store, here: Sequence[Seen], ladder: Mapping[str, Series]) -> Iterator[ItemLadder]:
    """For each task of a checkpoint whose log was kept item by item, its items and those of the rungs below.

    `here`: the results of the checkpoint; `ladder`: series by id, of smaller rungs only. One task at a time.
    """
    own = {(s.result.source, s.result.task): s.result for s in here if s.counts and not s.result.remarks}
    kept = store.items.places(sorted({source for source, _ in own}))
    below = _below(store, {task for _, task, _ in kept}, ladder)
    seen: set[str] = set()
    for source, task, conditions in sorted(kept):
        if (source, task) not in own or task in seen:
            continue
        seen.add(task)
        rungs = below.get((task, conditions), [])
        found = store.items.of(list(dict.fromkeys([source, *(origin for _, origin in rungs)])), task)
        items = ((name, found.get((origin, conditions))) for name, origin in rungs)
        unique = {name: each for name, each in items if each is not None}
        yield ItemLadder(task, found[(source, conditions)], tuple(unique.items())[-RUNGS:])


def _below(store: Store, tasks: set[str], ladder: Mapping[str, Series]) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """(task, conditions) -> checkpoint and file of every result of the rungs below, in order of scale."""
    mine = [series for series in ladder.values() if series.task in tasks]
    points = {(s.task, s.conditions): dict[str, tuple[float, set[str]]]() for s in mine}
    for series in mine:
        for point in series.points:
            known = points[series.task, series.conditions].setdefault(point.checkpoint, (point.x, set()))
            known[1].add(point.result)
    identities = sorted({one for rungs in points.values() for _, results in rungs.values() for one in results})
    origins = store.evidence.sources(identities)
    return {
        key: [
            (checkpoint, origin)
            for checkpoint, (_, results) in sorted(rungs.items(), key=lambda rung: (rung[1][0], rung[0]))
            for origin in sorted({origins[one] for one in results if one in origins})
        ]
        for key, rungs in points.items()
    }


def tallied(ladder: ItemLadder) -> ItemTallies | None:
    """The ladder counted by likelihood; None where a likelihood, or right and wrong, is not known of the items."""
    counted = [(name, _counted(items)) for name, items in (("", ladder.own), *ladder.rungs)]
    own = counted[0][1]
    rungs = tuple((name, each) for name, each in counted[1:] if each is not None)
    return None if own is None or not rungs else ItemTallies(own, rungs)


def _counted(items: Items) -> Tally | None:
    shared = not np.isnan([items.log_share, items.margin]).all()  # a choice, and no answer of its own
    nats = items.log_share if shared else items.ll
    if not len(items) or np.isnan(nats).any() or (items.right < 0).any():
        return None
    # A choice is made against its rivals: how long it is has no part in it.
    lengths = np.full(len(items), -1) if shared else items.length
    return tally(nats[None], lengths[None], items.right[None])
