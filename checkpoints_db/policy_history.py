"""The history of the policy in force: rows are only added, bodies are read from the ledger and checked there."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from checkpoints_db.ledger import Ledger
from checkpoints_db.records import COMES, PolicyEntry
from checkpoints_db.records.base import stamp
from checkpoints_db.tables import Tables


class PolicyRow(NamedTuple):
    """An entry and the row of the ledger that holds it."""

    seq: int
    entry: PolicyEntry


class PolicyHistory:
    """Which policy was in force when. Every writing method wants a transaction around it."""

    def __init__(self, tables: Tables, ledger: Ledger) -> None:
        self._tables, self._ledger = tables, ledger

    def put(self, entry: PolicyEntry, at: datetime) -> int:
        """Add an entry; returns the row of the ledger that it became."""
        seq = self._ledger.append("policy", entry.policy.sha256, entry.body(), at)
        named = {"digest": entry.policy.sha256, "name": entry.policy.name, "version": entry.policy.version}
        row = {"seq": seq, "event": entry.event, **named, "change": entry.change, "at": stamp(at)}
        self._tables.insert("policies", row)
        return seq

    def all(self) -> list[PolicyRow]:
        """Every entry, oldest first. Raises LedgerBroken where one was touched."""
        return [self._row(int(row["seq"])) for row in self._tables.rows("policies", order_by="seq", select="seq")]

    def in_force(self) -> list[PolicyRow]:
        """The entries with which a policy came into force, oldest first. Raises LedgerBroken where one was touched."""
        marks = ", ".join("?" * len(COMES))
        rows = self._tables.rows("policies", f"event in ({marks})", COMES, order_by="seq", select="seq")
        return [self._row(int(row["seq"])) for row in rows]

    def waiting(self) -> PolicyRow | None:
        """The proposal that waits: the newest entry, where it is one."""
        for row in self._tables.rows("policies", order_by="seq desc", limit=1):
            return self._row(int(row["seq"])) if row["event"] == "proposed" else None
        return None

    def _row(self, seq: int) -> PolicyRow:
        return PolicyRow(seq, PolicyEntry.model_validate(self._ledger.entry(seq).value()))
