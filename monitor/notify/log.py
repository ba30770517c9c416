"""Notifier `log`: a line in the daemon's own log."""

from __future__ import annotations

import logging

from checkpoints_db.records import Answer, Message
from monitor.notify.base import one_line
from monitor.settings import Receiver, Settings

logger = logging.getLogger("holdpoint.alerts")


class Log:
    """Writes each message as one log line; pauses and holds as warnings."""

    name = "log"

    def send(self, message: Message, receiver: Receiver, settings: Settings) -> None:
        """Write the line."""
        loud = message.alert.answer.rank >= Answer.HOLD.rank and message.event != "closed"
        logger.log(logging.WARNING if loud else logging.INFO, "%s", one_line(message))
