"""What a notifier is."""

from __future__ import annotations

from typing import Protocol

from checkpoints_db.records import Message
from monitor.settings import Receiver, Settings


class Notifier(Protocol):
    """Sends one message to one receiver."""

    name: str

    def send(self, message: Message, receiver: Receiver, settings: Settings) -> None:
        """Send, or raise DeliveryError; `permanent` means that trying again is of no use.

        A message may be sent twice after a crash: `message.id` is its idempotency key.
        """
        ...


def one_line(message: Message) -> str:
    """The message in one line, without control characters: names in logs are hostile text."""
    alert = message.alert
    where = f"{alert.family}/{alert.run} " if alert.run else ""
    line = f"[{alert.answer}] {message.event}: {where}{alert.rule}: {alert.sentence} (alert {alert.id})"
    return "".join(c if c.isprintable() else "?" for c in line)
