"""The back door: who is told, one file per notifier, at least once."""

from __future__ import annotations

from datetime import timedelta

from checkpoints_db import Store
from checkpoints_db.errors import DeliveryError, HoldpointError
from checkpoints_db.registry import Registry
from monitor.clock import Clock
from monitor.notify.base import Notifier, one_line
from monitor.notify.file import File
from monitor.notify.log import Log
from monitor.settings import Settings

__all__ = ["NOTIFIERS", "Notifier", "deliver", "one_line"]

NOTIFIERS: Registry[Notifier] = Registry("notifier", (Log(), File()), lambda notifier: notifier.name)

FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(hours=1)
"""Pause before the second attempt, doubled each time up to the longest; attempts never end by count."""


def deliver(store: Store, settings: Settings, clock: Clock) -> tuple[int, int, dict[str, str]]:
    """Send every message that is due; returns how many were sent, how many failed, and what can never arrive.

    The state is written after the send succeeded: a crash repeats a message, it never loses one.
    """
    sent = failed = 0
    lost: dict[str, str] = {}
    for owed in store.outbox.due(clock.now()):
        name = owed.message.receiver
        try:
            receiver = settings.receivers.get(name)
            if receiver is None:
                raise DeliveryError(name, "no such receiver in the settings", permanent=True)
            NOTIFIERS.get(receiver.kind).send(owed.message, receiver, settings)
        except HoldpointError as error:
            failed += 1
            final = isinstance(error, DeliveryError) and error.permanent
            if final:
                lost[name] = str(error)
            wait = min(FIRST_WAIT * 2 ** min(owed.attempts, 20), LONGEST_WAIT)
            with store.transaction():
                again = None if final else clock.now() + wait
                store.outbox.failed(owed.message.id, str(error), clock.now(), again=again)
        else:
            sent += 1
            with store.transaction():
                store.outbox.sent(owed.message.id, clock.now())
    return sent, failed, lost
