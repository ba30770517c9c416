"""Notifier `log`: a line in the daemon's own log."""

from __future__ import annotations

import logging

from checkpoints_db.records import Answer
from monitor.notify.base import Letter, one_line
from monitor.settings import Receiver, Settings

logger = logging.getLogger("holdpoint.alerts")


class Log:
    """Writes each message as one log line; pauses and holds as warnings."""

    name = "log"

    def check(self, receiver: Receiver, settings: Settings) -> None:
        """Nothing is needed."""

    def send(self, letter: Letter, receiver: Receiver, settings: Settings) -> None:
        """Write the line."""
        message = letter.message
        loud = message.alert.answer.rank >= Answer.HOLD.rank and message.event != "closed"
        logger.log(logging.WARNING if loud else logging.INFO, "%s", one_line(message))
