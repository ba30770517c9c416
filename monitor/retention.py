"""What may be forgotten: the questions of old per-sample logs, where nothing that is decided rests on them any more.

Results, forecasts, verdicts, decisions and the whole ledger stay. Items are forgotten where all of this holds:

- every result of their log is older than the settings say (`retention.items`);
- their checkpoint is not the newest one of its run, and no alert of the family is open;
- while the family goes on, they are not among the items that a larger checkpoint to come is compared with;
- the evidence of every gate of the family is the same without them, byte for byte.

The last one is asked of the very functions that decide. So no gate says anything else because of what was forgotten,
and every release stays bound to the evidence that was seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from pydantic import Field

from checkpoints_db import Seen, Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.records import Checkpoint, Record
from checkpoints_db.records.duration import spell_duration
from monitor import adoption, gate
from monitor.items import RUNGS
from monitor.looks import progress
from policies.schema import Policy

Evidence = dict[str, tuple[str, ...]]
"""Run -> evidence digests of its case under each policy that decides."""


class Forgetting(Record):
    """What became of the old items of one family."""

    family: str
    names: tuple[str, ...] = ()
    """Ids of items that may go."""
    size: int = 0
    """Bytes of them."""
    kept: dict[str, int] = Field(default_factory=dict)
    """Why others stay: how many logs."""


def forgettable(
    store: Store, catalogue: Catalogue, policy: Policy, family: str, age: timedelta, at: datetime
) -> Forgetting:
    """Which items of a family may be forgotten now, and why others may not. Reads only."""
    items = store.items.sizes(store.evidence.logs(family))
    if not items:
        return Forgetting(family=family)
    results = store.evidence.results(family=family)
    stays = _reasons(store, catalogue, family, results, {(source, task) for source, task, _ in items.values()}, age, at)
    kept = Counter(stays[source, task] for source, task, _ in items.values() if (source, task) in stays)
    names = [name for name, (source, task, _) in items.items() if (source, task) not in stays]
    if names:
        with store.items.watched() as read:
            was = evidence(store, catalogue, policy, family, at)
        for chosen in (names, [name for name in names if name not in read], []):
            with store.items.hidden(chosen):
                if not chosen or evidence(store, catalogue, policy, family, at) == was:
                    break
        if len(chosen) < len(names):
            kept["a gate rests on them"] += len(names) - len(chosen)
        names = chosen
    return Forgetting(
        family=family, names=tuple(sorted(names)), size=sum(items[name][2] for name in names), kept=dict(kept)
    )


def evidence(store: Store, catalogue: Catalogue, policy: Policy, family: str, at: datetime) -> Evidence:
    """What every gate of a family rests on now. Reads only."""
    force = adoption.force(store, policy, at)
    return {
        state.run: tuple(one.case.evidence for one in gate.rulings(store, catalogue, force, state.family, state.run))
        for state in store.actions.gates()
        if state.family == family
    }


def forget(
    store: Store,
    catalogue: Catalogue,
    policy: Policy,
    age: timedelta,
    at: datetime,
    each: Callable[[list[str]], Iterable[str]] = iter,
) -> list[Forgetting]:
    """Forget what may be forgotten, family by family; returns what became of each that has items old enough.

    Where anything was written while a family was looked at, it is left for the next time. `each` goes through the
    families, and may tell how far it is.
    """
    done = []
    for family in each(list(dict.fromkeys(family for family, _ in store.evidence.runs()))):
        head = store.ledger.head
        found = forgettable(store, catalogue, policy, family, age, at)
        if found.names:
            with store.transaction():
                if store.ledger.head != head:
                    continue
                store.items.forget(found.names, f"retention.items = {spell_duration(age)}", at)
        if found.names or found.kept:
            done.append(found)
    return done


def _reasons(
    store: Store,
    catalogue: Catalogue,
    family: str,
    results: Sequence[Seen],
    logs: set[tuple[str, str]],
    age: timedelta,
    at: datetime,
) -> dict[tuple[str, str], str]:
    """(source, task) of logs that must stay -> why."""
    alert = bool(store.actions.alerts(family, still_open=True))
    newest: dict[str, Checkpoint] = {}
    for seen in results:
        place = seen.result.checkpoint
        newest[place.run] = max(newest.get(place.run, place), place, key=progress)
    alive = any(at - seen.seen_at < age for seen in results)
    compared = _compared(store, catalogue, family, results, logs) if alive else set()
    here = {(seen.result.source, seen.result.task) for seen in results}
    stays = dict.fromkeys(logs - here, "no result refers to them")
    for seen in results:
        log, place = (seen.result.source, seen.result.task), seen.result.checkpoint
        if at - seen.seen_at < age:
            stays[log] = "they are not old enough"
        elif alert:
            stays.setdefault(log, "an alert of the family is open")
        elif place.id == newest[place.run].id:
            stays.setdefault(log, "their checkpoint is the newest of its run")
        elif log in compared:
            stays.setdefault(log, "a larger checkpoint would be compared with them")
    return stays


def _compared(
    store: Store, catalogue: Catalogue, family: str, results: Sequence[Seen], logs: set[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Logs whose items a checkpoint larger than all would be compared with, whichever run it is of."""
    sources = {seen.result.identity: seen.result.source for seen in results}
    found = set()
    for name in store.evidence.series_ids(family):
        series = store.evidence.series(name, catalogue.axis(family))
        rungs: dict[str, tuple[float, str, set[tuple[str, str]]]] = {}
        for point in series.points:
            log = (sources.get(point.result, ""), series.task)
            if log in logs:
                rungs.setdefault(point.checkpoint, (point.x, point.run, set()))[2].add(log)
        found |= set().union(*_largest(list(rungs.values())))
    return found


def _largest(rungs: Iterable[tuple[float, str, set[tuple[str, str]]]]) -> list[set[tuple[str, str]]]:
    """The logs of the RUNGS largest rungs; of the next ones too, for a run whose own rungs do not count."""
    kept, larger = [], Counter[str]()
    for _, run, logs in sorted(rungs, key=lambda rung: -rung[0]):
        most = max((count for other, count in larger.items() if other != run), default=0)
        if larger.total() - most < RUNGS:
            kept.append(logs)
        larger[run] += 1
    return kept
