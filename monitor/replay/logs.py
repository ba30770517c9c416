"""Raw logs that were never ingested, as a history: read, placed, put in order. Nothing is written."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple

from checkpoints_db import File, Seen
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.evidence_rows import became_of, restated
from checkpoints_db.item_table import Logged
from checkpoints_db.items import Items
from checkpoints_db.judgements import Moment
from checkpoints_db.past import History, NoSeals, Past
from checkpoints_db.records import Checkpoint, Result
from monitor.looks import furthest, progress
from monitor.prior import Prior
from monitor.replay.seals import MadeSeals
from monitor.replay.source import Catalogues, Told, in_part
from monitor.watch import Opened, Rules, groups, open_file

Order = Literal["date", "scale"]

FIRST = datetime(2000, 1, 1, tzinfo=UTC)
"""The first day of logs that do not say when they were made."""
APART = timedelta(days=1)
"""Between two checkpoints of such logs."""


class Batch(NamedTuple):
    """What landed at one moment."""

    at: datetime
    opened: Sequence[Opened]


@dataclass
class _Told:
    """What is known of one family."""

    results: list[tuple[int, Seen]] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    logged: list[Logged] = field(default_factory=list)


class KeptItems(NamedTuple):
    """Items of logs in memory, as they were packed."""

    logs: Mapping[tuple[str, str, str], bytes]

    def of(self, sources: Sequence[str], task: str) -> dict[tuple[str, str], Items]:
        """(source, conditions) -> the items of a task."""
        there = {key for key in self.logs if key[0] in sources and key[1] == task}
        return {
            (source, conditions): Items.unpacked(self.logs[source, task, conditions]) for source, _, conditions in there
        }


class LogSource(NamedTuple):
    """The history that a folder of logs tells."""

    folder: str
    catalogue: Catalogue
    prior: Prior
    families: Mapping[str, _Told]
    items: KeptItems
    remarks: tuple[str, ...]
    last: datetime | None

    @property
    def name(self) -> str:
        """The folder."""
        return self.folder

    @property
    def ends(self) -> datetime | None:
        """With the last log."""
        return self.last

    @property
    def notes(self) -> tuple[str, ...]:
        """In what order it was walked, and what could not be read or placed."""
        return self.remarks

    def weights(self) -> dict[str, int]:
        """Every family and how many of its results arrived as news."""
        return {name: sum(not seen.baseline for _, seen in own.results) for name, own in self.families.items()}

    @contextmanager
    def told(self, family: str) -> Iterator[Told]:
        """One family's history."""
        own = self.families[family]
        bare = History(family, own.results, NoSeals())
        seals = MadeSeals(Past(bare), self.catalogue.axis(family), self.prior)
        yield Told(
            replace(bare, seals=seals, logged=own.logged, items=self.items, accepting=True),
            own.moments,
            Catalogues((), self.catalogue),
        )

    def part(self, family: str, part: int, parts: int) -> LogSource:
        """The history of some of a family's questions, and of nothing else: it goes to another process."""

        def wanted(task: str) -> bool:
            return in_part(self.catalogue, task, parts) == part

        own = self.families[family]
        found = _Told(
            [(seq, seen) for seq, seen in own.results if wanted(seen.result.task)],
            own.moments,
            [each for each in own.logged if wanted(each.task)],
        )
        items = KeptItems({key: data for key, data in self.items.logs.items() if wanted(key[1])})
        return self._replace(families={family: found}, items=items)


