"""Judgements: sealed forecasts, verdicts, diagnoses, decisions. Bodies are in the ledger, these tables find them."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Iterator
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeVar

from checkpoints_db.drills import NO_DRILL
from checkpoints_db.errors import LedgerBroken
from checkpoints_db.ledger import Entry, Ledger
from checkpoints_db.records import Answer, Decision, Diagnosis, Forecast, Sealed, Tally, Verdict
from checkpoints_db.records.base import stamp
from checkpoints_db.records.track import BINS
from checkpoints_db.tables import Tables

_EDGE = 1e-12
_SUMS = {
    "forecasts": "1",
    "inside_80": f"pit >= 0.1 - {_EDGE} and pit <= 0.9 + {_EDGE}",
    "inside_95": f"pit >= 0.025 - {_EDGE} and pit <= 0.975 + {_EDGE}",
    "crps": "crps / room",
    "miss": "miss / room",
    "persistence_miss": "persistence_miss / room",
    **{f"bin{i}": f"min(cast(pit * {BINS} as integer), {BINS - 1}) = {i}" for i in range(BINS)},
}


Judged = Verdict | Diagnosis | Decision
Told = TypeVar("Told", Verdict, Diagnosis)
TABLE_OF = {
    "verdict": "verdicts",
    "diagnosis": "diagnoses",
    "decision": "decisions",
    "shadow_decision": "shadow_decisions",
}
"""The table that finds ledger rows of a kind."""
NOWHERE = " (no checkpoint)"
"""What the ledger says behind the run a decision is on, where nothing of it was judged."""


class Moment(NamedTuple):
    """When a decision was made, and on what."""

    seq: int
    at: datetime
    family: str
    run: str
    checkpoint: str
    """Id of the checkpoint; empty for the newest one, where no result of it counted."""
    policy: str
    digest: str


class Known:
    """Verdicts and diagnoses by what they rest on: where history is walked many times, none is made twice."""

    def __init__(self) -> None:
        self.verdicts: dict[Hashable, tuple[Verdict, tuple[float, ...]]] = {}
        """With where past results of the series lay."""
        self.diagnoses: dict[Hashable, Diagnosis] = {}
        self.together: tuple[Any, ...] = ()
        """Terms of judging under which a result is judged at once: most of the work is the same for all."""
        self.seals: dict[str, int] = {}
        """Digest of a forecast that was judged by -> the row it was sealed as."""

    def learn(self, other: Known) -> None:
        """Know what another knows."""
        self.verdicts |= other.verdicts
        self.diagnoses |= other.diagnoses
        self.seals |= other.seals


class Judgements:
    """What we expected and how it compared. Every writing method wants a transaction around it."""

    def __init__(self, tables: Tables, ledger: Ledger) -> None:
        self._tables, self._ledger = tables, ledger
        self.known: Known | None = None
        """What need not be judged again; a store in a file has none."""

    # -- forecasts ----------------------------------------------------------------------------------------------------

    def seal(self, forecast: Forecast, at: datetime) -> Sealed:
        """Write a forecast into the ledger; one that is already there keeps its first seal."""
        for row in self._tables.rows("forecasts", "digest = ?", [forecast.digest]):
            return self._sealed(row)
        seq = self._ledger.append("seal", forecast.series, forecast.body(), at)
        self._tables.insert("forecasts", forecast_row(forecast, forecast.digest, stamp(at), seq))
        return Sealed(forecast=forecast, at=at, seq=seq)

    def sealed(self, series: str, up_to: int | None = None) -> Sealed | None:
        """The newest forecast of a series whose seal is at or before ledger row `up_to`; None when there is none.

        The forecast is read from the ledger and checked against its digest: raises LedgerBroken when it was touched.
        """
        seq = self.seal_of(series, up_to)
        return None if seq is None else self.sealed_at(seq)

    def seal_of(self, series: str, up_to: int | None = None) -> int | None:
        """Ledger row of the forecast that `sealed` gives, without reading it."""
        where, args = "series = ?", [series]
        if up_to is not None:
            where, args = "series = ? and seq <= ?", [series, str(up_to)]
        rows = self._tables.rows("forecasts", where, args, order_by="seq desc", limit=1, select="seq")
        return int(rows[0]["seq"]) if rows else None

    def seal_rows(self, family: str) -> list[tuple[str, int]]:
        """(series, ledger row) of every seal of a family, oldest first."""
        rows = self._tables.rows("forecasts", "family = ?", [family], order_by="seq", select="series, seq")
        return [(row["series"], int(row["seq"])) for row in rows]

    def seals_of(self, series: str) -> Iterator[Sealed]:
        """Every sealed forecast of a series, the newest first; each is read when it is asked for."""
        seq = self.seal_of(series)
        while seq is not None:
            yield self.sealed_at(seq)
            seq = self.seal_of(series, seq - 1)

    def forecast(self, digest: str) -> Sealed | None:
        """The sealed forecast whose digest starts with `digest`, or None when there is none or several."""
        found = self._tables.rows("forecasts", "digest like ?", [digest + "%"], limit=2)
        return self._sealed(found[0]) if len(found) == 1 else None

    def all_sealed(self, family: str | None = None) -> list[Sealed]:
        """The newest seal of every series."""
        return [self.sealed_at(seq) for seq in self.newest(family).values()]

    def newest(self, family: str | None = None) -> dict[str, int]:
        """Series -> ledger row of its newest seal."""
        where, args = ("family = ?", [family]) if family is not None else (None, [])
        rows = self._tables.rows("forecasts", where, args, order_by="seq", select="series, seq")
        return {row["series"]: int(row["seq"]) for row in rows}

    def _sealed(self, row: dict[str, object]) -> Sealed:
        return self.sealed_at(int(str(row["seq"])))

    def sealed_at(self, seq: int) -> Sealed:
        """The forecast that was sealed as ledger row `seq`, checked against its digest. Raises LedgerBroken."""
        entry = self._ledger.entry(seq)
        return Sealed.read(entry.text, entry.at, entry.seq)

    def must_be_sealed(self, digests: Iterable[str]) -> None:
        """Raise LedgerBroken where a sealed forecast is not, byte for byte, the one of its digest any more, or gone."""
        digests = list(dict.fromkeys(digests))
        rows = self._tables.rows_among("forecasts", "digest", digests)
        said = {int(row["seq"]): str(row["digest"]) for row in rows}
        for gone in sorted(set(digests) - set(said.values())):
            raise LedgerBroken(self._ledger.head[0], f"forecast {gone[:12]} is no longer among those that were sealed")
        bodies = {row["seq"]: row["body"] for row in self._tables.rows_among("ledger", "seq", list(said))}
        for seq, digest in said.items():
            body = str(bodies.get(seq, ""))
            if hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest() != digest:
                raise LedgerBroken(seq, "its content does not match its digest; the forecast in it was changed")

    # -- track records ------------------------------------------------------------------------------------------------

    def tallies(self, *by: Literal["run", "series"], family: str | None = None) -> list[Tally]:
        """How sealed forecasts did on the results that came, for each family and kind of metric, and each `by`.

        Counted from one small table, no row of the ledger is read; fire drills only where named. Runs and families are
        in order of name.
        """
        rows = self._tables.sums("scores", ["family", "kind", *by], _SUMS, family, but=NO_DRILL)
        return [_tally(row) for row in rows]

    # -- verdicts, diagnoses, decisions -------------------------------------------------------------------------------

    def put_verdict(self, verdict: Verdict, at: datetime) -> None:
        """Keep a verdict; an equal one is already there and nothing happens."""
        if self._put("verdict", verdict, verdict.checkpoint, at):
            self._score(verdict)
            row = outlier_row(verdict, self._ledger.head[0])
            if row is not None:
                self._tables.upsert("outliers", row)

    def _score(self, verdict: Verdict) -> None:
        """Keep how the forecast did; a result counts once, however often it is judged."""
        row = score_row(verdict, self._ledger.head[0])
        if row is not None:
            self._tables.upsert("scores", row)

    def put_diagnosis(self, diagnosis: Diagnosis, at: datetime) -> None:
        """Keep a diagnosis; an equal one is already there and nothing happens."""
        self._put("diagnosis", diagnosis, diagnosis.checkpoint, at)

    def put_decision(self, decision: Decision, checkpoint: str, at: datetime, *, shadow: bool = False) -> None:
        """Keep a decision, or one made in shadow, on `checkpoint`; an equal one is there and nothing happens."""
        kind = "shadow_decision" if shadow else "decision"
        about = checkpoint or f"{decision.family}/{decision.run}{NOWHERE}"
        if self._put(kind, decision, about, at, checkpoint=checkpoint) and lets_go_on(decision) and not shadow:
            place, seq = [decision.family, decision.run], self._ledger.head[0]
            rows = self._tables.rows("outliers", "family = ? and accepted = 0 and run = ?", place)
            self._tables.upsert_all("outliers", [{**row, "accepted": seq} for row in rows])

    def outliers(self, family: str) -> frozenset[str]:
        """Identities of the results that broke their forecasts while their run was not let go on since.

        They train nothing: a break that nobody accepted, seen once more, would else be what is expected.
        """
        rows = self._tables.rows("outliers", "family = ? and accepted = 0", [family], select="result")
        return frozenset(str(row["result"]) for row in rows)

    def every_outlier(self) -> frozenset[str]:
        """The outliers of every family."""
        return frozenset(str(row["result"]) for row in self._tables.rows("outliers", "accepted = 0", select="result"))

    def _put(self, kind: str, record: Judged, subject: str, at: datetime, **more: str) -> bool:
        """Whether the record is new."""
        table, digest = TABLE_OF[kind], record.digest
        if self._tables.count(table, "digest = ?", [digest]):
            return False
        seq = self._ledger.append(kind, subject, record.body(), at)
        self._tables.insert(table, {**judged_row(record, digest, stamp(at), seq), **more})
        return True

    def verdicts(self, family: str | None = None, run: str | None = None) -> list[tuple[datetime, Verdict]]:
        """The newest verdict on every result, in order of time."""
        rows = self._rows("verdicts", family, run)
        newest = {row["result"]: row for row in rows}
        return [(e.at, Verdict.model_validate(e.value())) for e in self._entries(list(newest.values()))]

    def diagnoses(self, family: str | None = None, run: str | None = None) -> list[tuple[datetime, Diagnosis]]:
        """The newest diagnosis of every question on every checkpoint, in order of time."""
        rows = self._rows("diagnoses", family, run)
        newest = {(row["checkpoint"], row["question"]): row for row in rows}
        return [(e.at, Diagnosis.model_validate(e.value())) for e in self._entries(list(newest.values()))]

    def decisions(self, family: str | None = None, run: str | None = None) -> list[Decision]:
        """Every decision, oldest first."""
        return [Decision.model_validate(e.value()) for e in self._entries(self._rows("decisions", family, run))]

    def told(self, record: type[Told], family: str, run: str, before: int) -> list[Told]:
        """Every verdict, or every diagnosis, that was ever made of a run before ledger row `before`, oldest first."""
        rows = self._rows(TABLE_OF[record.__name__.lower()], family, run)
        entries = self._entries([row for row in rows if int(str(row["seq"])) < before])
        return [record.model_validate(entry.value()) for entry in entries]

    def moments(self, family: str) -> list[Moment]:
        """When the decisions on a family were made, oldest first, without reading them."""
        columns = ", ".join(Moment._fields)
        rows = self._tables.rows("decisions", "family = ?", [family], order_by="seq", select=columns)
        return [Moment(**{**row, "at": datetime.fromisoformat(row["at"])}) for row in rows]

    def decision_at(self, seq: int) -> Decision:
        """The decision that was made as ledger row `seq`, checked against its digest. Raises LedgerBroken."""
        return Decision.model_validate(self._ledger.entry(seq).value())

    def shadow_decisions(self, family: str | None = None, run: str | None = None) -> list[Decision]:
        """Every decision that an earlier policy made in shadow, oldest first; none of them ever gated."""
        entries = self._entries(self._rows("shadow_decisions", family, run))
        return [Decision.model_validate(e.value()) for e in entries]

    def decision(self, digest: str) -> Decision | None:
        """The decision with this digest, or None."""
        for row in self._tables.rows("decisions", "digest = ?", [digest]):
            return Decision.model_validate(self._ledger.entry(row["seq"]).value())
        return None

    def checkpoint_of(self, digest: str) -> str:
        """The checkpoint that a decision was made on; empty where it is unknown, or was of no checkpoint."""
        found = self._tables.rows("decisions", "digest = ?", [digest], select="checkpoint")
        return str(found[0]["checkpoint"] or "") if found else ""

    def decisions_like(self, start: str) -> list[tuple[str, Decision]]:
        """At most two decisions whose digest begins with `start`, each with the checkpoint it was about."""
        rows = self._tables.rows("decisions", "digest like ?", [start + "%"], order_by="seq", limit=2)
        return [
            (str(row["checkpoint"]), Decision.model_validate(self._ledger.entry(row["seq"]).value())) for row in rows
        ]

    def _rows(self, table: str, family: str | None, run: str | None) -> list[dict[str, object]]:
        tests = {c: v for c, v in (("family", family), ("run", run)) if v is not None}
        where = " and ".join(f"{c} = ?" for c in tests) or None
        return self._tables.rows(table, where, list(tests.values()), order_by="seq")

    def _entries(self, rows: list[dict[str, object]]) -> list[Entry]:
        return [self._ledger.entry(int(str(row["seq"]))) for row in rows]


def _tally(row: dict[str, Any]) -> Tally:
    pit = tuple(row.pop(f"bin{i}") for i in range(BINS))
    return Tally.model_validate({**row, "pit": pit})


def forecast_row(forecast: Forecast, digest: str, at: str, seq: int) -> dict[str, Any]:
    """A seal as its table has it; `seq`: its row of the ledger."""
    return {
        "digest": digest,
        "series": forecast.series,
        "family": forecast.family,
        "task": forecast.task,
        "metric": forecast.metric.name,
        "stage": forecast.stage,
        "at": at,
        "seq": seq,
    }


def judged_row(record: Judged, digest: str, at: str, seq: int) -> dict[str, Any]:
    """A verdict, diagnosis or decision as its table has it; the checkpoint of a decision is told beside it."""
    row: dict[str, Any] = {"digest": digest, "family": record.family, "run": record.run, "at": at, "seq": seq}
    match record:
        case Verdict():
            more = {"task": record.task, "metric": record.metric.name, "result": record.result}
            return {**row, "checkpoint": record.checkpoint, **more, "outcome": record.outcome, "why": record.why}
        case Diagnosis():
            return {**row, "checkpoint": record.checkpoint, "question": record.question, "name": record.name}
        case Decision():
            more = {"answer": str(record.answer), "reason": str(record.reason), "policy": record.policy}
            return {**row, **more, "evidence": record.evidence}


def lets_go_on(decision: Decision) -> bool:
    """Whether a run goes on after a decision, and what it measured is accepted as part of the trend.

    Behind broken glass it goes on for a while, and nobody has accepted anything yet.
    """
    return decision.answer in (Answer.GO, Answer.WARN) and not decision.break_glass


def outlier_row(verdict: Verdict, seq: int) -> dict[str, Any] | None:
    """A result that broke its forecast, as its table has it; None where it did not. `seq`: the verdict's row."""
    if not verdict.broke:
        return None
    return {"result": verdict.result, "family": verdict.family, "run": verdict.run, "seq": seq, "accepted": 0}


def score_row(verdict: Verdict, seq: int) -> dict[str, Any] | None:
    """How the forecast behind a verdict did, as its table has it; None where there is nothing to count."""
    median, last, room = verdict.median, verdict.persistence, verdict.room
    if verdict.pit is None or verdict.crps is None or median is None or last is None or room is None:
        return None
    return {
        "result": verdict.result,
        "family": verdict.family,
        "run": verdict.run,
        "series": verdict.series,
        "kind": verdict.metric.kind,
        "seq": seq,
        "pit": verdict.pit,
        "crps": verdict.crps,
        "miss": abs(verdict.observed - median),
        "persistence_miss": abs(verdict.observed - last),
        "room": room,
    }
