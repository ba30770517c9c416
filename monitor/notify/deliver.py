"""Sending what is due: at least once, in the order of each alert, again after a failure, to the next one at last."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from checkpoints_db import Store
from checkpoints_db.errors import DeliveryError, HoldpointError, PolicyError
from checkpoints_db.outbox import Owed
from checkpoints_db.records import Alert, Message, digest_of
from checkpoints_db.registry import Registry
from monitor.clock import Clock
from monitor.notify.backoff import GIVE_UP, LONGEST_HOLD, wait_before
from monitor.notify.base import Draw, Letter, Notifier
from monitor.settings import Receiver, Settings

BUDGET = timedelta(seconds=20)
"""No sending begins after this much of one pass: the other jobs of the daemon wait meanwhile."""


Send = Callable[[Notifier, Letter, Receiver, Settings], None]
"""How a notifier is asked to send: plainly, or with a boundary around the code of others."""


def plainly(notifier: Notifier, letter: Letter, receiver: Receiver, settings: Settings) -> None:
    """As it is."""
    notifier.send(letter, receiver, settings)


def no_picture(_: Alert) -> bytes | None:
    """Nothing is drawn."""
    return None


class Pass:
    """One pass over the messages that are due."""

    def __init__(
        self, store: Store, settings: Settings, clock: Clock, notifiers: Registry[Notifier], draw: Draw, send: Send
    ) -> None:
        self.store, self.settings, self.clock, self.notifiers = store, settings, clock, notifiers
        self._draw, self._send = draw, send
        self.sent = self.failed = 0
        self.lost: dict[str, str] = {}
        """Receivers that can never be reached, and why."""

    def run(self) -> None:
        """Send until nothing is due that was not tried, or until the time is up."""
        began, tried = self.clock.now(), set[str]()
        while self.clock.now() - began < BUDGET:
            # Asked again, since what has been sent may have been what a later message of its alert waited for.
            due = [owed for owed in self.store.outbox.due(began) if owed.message.id not in tried]
            if not due:
                return
            for owed in due:
                tried.add(owed.message.id)
                held = self.store.outbox.reach(owed.message.receiver).held_until
                if held is None or held <= self.clock.now():
                    self._one(owed)
                if self.clock.now() - began >= BUDGET:
                    return

    def resend(self) -> None:
        """Tell receivers that forget (`resends = True`) what they were told and is still open, as often as they want.

        That is no message of its own: what fails is told again the next time, and the delivery log has none of it.
        """
        for name, receiver in self.settings.receivers.items():
            notifier, reach, at = self._notifier(receiver), self.store.outbox.reach(name), self.clock.now()
            if not getattr(notifier, "resends", False) or (reach.held_until and reach.held_until > at):
                continue
            if reach.resent_at is not None and at - reach.resent_at < receiver.resend:
                continue
            told = self.store.outbox.still_told(name)
            alerts = [alert for alert in self.store.actions.alerts(still_open=True) if alert.id in told] if told else []
            if alerts and notifier is not None:
                self._again(notifier, name, receiver, alerts)

    def _again(self, notifier: Notifier, name: str, receiver: Receiver, alerts: list[Alert]) -> None:
        at, lead = self.clock.now(), max(alerts, key=lambda alert: alert.answer.rank)
        message = Message(
            id=digest_of([name, "again", at.isoformat()]), receiver=name, event="repeated", alert=lead, at=at
        )
        reach = self.store.outbox.reach(name)
        try:
            self._send(notifier, self._letter(message, lambda: alerts), receiver, self.settings)
        except DeliveryError as error:
            with self.store.transaction():
                self._hold(name, at, error.wait)
        else:
            with self.store.transaction():
                self.store.outbox.put_reach(reach.model_copy(update={"resent_at": at, "failures": 0}))

    def _notifier(self, receiver: Receiver) -> Notifier | None:
        try:
            return self.notifiers.get(receiver.kind)
        except PolicyError:  # whatever is owed to it says so
            return None

    def _letter(self, message: Message, alerts: Callable[[], list[Alert]]) -> Letter:
        """The message with what is made of it on the way."""
        home = self.settings.web.url if self.settings.web else ""
        return Letter(message, self.clock.now(), home=home, draw=self._draw, alerts=alerts)

    def _alerts(self, message: Message) -> list[Alert]:
        found = (self.store.actions.alert(name) for name in message.alerts or (message.alert.id,))
        return [alert for alert in found if alert is not None]

    def _one(self, owed: Owed) -> None:
        name = owed.message.receiver
        try:
            receiver = self.settings.receivers.get(name)
            if receiver is None:
                known = ", ".join(self.settings.receivers) or "none"
                raise DeliveryError(
                    name, f"no such receiver in the settings; add [receivers.{name}] (there: {known})", permanent=True
                )
            letter = self._letter(owed.message, partial(self._alerts, owed.message))
            self._send(self.notifiers.get(receiver.kind), letter, receiver, self.settings)
        except HoldpointError as error:
            self._failed(owed, error)
        else:
            self.sent += 1
            with self.store.transaction():
                at = self.clock.now()
                self.store.outbox.sent(owed.message.id, at)
                reach = self.store.outbox.reach(name)
                if reach.failures or reach.held_until:
                    self.store.outbox.put_reach(reach.model_copy(update={"failures": 0, "held_until": None}))

    def _failed(self, owed: Owed, error: HoldpointError) -> None:
        self.failed += 1
        at, message, why = self.clock.now(), owed.message, str(error)
        told = error if isinstance(error, DeliveryError) else None
        final = told is not None and told.permanent
        if not final and at - message.at > GIVE_UP:
            final, why = True, f"{why}; given up after {GIVE_UP.days} days and {owed.attempts + 1} attempts"
        with self.store.transaction():
            if final:
                self.lost[message.receiver] = why
                self.store.outbox.failed(message.id, why, at, again=None)
                self._to_the_next(owed, at)
                return
            asked = told.wait if told else None
            self.store.outbox.failed(message.id, why, at, again=at + wait_before(message.id, owed.attempts + 1, asked))
            if told is not None and (told.unreachable or asked):
                self._hold(message.receiver, at, asked)

    def _hold(self, receiver: str, at: datetime, asked: float | None) -> None:
        """Leave a receiver alone for a while: every other message to it would fail as well."""
        reach = self.store.outbox.reach(receiver)
        failures = reach.failures + 1
        wait = wait_before(receiver, failures)
        until = at + max(min(wait, LONGEST_HOLD), wait_before(receiver, 1, asked) if asked else timedelta(0))
        self.store.outbox.put_reach(reach.model_copy(update={"failures": failures, "held_until": until}))

    def _to_the_next(self, owed: Owed, at: datetime) -> None:
        """Owe the message to the first receiver of its route that has not got it and is not lost to it either."""
        message = owed.message
        for number, name in enumerate(message.then):
            if name not in self.settings.receivers:
                continue
            again = digest_of([message.bundle, name])
            there = self.store.outbox.one(again)
            if there is not None and there.state != "lost":
                return  # it was told, or will be
            if there is None:
                after = message.then[number + 1 :]
                passed = message.model_copy(update={"id": again, "receiver": name, "then": after, "at": at})
                self.store.outbox.put(passed)
                return
