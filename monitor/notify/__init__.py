"""The back door: who is told, one file per notifier, at least once."""

from __future__ import annotations

from checkpoints_db import Store
from checkpoints_db.errors import PolicyError, SettingsError
from checkpoints_db.registry import Registry
from monitor.clock import Clock
from monitor.notify.alertmanager import Alertmanager
from monitor.notify.apprise import Apprise
from monitor.notify.backoff import FIRST_WAIT
from monitor.notify.base import Draw, Letter, Notifier, one_line
from monitor.notify.command import Command
from monitor.notify.deliver import Pass, Send, no_picture, plainly
from monitor.notify.email import Email
from monitor.notify.file import File
from monitor.notify.log import Log
from monitor.notify.plan import plan
from monitor.notify.slack import Slack
from monitor.notify.webhook import Webhook
from monitor.settings import Settings
from policies.routes import named_receivers
from policies.schema import Policy

__all__ = [
    "FIRST_WAIT",
    "NOTIFIERS",
    "Draw",
    "Letter",
    "Notifier",
    "check",
    "check_names",
    "check_receivers",
    "deliver",
    "one_line",
    "plan",
]

NOTIFIERS: Registry[Notifier] = Registry(
    "notifier",
    (Log(), File(), Webhook(), Slack(), Alertmanager(), Email(), Command(), Apprise()),
    lambda notifier: notifier.name,
)


def deliver(
    store: Store,
    settings: Settings,
    clock: Clock,
    policy: Policy | None = None,
    draw: Draw = no_picture,
    send: Send = plainly,
) -> tuple[int, int, dict[str, str]]:
    """Route what is owed, then send every message that is due.

    Returns how many were sent, how many failed, and which receivers can never be reached, with the reason. The state is
    written after the send succeeded: a crash repeats a message, with the same id, it never loses one. Without a policy
    (it does not load) everybody is told whom the alert itself names.
    """
    plan(store, policy, clock.now())
    sending = Pass(store, settings, clock, NOTIFIERS, draw, send)
    sending.run()
    sending.resend()
    return sending.sent, sending.failed, sending.lost


def check_names(policy: Policy, settings: Settings) -> None:
    """Raise SettingsError where the policy names a receiver that settings do not have."""
    for name, key in named_receivers(policy).items():
        if name not in settings.receivers:
            known = ", ".join(settings.receivers) or "none"
            raise SettingsError(
                f"policy {policy.name!r}: {key} names the receiver {name!r}, which the settings do not have; add "
                f"[receivers.{name}] to them, or name one that is there ({known})"
            )


def check(policy: Policy, settings: Settings) -> None:
    """Raise SettingsError where the policy names a receiver that settings do not have, or one lacks something."""
    check_names(policy, settings)
    check_receivers(settings)


def check_receivers(settings: Settings) -> None:
    """Raise SettingsError where a receiver lacks something."""
    for name, receiver in settings.receivers.items():
        try:
            NOTIFIERS.get(receiver.kind).check(receiver, settings)
        except (SettingsError, PolicyError) as error:
            raise SettingsError(f"receivers.{name}: {error}") from error
