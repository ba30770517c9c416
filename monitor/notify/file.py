"""Notifier `file`: one JSON line a message, appended to a file."""

from __future__ import annotations

import os

from checkpoints_db.errors import DeliveryError
from checkpoints_db.records import Message, canonical
from monitor.settings import Receiver, Settings


class File:
    """Appends each message to the file of its receiver and waits until it is on disk."""

    name = "file"

    def send(self, message: Message, receiver: Receiver, settings: Settings) -> None:
        """Append the line. Raises DeliveryError: permanent without a path, otherwise to be tried again."""
        if receiver.path is None:
            raise DeliveryError(message.receiver, "a receiver of kind 'file' needs a `path`", permanent=True)
        path = settings.at(receiver.path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as stream:
                stream.write(canonical(message.body()) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise DeliveryError(message.receiver, f"{path}: {error.strerror or error}", permanent=False) from error
