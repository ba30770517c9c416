"""The outbox: messages owed, written in the same transaction as their alert, sent at least once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from checkpoints_db.ledger import Ledger
from checkpoints_db.records import Message, Record
from checkpoints_db.records.base import stamp
from checkpoints_db.tables import Tables


class Owed(Record):
    """A message and what became of it so far."""

    message: Message
    attempts: int
    next_at: str
    sent_at: str
    failed_at: str
    error: str


class Outbox:
    """Messages in order of writing. Every writing method wants a transaction around it."""

    def __init__(self, tables: Tables, ledger: Ledger) -> None:
        self._tables, self._ledger = tables, ledger

    def put(self, message: Message) -> None:
        """Owe a message; the same id twice is one message."""
        if self._tables.count("outbox", "id = ?", [message.id]):
            return
        self._ledger.append("message", message.id, message.body(), message.at)
        self._tables.insert("outbox", message_row(message))

    def due(self, at: datetime) -> list[Owed]:
        """Messages to be sent now, oldest first."""
        where = "sent_at = '' and failed_at = '' and next_at <= ?"
        return [_owed(row) for row in self._tables.rows("outbox", where, [stamp(at)], order_by="at, id")]

    def all(self) -> list[Owed]:
        """Every message, oldest first."""
        return [_owed(row) for row in self._tables.rows("outbox", order_by="at, id")]

    def sent(self, name: str, at: datetime) -> None:
        """Note that a message arrived."""
        self._change(name, {"sent_at": stamp(at), "error": ""}, "sent", at)

    def failed(self, name: str, error: str, at: datetime, *, again: datetime | None) -> None:
        """Note that sending failed; `again` says when to try next, None that it will never arrive."""
        change = {"error": error, **({"next_at": stamp(again)} if again else {"failed_at": stamp(at)})}
        self._change(name, change, "failed", at)

    def _change(self, name: str, change: dict[str, str], event: str, at: datetime) -> None:
        for row in self._tables.rows("outbox", "id = ?", [name]):
            attempts = int(row["attempts"]) + 1
            self._tables.upsert("outbox", {**row, **change, "attempts": attempts})
            told = {"receiver": row["receiver"], "event": event, "attempts": attempts, **change}
            self._ledger.append("delivery", name, told, at)


def message_row(message: Message) -> dict[str, Any]:
    """A message that is owed as its table has it."""
    return {
        "id": message.id,
        "receiver": message.receiver,
        "event": message.event,
        "alert": message.alert.id,
        "at": stamp(message.at),
        "attempts": 0,
        "next_at": stamp(message.at),
        "sent_at": "",
        "failed_at": "",
        "error": "",
        "body": message.as_text(),
    }


def _owed(row: dict[str, object]) -> Owed:
    return Owed(
        message=Message.model_validate_json(str(row["body"])),
        attempts=int(str(row["attempts"])),
        next_at=str(row["next_at"]),
        sent_at=str(row["sent_at"]),
        failed_at=str(row["failed_at"]),
        error=str(row["error"]),
    )
