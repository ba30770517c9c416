"""Notifier `apprise`: mail, Teams, Matrix, PagerDuty, Slack with pictures, and a hundred more, by one URL.

Needs `pip install 'holdpoint[notify]'`. The URL holds the credentials, so it comes from a file or the environment.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import warnings
from typing import Any

from checkpoints_db.errors import DeliveryError, SettingsError
from checkpoints_db.records import Answer
from monitor.notify.base import Letter
from monitor.notify.webhook import url_of
from monitor.settings import Receiver, Settings

TYPES = {Answer.PAUSE: "failure", Answer.HOLD: "warning", Answer.WARN: "info", Answer.GO: "success"}
INSTALL = "needs the package apprise; `pip install 'holdpoint[notify]'`"

for _name in ("apprise", "urllib3", "requests", "requests_oauthlib"):  # they log URLs, and those hold credentials
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class Apprise:
    """Hands each message to Apprise, with the chart attached where the service takes one."""

    name = "apprise"

    def check(self, receiver: Receiver, settings: Settings) -> None:
        """Raises SettingsError without Apprise, or without a URL."""
        if importlib.util.find_spec("apprise") is None:
            raise SettingsError(f"a receiver of kind 'apprise' {INSTALL}")
        url_of(receiver, settings)

    def send(self, letter: Letter, receiver: Receiver, settings: Settings) -> None:
        """Notify. Raises DeliveryError; Apprise does not say why it failed, so only a URL it cannot read is final."""
        name = letter.message.receiver
        try:
            self.check(receiver, settings)
            urls = url_of(receiver, settings).split()
        except SettingsError as error:
            raise DeliveryError(name, str(error), permanent=True) from error
        # Not at the top: it is an extra, and takes half a second that no other command should wait.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of its own imports; nothing we could change
            apprise: Any = importlib.import_module("apprise")
            services = apprise.Apprise()
            read = [services.add(url) for url in urls]
        if not urls or not all(read):
            raise DeliveryError(name, "Apprise cannot read a URL in url_file or url_env; correct it", permanent=True)
        attached = self._picture(letter) if letter.picture is not None else None
        alert = letter.message.alert
        kind = "success" if letter.message.event == "closed" else TYPES[alert.answer]
        told = services.notify(
            body=letter.text, title=letter.subject, notify_type=kind, body_format="text", attach=attached
        )
        if not told:
            raise DeliveryError(name, "Apprise could not deliver it to every service of the URL", permanent=False)

    @staticmethod
    def _picture(letter: Letter) -> Any:
        memory: Any = importlib.import_module("apprise.attachment.memory")
        name = f"alert-{letter.message.alert.id}.png"
        return memory.AttachMemory(content=letter.picture, name=name, mimetype="image/png")
