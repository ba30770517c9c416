"""A letter as a CloudEvents 1.0 envelope: what happened, to what, when, and everything that is told of it."""

from __future__ import annotations

from typing import Any

from checkpoints_db.records import Answer, Message
from monitor.notify.base import Letter

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
GATE = {Answer.PAUSE: "paused", Answer.HOLD: "held", Answer.WARN: "warned", Answer.GO: "opened"}


def type_of(message: Message) -> str:
    """Name of what happened: of a gate where an alert of a run opens or grows, of the alert otherwise.

    `holdpoint.gate.paused.v1`, `holdpoint.gate.held.v1`, `holdpoint.gate.warned.v1`, and `holdpoint.alert.opened.v1`,
    `changed`, `reopened`, `repeated`, `escalated`, `acknowledged`, `closed`. Of a fire drill
    `holdpoint.drill.paused.v1` and its like: whoever acts by the type, and knows of no drills, does nothing.
    """
    alert = message.alert
    if alert.drill:
        opens = message.event in ("opened", "changed", "reopened")
        return f"holdpoint.drill.{GATE[alert.answer] if opens else message.event}.v1"
    if alert.run and message.event in ("opened", "changed", "reopened"):
        return f"holdpoint.gate.{GATE[alert.answer]}.v1"
    return f"holdpoint.alert.{message.event}.v1"


def envelope(letter: Letter) -> dict[str, Any]:
    """The letter as an event; `id` is the idempotency key, the same whenever the message is sent again."""
    message, alert = letter.message, letter.message.alert
    return {
        "specversion": "1.0",
        "id": message.id,
        "source": letter.home or "/holdpoint",
        "type": type_of(message),
        "subject": f"{alert.family}/{alert.run}" if alert.run else alert.rule,
        "time": message.at.isoformat(),
        "datacontenttype": "application/json",
        "data": letter.body(),
    }
