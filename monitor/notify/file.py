"""Notifier `file`: one JSON line a message, appended to a file."""

from __future__ import annotations

import os

from checkpoints_db.errors import DeliveryError, SettingsError
from checkpoints_db.records import canonical
from monitor.notify.base import Letter
from monitor.settings import Receiver, Settings


class File:
    """Appends each message to the file of its receiver and waits until it is on disk."""

    name = "file"

    def check(self, receiver: Receiver, settings: Settings) -> None:
        """Raises SettingsError without a path."""
        if receiver.path is None:
            raise SettingsError("a receiver of kind 'file' needs a `path`")

    def send(self, letter: Letter, receiver: Receiver, settings: Settings) -> None:
        """Append the line. Raises DeliveryError: permanent without a path, otherwise to be tried again."""
        name = letter.message.receiver
        if receiver.path is None:
            raise DeliveryError(name, "a receiver of kind 'file' needs a `path`", permanent=True)
        path = settings.at(receiver.path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as stream:
                stream.write(canonical(letter.body()) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise DeliveryError(name, f"{path}: {error.strerror or error}", permanent=False) from error
