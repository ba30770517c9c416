"""What had been observed, and the series as they grew."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime

from checkpoints_db.evidence import Evidence
from checkpoints_db.evidence_rows import Seen
from checkpoints_db.ledger import Ledger
from checkpoints_db.past.history import History, Horizon
from checkpoints_db.records import Axis, Point, Result, Series
from checkpoints_db.series import assembled, point_of
from checkpoints_db.tables import Tables

Move = Callable[[int, Result], Result]
"""A row of the ledger and the result that arrived as it -> how that result would have come out."""


@dataclass(eq=False)
class _Arrived:
    seq: int
    seen: Seen
    aside_from: int | None = None
    """Row of the whole result that took its place."""
    points: dict[str, Point | None] = field(default_factory=dict)

    def at(self, seq: int) -> Seen:
        """As it was at row `seq`."""
        if self.aside_from is None or seq < self.aside_from or not self.seen.counts:
            return self.seen
        return self.seen.model_copy(update={"counts": False})

    def moved(self, move: Move) -> _Arrived:
        """With the result as `move` has it."""
        result = move(self.seq, self.seen.result)
        if result is self.seen.result:
            return self
        return _Arrived(self.seq, self.seen.model_copy(update={"result": result}), self.aside_from)


class _Rows:
    """Arrivals in order, cut where the present is."""

    def __init__(self) -> None:
        self.every: list[_Arrived] = []
        self._seqs: list[int] = []

    def add(self, arrived: _Arrived) -> None:
        self.every.append(arrived)
        self._seqs.append(arrived.seq)

    def up_to(self, seq: int) -> list[_Arrived]:
        return self.every[: bisect_right(self._seqs, seq)]


class _Growing(_Rows):
    """The arrivals of one series, and the series they make."""

    def __init__(self) -> None:
        super().__init__()
        self._changes: list[int] = []
        self._made: tuple[tuple[int, Axis | None], Series] | None = None

    def settle(self) -> None:
        """Know when it changed: arrivals, and results that were set aside."""
        self._changes = sorted([a.seq for a in self.every] + [a.aside_from for a in self.every if a.aside_from])

    def changed(self, seq: int) -> int:
        """The last change at or before row `seq`; 0 before the first."""
        at = bisect_right(self._changes, seq)
        return self._changes[at - 1] if at else 0

    def series(self, seq: int, axis: Axis | None) -> Series:
        key = self.changed(seq), axis
        if self._made is None or self._made[0] != key:
            counting = {id(a.seen.result): a for a in self.up_to(seq) if a.at(seq).counts}

            def point(result: Result, on: Axis) -> Point | None:
                made = counting[id(result)].points
                if on not in made:
                    made[on] = point_of(result, on)
                return made[on]

            self._made = key, assembled([a.seen.result for a in counting.values()], axis, point)
        return self._made[1]


class PastEvidence(Evidence):
    """What had been observed."""

    def __init__(self, tables: Tables, ledger: Ledger, history: History, at: Horizon) -> None:
        super().__init__(tables, ledger)
        self._at, self._family = at, history.family
        self._runs: dict[str, _Rows] = {}
        self._series: dict[str, _Growing] = {}
        self._stages: dict[str, dict[str, _Growing]] = {}
        self._sources: dict[str, tuple[int, str]] | None = None
        self._all = _Rows()
        for seq, seen in history.results:
            arrived, result = _Arrived(seq, seen), seen.result
            series = result.series
            growing = self._series.setdefault(series, _Growing())
            self._stages.setdefault(result.checkpoint.stage, {})[series] = growing
            for rows in (self._all, self._runs.setdefault(result.checkpoint.run, _Rows()), growing):
                rows.add(arrived)
        for growing in self._series.values():
            _set_aside(growing.every)
            growing.settle()

    def moved(self, series: Collection[str], run: str, move: Move, *, alone: Collection[str] = ()) -> PastEvidence:
        """The same past, at the same moment, with the results of some series as `move` has them.

        It answers about `run`, and about series and ladders; only about the series of `alone`, where there are any. The
        items that were kept speak of results as they were, so no moved result has any.
        """
        made, kept = copy(self), set(alone or self._series)
        made._sources = None
        made._series = {name: own for name, own in self._series.items() if name in kept}
        other: dict[int, _Arrived] = {}
        for name in kept & set(series):
            every = self._series[name].every
            other |= {id(arrived): arrived.moved(move) for arrived in every}
            made._series[name] = _Growing()
            for arrived in every:
                made._series[name].add(other[id(arrived)])
            made._series[name].settle()
        made._stages = {
            stage: {name: made._series[name] for name in own if name in kept} for stage, own in self._stages.items()
        }
        mine = self._runs[run].every if run in self._runs else []
        if alone:
            told = {id(arrived) for name in kept for arrived in self._series[name].every}
            mine = [arrived for arrived in mine if id(arrived) in told]
        made._runs = {**self._runs, run: _Rows()}
        for arrived in mine:
            made._runs[run].add(other.get(id(arrived), arrived))
        return made

    def results(
        self,
        *,
        family: str | None = None,
        run: str | None = None,
        series: str | None = None,
        checkpoint: str | None = None,
        stage: str | None = None,
    ) -> list[Seen]:
        """Every result that had arrived, counting or not, oldest first."""
        if family not in (None, self._family):
            return []
        rows = self._all
        if series is not None:
            rows = self._series.get(series, _Rows())
        elif run is not None:
            rows = self._runs.get(run, _Rows())
        found = [arrived.at(self._at.seq) for arrived in rows.up_to(self._at.seq)]
        if run is not None and series is not None:
            found = [seen for seen in found if seen.result.checkpoint.run == run]
        if checkpoint is not None:
            found = [seen for seen in found if seen.result.checkpoint.id == checkpoint]
        return found if stage is None else [seen for seen in found if seen.result.checkpoint.stage == stage]

    def first_seen(self, family: str, run: str | None = None) -> datetime | None:
        """When the first result of the family, or of one run of it, had arrived; None where none has."""
        return min((seen.seen_at for seen in self.results(family=family, run=run)), default=None)

    def runs(self) -> list[tuple[str, str]]:
        """Every (family, run) that had a result, in order of first arrival."""
        return [(self._family, run) for run, rows in self._runs.items() if rows.up_to(self._at.seq)]

    def series_ids(self, family: str | None = None) -> list[str]:
        """Ids of the series, in order of first arrival."""
        if family not in (None, self._family):
            return []
        return [name for name, rows in self._series.items() if rows.up_to(self._at.seq)]

    def every_series(self) -> dict[str, str]:
        """Series to its task, of all that ever come, whether they had or not."""
        return {name: rows.every[0].seen.result.task for name, rows in self._series.items()}

    def series(self, series: str, axis: Axis | None = None) -> Series:
        """The series `series` as it was."""
        return self.series_at(series, self._at.seq, axis)

    def series_at(self, series: str, seq: int, axis: Axis | None = None) -> Series:
        """The series as it was at row `seq`."""
        return self._series[series].series(seq, axis)

    def changed(self, series: str) -> int:
        """Row of the last change of a series; 0 before the first."""
        return self.changed_at(series, self._at.seq)

    def changed_at(self, series: str, seq: int) -> int:
        """Row of the last change of a series at or before row `seq`; 0 before the first."""
        return self._series[series].changed(seq) if series in self._series else 0

    def arrived(self, series: str, seq: int) -> datetime:
        """When the newest result of a series up to row `seq` was seen."""
        return self._series[series].up_to(seq)[-1].seen.seen_at

    def ladders(self, family: str, stage: str, axis: Axis | None = None) -> dict[str, Series]:
        """Series id -> series, of every series of the family at a stage, in order of first arrival."""
        every = self._stages.get(stage, {}) if family == self._family else {}
        return {name: each.series(self._at.seq, axis) for name, each in every.items() if each.changed(self._at.seq)}

    def sources(self, identities: Sequence[str]) -> dict[str, str]:
        """Identity of a result -> the file it is from."""
        if self._sources is None:
            self._sources = {a.seen.result.identity: (a.seq, a.seen.result.source) for a in self._all.every}
        found = {name: self._sources[name] for name in identities if name in self._sources}
        return {name: source for name, (seq, source) in found.items() if seq <= self._at.seq}


def _set_aside(arrived: Iterable[_Arrived]) -> None:
    """A remarked result counts until a whole one of the same key comes."""
    open_: dict[str, _Arrived] = {}
    arrived = list(arrived)
    if not any(each.seen.result.remarks for each in arrived):
        return
    for each in arrived:
        key = each.seen.result.key
        if each.seen.counts and key in open_ and not each.seen.result.remarks:
            open_.pop(key).aside_from = each.seq
        if each.seen.counts and each.seen.result.remarks:
            open_[key] = each