def read_logs(
    folder: Path,
    rules: Rules,
    *,
    order: Order | None = None,
    since: datetime | None = None,
    tell: Callable[[str, int, int], None] = lambda *_: None,
) -> LogSource:
    """The history that the logs below `folder` tell; what came before `since` is baseline and is not judged.

    `order`: by the dates that logs state, or by scale, one checkpoint a day; by date where every log has one unless
    told. Files that cannot be read or placed are named in the notes.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    opened = []
    for done, path in enumerate(paths, 1):
        opened.append(open_file(rules, _file(path)))
        tell("reading logs", done, len(paths))
    read = [one for one in opened if one.results]
    undated = sum(_date(one) is None for one in read)
    chosen: Order = order or ("scale" if undated else "date")
    landed = _by_date(read) if chosen == "date" else _by_scale(read)
    told = _walked(landed, since)
    return LogSource(
        str(folder),
        rules.catalogue,
        rules.prior,
        told.families,
        KeptItems(told.items),
        tuple(_remarks(opened, chosen, undated, since)),
        landed[-1].at if landed else None,
    )


def _file(path: Path) -> File:
    with path.open("rb") as stream:
        name = hashlib.file_digest(stream, "sha256").hexdigest()
    return File(
        sha256=name,
        path=str(path),
        size=path.stat().st_size,
        status="arrived",
        seen_at=FIRST,
        seen_after=0,
        changed_at=FIRST,
    )


def _date(one: Opened) -> datetime | None:
    """When its last evaluation ran; None where a result does not say."""
    dates = [result.date for result in one.results]
    known = [date for date in dates if date is not None]
    return max(known) if known and len(known) == len(dates) else None


def _by_date(read: Iterable[Opened]) -> list[Batch]:
    """One batch a moment; logs without a date come first, as if they had always been there."""
    landed: dict[datetime, list[Opened]] = {}
    for one in read:
        landed.setdefault(_date(one) or FIRST, []).append(one)
    return [Batch(at, landed[at]) for at in sorted(landed)]


def _by_scale(read: Iterable[Opened]) -> list[Batch]:
    """One batch a checkpoint: smaller models first, each from its first step to its last."""
    landed: dict[tuple[float, str, str, bool, tuple[int, float]], list[Opened]] = {}
    for one in read:
        landed.setdefault(max(_place(result.checkpoint) for result in one.results), []).append(one)
    return [Batch(FIRST + i * APART, landed[place]) for i, place in enumerate(sorted(landed))]


def _place(c: Checkpoint) -> tuple[float, str, str, bool, tuple[int, float]]:
    return c.params or c.flop or c.tokens or 0.0, c.family, c.run, c.step is None, progress(c)


def _walked(landed: Sequence[Batch], since: datetime | None) -> _Telling:
    """Rows as a ledger would number them: the results of each group of logs, then the decisions on their runs."""
    telling = _Telling()
    for batch in landed:
        telling.land(batch, baseline=since is not None and batch.at < since)
    return telling


class _Telling:
    """The history as it is told, row by row."""

    def __init__(self) -> None:
        self.families: dict[str, _Told] = {}
        self.items: dict[tuple[str, str, str], bytes] = {}
        self._counting: dict[str, Result] = {}
        self._known: dict[str, Result] = {}
        self._there: dict[tuple[str, str], list[Checkpoint]] = {}
        self._seq = 0

    def land(self, batch: Batch, *, baseline: bool) -> None:
        """Everything that landed at one moment; no forecast sealed from one of its logs may judge another."""
        before = self._seq
        for group in groups(batch.opened):
            news = [c for one in group for c in self._record(one, batch.at, before, baseline=baseline)]
            self._decide([] if baseline else news, batch.at)

    def _record(self, one: Opened, at: datetime, before: int, *, baseline: bool) -> Iterator[Checkpoint]:
        """Keep the results and items of one log; gives the checkpoints that have news."""
        for result in one.results:
            if (known := self._known.get(result.identity)) is not None:
                other = restated(known, result)
                if other is None or other.identity in self._known:
                    continue
                result = other  # noqa: PLW2901 - the numbers are known, and the place is another one
            self._known[result.identity] = result
            became = "conflicting" if known else became_of(self._counting.get(result.key), result)
            c = result.checkpoint
            if became == "new":
                self._counting[result.key] = result
            self._seq += 1
            seen = Seen(result=result, baseline=baseline, counts=became == "new", seen_at=at, seen_after=before)
            self.families.setdefault(c.family, _Told()).results.append((self._seq, seen))
            if became != "aside":
                yield c
        for log in one.items:
            self._seq += 1
            self.items[one.file.sha256, log.task, log.conditions] = log.data
            told = Logged(seq=self._seq, source=one.file.sha256, task=log.task, conditions=log.conditions)
            for family in {result.checkpoint.family for result in one.results}:
                self.families.setdefault(family, _Told()).logged.append(told)

    def _decide(self, news: Iterable[Checkpoint], at: datetime) -> None:
        """As the watch does: earlier checkpoints of a run first, and its gate speaks of the newest."""
        touched: dict[tuple[str, str], dict[str, Checkpoint]] = {}
        for c in news:
            touched.setdefault((c.family, c.run), {})[c.id] = c
        for (family, run), own in sorted(touched.items()):
            there = self._there.setdefault((family, run), [])
            there += own.values()
            newest = furthest(there)
            earlier = [c for c in sorted(own.values(), key=progress) if c.id != newest.id]
            for c in (*earlier, newest):
                self._seq += 1
                self.families[family].moments.append(Moment(self._seq, at, family, run, c.id, "", ""))


def _remarks(opened: Sequence[Opened], order: Order, undated: int, since: datetime | None) -> Iterator[str]:
    if order == "date":
        aside = f"; {undated} have none and come first" if undated else ""
        yield f"walked in the order of the dates that logs state{aside}"
    else:
        why = f", as {undated} do not say when they were made" if undated else ""
        yield f"walked in order of scale, one checkpoint a day from {FIRST:%Y-%m-%d}{why}"
    if since is not None:
        yield f"what came before {since:%Y-%m-%d %H:%M} is baseline: it trains forecasts and is not judged"
    refused = [one.refused for one in opened if one.refused]
    if refused:
        yield f"{len(refused)} of {len(opened)} files could not be read; the first: {refused[0]}"
    homeless = Counter(reading.model for one in opened for reading, _ in one.unplaced)
    if homeless:
        first = next(reason for one in opened for _, reason in one.unplaced)
        yield f"{homeless.total()} readings of {len(homeless)} models have no place; the first: {first}"
