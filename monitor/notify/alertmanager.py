"""Notifier `alertmanager`: alerts to the v2 API of a Prometheus Alertmanager, again while they fire.

Alertmanager forgets what it is not told again, so every alert carries the moment at which it ends by itself: four
resends after the last. A closed alert ends when it was closed.
"""

from __future__ import annotations

from typing import Any

from checkpoints_db.errors import DeliveryError, SettingsError
from checkpoints_db.records import Alert
from monitor.notify import wire
from monitor.notify.base import Letter, printable
from monitor.notify.webhook import token_of, url_of
from monitor.settings import Receiver, Settings
from policies.routes import kinds_of

RESENDS = 4
"""Resends that may fail before Alertmanager takes an alert for resolved."""
AT_ONCE = 1000
"""Alerts of one request."""


class Alertmanager:
    """Posts the alerts of a message, each by itself: Alertmanager groups and silences as its own settings say."""

    name = "alertmanager"
    resends = True

    def check(self, receiver: Receiver, settings: Settings) -> None:
        """Raises SettingsError without a URL."""
        url_of(receiver, settings)
        token_of(receiver, settings)

    def send(self, letter: Letter, receiver: Receiver, settings: Settings) -> None:
        """Post the alerts. Raises DeliveryError."""
        name = letter.message.receiver
        try:
            url, token = url_of(receiver, settings), token_of(receiver, settings)
        except SettingsError as error:
            raise DeliveryError(name, str(error), permanent=True) from error
        alerts = [self.alert(each, letter, receiver) for each in letter.alerts or [letter.message.alert]]
        for start in range(0, len(alerts), AT_ONCE):
            wire.post(
                f"{url.rstrip('/')}/api/v2/alerts",
                alerts[start : start + AT_ONCE],
                headers={"Authorization": f"Bearer {token}"} if token else {},
                patience=receiver.timeout.total_seconds(),
                trust=settings.at(receiver.ca_file) if receiver.ca_file else None,
                hidden=[token],
                receiver=name,
            )

    @staticmethod
    def alert(alert: Alert, letter: Letter, receiver: Receiver) -> dict[str, Any]:
        """One alert as the API wants it; equal labels are one alert, so an alert that grows worse is a new one."""
        labels = {
            "alertname": alert.rule,
            "alert": alert.id,
            "family": alert.family,
            "run": alert.run,
            "severity": alert.answer.value.lower(),
            "kind": kinds_of(alert)[0],
            "drill": alert.drill,
            **receiver.labels,
        }
        ends = alert.changed_at if alert.over else letter.at + RESENDS * receiver.resend
        about = {"summary": printable(alert.sentence), "state": alert.state, "message": letter.message.id}
        told: dict[str, Any] = {
            "labels": {key: printable(value) for key, value in labels.items() if value},
            "annotations": about,
            "startsAt": alert.opened_at.isoformat(),
            "endsAt": ends.isoformat(),
        }
        return {**told, "generatorURL": letter.link_to(alert)} if letter.home else told
