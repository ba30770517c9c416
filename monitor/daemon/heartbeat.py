"""A sign of life for a watcher outside: told by a complete cycle, a start or a failure, never by a timer.

The URL is that of a check at healthchecks.io or one like it: `URL/start` when the daemon starts, `URL` after a cycle,
`URL/fail` when a job failed. Whoever hears nothing knows that the daemon, its machine or its network is gone.
"""

from __future__ import annotations

import logging
from datetime import datetime

from checkpoints_db.errors import DeliveryError
from monitor.clock import Clock
from monitor.daemon import systemd
from monitor.notify import wire
from monitor.settings import Settings

logger = logging.getLogger("holdpoint.daemon")

PATIENCE = 5.0
"""Seconds a watcher may take to answer; the next scan waits as long."""


class Heartbeat:
    """Tells the watcher that the settings name; nobody where they name none. A watcher that is away changes nothing."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._terms, self._clock = settings.daemon, clock
        self._last: datetime | None = None
        self._well = True

    def follow(self, settings: Settings) -> None:
        """Go by other settings from now on."""
        self._terms = settings.daemon

    def started(self) -> None:
        """The daemon leads and begins."""
        self._tell("/start", "")

    def beat(self) -> None:
        """A cycle is complete, self-test included; told once in `ping_every`, and at once after a failure.

        The watchdog of systemd is told of each.
        """
        at = self._clock.now()
        systemd.tell(systemd.ALIVE, f"last complete cycle {at:%Y-%m-%d %H:%M:%S} UTC")
        if self._well and self._last is not None and self._last <= at < self._last + self._terms.ping_every:
            return
        if self._tell("", ""):
            self._last, self._well = at, True

    def failed(self, sentence: str) -> None:
        """A job failed; told once until a cycle is complete again."""
        if self._well:
            self._well = not self._tell("/fail", sentence)

    def _tell(self, path: str, sentence: str) -> bool:
        if self._terms.ping_url is None:
            return True
        url = self._terms.ping_url.get_secret_value().rstrip("/") + path
        try:
            wire.post(url, text=sentence[:1000], patience=PATIENCE)
        except DeliveryError as error:
            logger.warning("the watcher outside was not told: %s", error)
            return False
        return True
