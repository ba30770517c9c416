"""Fire drills as the store keeps them: which families are nobody's, and what each drill came to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from checkpoints_db.ledger import Ledger
from checkpoints_db.records.base import stamp
from checkpoints_db.records.drill import FireDrill
from checkpoints_db.tables import Tables

NO_DRILL = "family not in (select family from drills)"
"""Of rows that count: not those of a family that was only drilled with."""


class Drills:
    """Every drill there was. A family is a drill's because a row here says so, never because of how it is called."""

    def __init__(self, tables: Tables, ledger: Ledger) -> None:
        self._tables, self._ledger = tables, ledger

    def put(self, drill: FireDrill, at: datetime) -> None:
        """Keep how a drill stands, in the ledger too. Wants a transaction around it."""
        self._ledger.append("fire_drill", drill.id, drill.body(), at)
        self._tables.upsert("drills", drill_row(drill))

    def all(self) -> list[FireDrill]:
        """Every drill, oldest first."""
        return self._found(None, [])

    def last(self) -> FireDrill | None:
        """The newest drill that is over; None where there was none."""
        over = self._tables.rows("drills", "state <> 'open'", order_by="at desc", limit=1)
        return FireDrill.model_validate_json(over[0]["body"]) if over else None

    def open(self) -> list[FireDrill]:
        """Drills that are under way, or were left in the middle."""
        return self._found("state = 'open'", [])

    def of(self, family: str) -> FireDrill | None:
        """The drill that a family is of; None for a real one."""
        found = self._found("family = ?", [family]) if family else []
        return found[0] if found else None

    def families(self) -> frozenset[str]:
        """The families of all drills."""
        return frozenset(str(row["family"]) for row in self._tables.rows("drills", select="family"))

    def _found(self, where: str | None, args: list[str]) -> list[FireDrill]:
        rows = self._tables.rows("drills", where, args, order_by="at, id")
        return [FireDrill.model_validate_json(row["body"]) for row in rows]


def drill_row(drill: FireDrill) -> dict[str, Any]:
    """A drill as its table has it."""
    return {
        "id": drill.id,
        "family": drill.family,
        "state": drill.state,
        "by": drill.by,
        "at": stamp(drill.at),
        "ended_at": stamp(drill.ended_at) if drill.ended_at else "",
        "body": drill.as_text(),
    }
