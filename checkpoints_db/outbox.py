"""The outbox: messages owed, written in the same transaction as their alert, sent at least once.

A message is first owed to everybody (a *notice*); the routes of the policy make of one or more notices a message to
each receiver. Those are sent in the order they were written in, alert by alert; every attempt is a row of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from checkpoints_db.alert_page import NOT_OVER
from checkpoints_db.ledger import Ledger
from checkpoints_db.records import EVERYBODY, Instant, Message, Record
from checkpoints_db.records.base import stamp
from checkpoints_db.tables import Tables

Outcome = Literal["sent", "failed", "lost", "again"]
"""Of an attempt: arrived, to be tried again, never to arrive; or a person asked for another."""

TOLD = "told"
"""What is done with a notice that its groups have told of."""
WAITS = "sent_at = '' and failed_at = ''"
# A later message about an alert waits for the earlier one to the same receiver.
FIRST = (
    "not exists (select 1 from outbox_alerts as mine join outbox_alerts as theirs on theirs.alert = mine.alert "
    "join outbox as earlier on earlier.id = theirs.message where mine.message = outbox.id "
    "and earlier.receiver = outbox.receiver and earlier.sent_at = '' and earlier.failed_at = '' "
    "and earlier.rowid < outbox.rowid)"
)


class Owed(Record):
    """A message and what became of it so far."""

    message: Message
    attempts: int
    next_at: str
    sent_at: str
    failed_at: str
    error: str

    @property
    def state(self) -> str:
        """`owed`, `sent` or `lost`."""
        return "sent" if self.sent_at else "lost" if self.failed_at else "owed"


class Notice(Record):
    """A message owed to everybody, on its way to messages for each receiver."""

    message: Message
    next_at: str
    """When its routes are asked again."""
    held: str = ""
    """Why nobody is told yet."""
    routed_to: tuple[str, ...] = ()
    """The topics that have told of it."""
    done: str = ""
    """That it needs nothing more, and why."""


class Attempt(Record):
    """One row of the delivery log."""

    message: str
    receiver: str
    at: Instant
    attempt: int
    outcome: Outcome
    reason: str


class Topic(Record):
    """What a group of alerts was told last."""

    topic: str
    told_at: Instant
    rank: int
    escalated_at: Instant | None = None


class Reach(Record):
    """Whether a receiver answers: until when it is left alone, and when it was last told what still fires."""

    name: str
    failures: int = 0
    held_until: Instant | None = None
    resent_at: Instant | None = None


class Mention(Record):
    """That a message told of an alert."""

    alert: str
    event: str
    at: Instant


class Outbox:
    """Messages in order of writing. Every writing method wants a transaction around it."""

    def __init__(self, tables: Tables, ledger: Ledger) -> None:
        self._tables, self._ledger = tables, ledger

    # -- messages -----------------------------------------------------------------------------------------------------

    def put(self, message: Message) -> bool:
        """Owe a message; the same id twice is one message, and False."""
        if self._tables.count("outbox", "id = ?", [message.id]):
            return False
        self._ledger.append("message", message.id, message.body(), message.at)
        self._tables.insert("outbox", message_row(message))
        self._tables.insert_all("outbox_alerts", mention_rows(message))
        return True

    def due(self, at: datetime) -> list[Owed]:
        """Messages to be sent now, oldest first; none whose alert has an earlier one on its way to the receiver."""
        where = f"receiver <> ? and {WAITS} and next_at <= ? and {FIRST}"
        return [_owed(row) for row in self._tables.rows("outbox", where, [EVERYBODY, stamp(at)], order_by="rowid")]

    def notices(self, at: datetime) -> list[Notice]:
        """Notices that wait, oldest first, if the routes of any are to be asked now: those of its group go with it."""
        late = "not exists (select 1 from notices where notices.id = outbox.id and notices.next_at > ?)"
        where = f"receiver = ? and {WAITS}"
        if not self._tables.count("outbox", f"{where} and next_at <= ? and {late}", [EVERYBODY, stamp(at), stamp(at)]):
            return []
        found = self._tables.rows("outbox", where, [EVERYBODY], order_by="rowid")
        known = {row["id"]: row for row in self._tables.rows_among("notices", "id", [row["id"] for row in found])}
        return [_notice(row, known.get(row["id"])) for row in found]

    def all(self) -> list[Owed]:
        """Every message and notice, oldest first."""
        return [_owed(row) for row in self._tables.rows("outbox", order_by="rowid")]

    def listed(self, *, state: str | None = None, receiver: str | None = None, limit: int = 100) -> list[Owed]:
        """The newest messages (notices only where `receiver` is `*`), `owed`, `sent` or `lost`; newest first."""
        states = {"owed": WAITS, "sent": "sent_at <> ''", "lost": "failed_at <> ''"}
        tests = ["receiver = ?" if receiver else "receiver <> ?", *([states[state]] if state else [])]
        args = [receiver or EVERYBODY]
        found = self._tables.rows("outbox", " and ".join(tests), args, order_by="rowid desc", limit=limit)
        return [_owed(row) for row in found]

    def about(self, alert: str) -> list[Owed]:
        """The messages that tell of an alert, those of its end apart."""
        told = self._tables.rows("outbox_alerts", "alert = ? and event <> 'closed'", [alert])
        return [_owed(row) for row in self._tables.rows_among("outbox", "id", [row["message"] for row in told])]

    def one(self, name: str) -> Owed | None:
        """The message whose id starts with `name`; None when there is none or several."""
        found = self._tables.rows("outbox", "substr(id, 1, ?) = ?", [len(name), name], limit=2)
        return _owed(found[0]) if len(found) == 1 and name else None

    def sent(self, name: str, at: datetime) -> None:
        """Note that a message arrived."""
        self._change(name, {"sent_at": stamp(at), "error": ""}, "sent", at)

    def failed(self, name: str, error: str, at: datetime, *, again: datetime | None) -> None:
        """Note that sending failed; `again` says when to try next, None that it will never arrive."""
        change = {"error": error, **({"next_at": stamp(again)} if again else {"failed_at": stamp(at)})}
        self._change(name, change, "failed" if again else "lost", at)

    def retry(self, name: str, by: str, at: datetime) -> None:
        """Owe a message again that was lost or waits; `by` asked for it."""
        self._change(name, {"next_at": stamp(at), "failed_at": ""}, "again", at, reason=f"asked for by {by}")

    def log(self, message: str | None = None, *, since: datetime | None = None) -> list[Attempt]:
        """Attempts, oldest first: of one message, or since a moment."""
        tests = {"message = ?": message, "at >= ?": stamp(since) if since else None}
        given = {test: value for test, value in tests.items() if value is not None}
        found = self._tables.rows("deliveries", " and ".join(given) or None, list(given.values()), order_by="seq")
        return [Attempt.model_validate({key: row[key] for key in Attempt.model_fields}) for row in found]

    def _change(self, name: str, change: dict[str, str], outcome: Outcome, at: datetime, *, reason: str = "") -> None:
        for row in self._tables.rows("outbox", "id = ?", [name]):
            attempt = int(row["attempts"]) + (outcome != "again")
            self._tables.upsert("outbox", {**row, **change, "attempts": attempt})
            told = {"receiver": row["receiver"], "event": outcome, "attempts": attempt, **change}
            told["reason"] = reason or change.get("error", "")
            seq = self._ledger.append("delivery", name, told, at)
            self._tables.insert("deliveries", attempt_row(name, told, at, seq))

    # -- notices ------------------------------------------------------------------------------------------------------

    def settle(self, notices: Sequence[Notice], at: datetime) -> None:
        """Keep what became of notices; those that need nothing more leave one row of the ledger for each reason."""
        waiting = [notice for notice in notices if not notice.done]
        if waiting:
            self._tables.upsert_all("notices", [_waiting_row(notice) for notice in waiting])
        for why in dict.fromkeys(notice.done for notice in notices if notice.done):
            names = [notice.message.id for notice in notices if notice.done == why]
            rows = self._tables.rows_among("outbox", "id", names)
            change = {"sent_at": stamp(at), "error": "" if why == TOLD else why}
            self._tables.upsert_all("outbox", [{**row, **change} for row in rows])
            self._ledger.append("routed", why, {"notices": names, **change}, at)

    # -- groups and receivers -----------------------------------------------------------------------------------------

    def topics(self, names: Sequence[str]) -> dict[str, Topic]:
        """What groups were told last, by topic."""
        found = self._tables.rows_among("topics", "topic", names)
        known = [Topic.model_validate({**row, "escalated_at": row["escalated_at"] or None}) for row in found]
        return {topic.topic: topic for topic in known}

    def put_topics(self, topics: Sequence[Topic]) -> None:
        """Keep what groups were told."""
        rows: list[dict[str, Any]] = [
            {
                "topic": topic.topic,
                "told_at": stamp(topic.told_at),
                "rank": topic.rank,
                "escalated_at": stamp(topic.escalated_at) if topic.escalated_at else "",
            }
            for topic in topics
        ]
        if rows:
            self._tables.upsert_all("topics", rows)

    def mentions(self, alerts: Sequence[str]) -> list[Mention]:
        """Which events of these alerts were put into messages, and when."""
        found = self._tables.rows_among("outbox_alerts", "alert", alerts)
        return [Mention.model_validate({key: row[key] for key in Mention.model_fields}) for row in found]

    def told_of(self, alert: str) -> list[tuple[str, str, datetime]]:
        """Event, receiver and moment of every message that tells of an alert."""
        told = self._tables.rows("outbox_alerts", "alert = ?", [alert])
        to = {
            row["id"]: str(row["receiver"])
            for row in self._tables.rows_among("outbox", "id", [r["message"] for r in told])
        }
        return [(str(r["event"]), to.get(r["message"], ""), datetime.fromisoformat(r["at"])) for r in told]

    def still_told(self, receiver: str) -> set[str]:
        """Ids of the alerts that are open and that this receiver was told of."""
        where = (
            f"alert in (select id from alerts where {NOT_OVER}) "  # noqa: S608 - ours alone
            "and message in (select id from outbox where receiver = ? and sent_at <> '')"
        )
        return {str(row["alert"]) for row in self._tables.rows("outbox_alerts", where, [receiver], select="alert")}

    def reach(self, name: str) -> Reach:
        """How a receiver answers."""
        for row in self._tables.rows("receivers", "name = ?", [name]):
            return Reach.model_validate({key: value if value != "" else None for key, value in row.items()})
        return Reach(name=name)

    def put_reach(self, reach: Reach) -> None:
        """Keep how a receiver answers."""
        held, resent = reach.held_until, reach.resent_at
        row = {"name": reach.name, "failures": reach.failures}
        times = {"held_until": stamp(held) if held else "", "resent_at": stamp(resent) if resent else ""}
        self._tables.upsert("receivers", {**row, **times})


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
        "topic": message.topic,
        "body": message.as_text(),
    }


def mention_rows(message: Message) -> list[dict[str, Any]]:
    """That a message tells of its alerts, as the table has it; nothing of one to everybody."""
    if message.receiver == EVERYBODY:
        return []
    told = {"message": message.id, "event": message.event, "at": stamp(message.at)}
    names = dict.fromkeys((message.alert.id, *message.alerts))
    return [{"id": f"{message.id} {alert}", "alert": alert, **told} for alert in names]


def attempt_row(message: str, told: Mapping[str, Any], at: datetime, seq: int) -> dict[str, Any]:
    """One attempt as the delivery log has it; `seq`: its row of the ledger."""
    return {
        "seq": seq,
        "message": message,
        "receiver": told["receiver"],
        "at": stamp(at),
        "attempt": told["attempts"],
        "outcome": told["event"],
        "reason": told["reason"],
    }


def _waiting_row(notice: Notice) -> dict[str, Any]:
    told = {"next_at": notice.next_at, "held": notice.held, "routed_to": json.dumps(notice.routed_to)}
    return {"id": notice.message.id, **told}


def _notice(row: dict[str, Any], known: dict[str, Any] | None) -> Notice:
    message = Message.model_validate_json(row["body"])
    if known is None:
        return Notice(message=message, next_at=row["next_at"])
    return Notice(
        message=message, next_at=known["next_at"], held=known["held"], routed_to=tuple(json.loads(known["routed_to"]))
    )


def _owed(row: dict[str, object]) -> Owed:
    return Owed(
        message=Message.model_validate_json(str(row["body"])),
        attempts=int(str(row["attempts"])),
        next_at=str(row["next_at"]),
        sent_at=str(row["sent_at"]),
        failed_at=str(row["failed_at"]),
        error=str(row["error"]),
    )
