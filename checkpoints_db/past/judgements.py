"""What had been sealed, and what is concluded now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TypeVar

from checkpoints_db.judgements import Judgements, lets_go_on
from checkpoints_db.ledger import Ledger
from checkpoints_db.past.history import History, Horizon
from checkpoints_db.records import Decision, Diagnosis, Sealed, Verdict
from checkpoints_db.tables import Tables

_Any = TypeVar("_Any")
_Some = TypeVar("_Some", Verdict, Diagnosis, Decision)
_Told = list[tuple[datetime, _Some]]


class PastJudgements(Judgements):
    """What was sealed, as it was; and what is concluded now, in memory."""

    def __init__(self, tables: Tables, ledger: Ledger, history: History, at: Horizon) -> None:
        super().__init__(tables, ledger)
        self._at, self._seals, self._family = at, history.seals, history.family
        self._accepting = history.accepting
        self._verdicts: dict[str, dict[str, _Told[Verdict]]] = {}
        self._diagnoses: dict[str, dict[tuple[str, str], _Told[Diagnosis]]] = {}
        self._decisions: dict[str, _Told[Decision]] = {}
        self._outliers: dict[str, set[str]] = {}

    def seal_of(self, series: str, up_to: int | None = None) -> int | None:
        """Row of the newest seal of a series at or before row `up_to`, and before the present."""
        return self._seals.at(series, self._at.seq if up_to is None else min(up_to, self._at.seq))

    def sealed_at(self, seq: int) -> Sealed:
        """What was sealed as row `seq`."""
        return self._seals.read(seq)

    def seals(self, series: str) -> Iterator[Sealed]:
        """Every sealed forecast of a series, the newest first; each is read when it is asked for."""
        seq = self.seal_of(series)
        while seq is not None:
            yield self.sealed_at(seq)
            seq = self.seal_of(series, seq - 1)

    def forecast(self, digest: str) -> Sealed | None:
        """The sealed forecast with this digest, where something was judged by it."""
        seq = None if self.known is None else self.known.seals.get(digest)
        return None if seq is None else self.sealed_at(seq)

    def put_verdict(self, verdict: Verdict, at: datetime) -> None:
        """Keep a verdict for as long as this lasts; an equal one is already there and nothing happens."""
        told = self._verdicts.setdefault(verdict.run, {}).setdefault(verdict.result, [])
        if _keep(told, verdict, at) and verdict.broke:
            self._outliers.setdefault(verdict.run, set()).add(verdict.result)

    def put_diagnosis(self, diagnosis: Diagnosis, at: datetime) -> None:
        """Keep a diagnosis likewise."""
        asked = diagnosis.checkpoint, diagnosis.question
        _keep(self._diagnoses.setdefault(diagnosis.run, {}).setdefault(asked, []), diagnosis, at)

    def put_decision(self, decision: Decision, checkpoint: str, at: datetime, *, shadow: bool = False) -> None:
        """Keep a decision likewise; what would be decided in shadow nobody asks of a past."""
        if shadow or not _keep(self._decisions.setdefault(decision.run, []), decision, at):
            return
        if self._accepting or lets_go_on(decision):
            self._outliers.pop(decision.run, None)

    def outliers(self, family: str) -> frozenset[str]:
        """Identities of the results that broke their forecasts while their run was not let go on since."""
        return frozenset().union(*self._outliers.values()) if family == self._family else frozenset()

    def verdicts(self, family: str | None = None, run: str | None = None) -> list[tuple[datetime, Verdict]]:
        """The newest verdict on every result."""
        return [told[-1] for own in self._of(self._verdicts, family, run) for told in own.values()]

    def diagnoses(self, family: str | None = None, run: str | None = None) -> list[tuple[datetime, Diagnosis]]:
        """The newest diagnosis of every question on every checkpoint."""
        return [told[-1] for own in self._of(self._diagnoses, family, run) for told in own.values()]

    def decisions(self, family: str | None = None, run: str | None = None) -> list[Decision]:
        """Every decision, oldest first."""
        return [decision for told in self._of(self._decisions, family, run) for _, decision in told]

    def decision(self, digest: str) -> Decision | None:
        """The decision with this digest, or None."""
        return next((d for d in self.decisions() if d.digest == digest), None)

    def _of(self, every: dict[str, _Any], family: str | None, run: str | None) -> list[_Any]:
        if family not in (None, self._family):
            return []
        return list(every.values()) if run is None else [every[run]] if run in every else []


def _keep(told: _Told[_Some], record: _Some, at: datetime) -> bool:
    """Whether the record is new."""
    is_new = not any(record is other or record == other for _, other in told)
    if is_new:
        told.append((at, record))
    return is_new
