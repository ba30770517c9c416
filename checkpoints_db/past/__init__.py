"""A store as it was: what had arrived, been sealed and been decided by people up to a row of its ledger.

A `Past` has the face of the store it stands for, so that whatever judges and decides on a store does so on it. It is of
one family and in memory: what is concluded on it is kept there, forgotten with it, and written nowhere.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path

from checkpoints_db.past.actions import PastActions, PastItems, PastLedger, PastPolicies
from checkpoints_db.past.evidence import PastEvidence
from checkpoints_db.past.history import Absent, History, Horizon, ItemSource, NoSeals, RecordedSeals, Seals, recorded
from checkpoints_db.past.judgements import PastJudgements
from checkpoints_db.store import Store

__all__ = ["History", "ItemSource", "NoSeals", "Past", "RecordedSeals", "Seals", "recorded"]


class Past(Store):
    """The store of one family as it was at a row of its ledger; `move` takes it to a later one."""

    def __init__(self, history: History, path: Path = Path("history")) -> None:
        super().__init__(Absent(path))
        self.at = Horizon()
        self.family = history.family
        self._facts: dict[str, tuple[str, datetime]] = {}
        nothing, ledger = Absent(path), PastLedger(Absent(path), self.at)
        self.ledger: PastLedger = ledger
        self.policies: PastPolicies = PastPolicies(nothing, ledger, history, self.at)
        self.evidence: PastEvidence = PastEvidence(nothing, ledger, history, self.at)
        self.judgements: PastJudgements = PastJudgements(nothing, ledger, history, self.at)
        self.actions: PastActions = PastActions(nothing, ledger, history, self.at)
        self.items: PastItems = PastItems(nothing, ledger, history, self.at)

    def move(self, seq: int) -> None:
        """Let everything up to row `seq` have happened. Raises ValueError when that lies behind."""
        if seq < self.at.seq:
            raise ValueError(f"history of {self.family} is at row {self.at.seq} and does not go back to {seq}")
        self.at.seq = seq

    def close(self) -> None:
        """Nothing is open."""

    def transaction(self) -> AbstractContextManager[None]:
        """Nothing is written, so nothing can be half written."""
        return nullcontext()

    def note(self, name: str, value: str, at: datetime) -> None:
        """Remember one fact for as long as this lasts."""
        self._facts[name] = value, at

    def fact(self, name: str) -> tuple[str, datetime] | None:
        """A remembered fact and its time, or None."""
        return self._facts.get(name)
