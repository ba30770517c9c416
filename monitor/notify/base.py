"""What a notifier is, and the letter it sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol

from checkpoints_db.records import Alert, Answer, Finding, Message
from monitor.settings import Receiver, Settings
from policies.lifecycle import may

FINDINGS = 5
"""Findings that a letter spells out."""

NAMED = 100
"""Alerts whose ids are in the body of a message; `count` says how many there are."""

Draw = Callable[[Alert], bytes | None]
"""The chart of an alert as PNG, or None where there is nothing to draw."""


class Letter:
    """A message on its way: with the moment of the attempt, the link, and what is only made where it is wanted."""

    def __init__(
        self, message: Message, at: datetime, *, home: str, draw: Draw, alerts: Callable[[], list[Alert]]
    ) -> None:
        self.message, self.at, self.home = message, at, home.rstrip("/")
        self._draw, self._alerts = draw, alerts

    @cached_property
    def picture(self) -> bytes | None:
        """The chart as PNG, drawn when a notifier asks for it."""
        return self._draw(self.message.alert)

    @cached_property
    def alerts(self) -> list[Alert]:
        """Every alert the message tells of, as it is now."""
        return self._alerts()

    @property
    def link(self) -> str:
        """Where to read on; empty where nobody said where the page is."""
        return self.link_to(self.message.alert)

    def link_to(self, alert: Alert) -> str:
        """The page of an alert."""
        return f"{self.home}/alerts/{alert.id}" if self.home else ""

    @property
    def subject(self) -> str:
        """What it is about, in one short line."""
        alert, more = self.message.alert, self.message.count - 1
        where = f"{alert.family}/{alert.run}: " if alert.run else ""
        others = f" and {more} more" if more else ""
        drill = "DRILL " if alert.drill else ""
        said = drill + ("closed" if self.message.event == "closed" else alert.answer.value)
        return printable(f"[holdpoint {said}] {where}{alert.rule}{others}")

    @property
    def text(self) -> str:
        """The whole letter in plain words: what happened, in numbers, and what may be done."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        message, alert = self.message, self.message.alert
        if alert.drill:
            yield f"DRILL: this is fire drill {alert.drill}. No run broke its forecast, and nothing is to be done."
        yield printable(f"{message.event}: {alert.sentence}")
        for finding in self.findings:
            yield ""
            yield printable(f"{finding.subject or 'the run'} ({finding.kind}): {finding.sentence}")
            if finding.numbers:
                yield printable("  " + ", ".join(f"{key} {value:.4g}" for key, value in finding.numbers.items()))
            if finding.would_pass_if:
                yield printable(f"  it would pass if {finding.would_pass_if}")
        if message.others or message.count > 1:
            yield ""
            yield f"{message.count} alerts in this message; the others, worst first:"
            for other in message.others:
                where = f"{other.family}/{other.run} " if other.run else ""
                yield printable(f"  [{other.answer}] {where}{other.rule}: {other.sentence} (alert {other.alert})")
            if message.count - 1 > len(message.others):
                yield f"  … and {message.count - 1 - len(message.others)} more"
        if message.held_back:
            yield f"{message.held_back} consequences of it are not told one by one."
        yield ""
        yield from (printable(line) for line in next_steps(alert))
        if self.link:
            yield self.link
        yield f"alert {alert.id} · message {message.id[:16]} · route {printable(message.route)}"

    @property
    def findings(self) -> list[Finding]:
        """The worst findings of the alert; the diagnosis, where there is one, first."""
        order = sorted(self.message.alert.findings, key=lambda f: (f.kind != "diagnosis", -f.effect.rank, -f.magnitude))
        return order[:FINDINGS]

    def body(self) -> dict[str, Any]:
        """The message as JSON values, with its words and its link."""
        message = self.message
        told = {"subject": self.subject, "text": self.text, "link": self.link, "next": next_steps(message.alert)}
        return {**message.body(), "count": message.count, "alerts": list(message.alerts[:NAMED]), **told}


class Notifier(Protocol):
    """Sends letters to receivers of one kind; one with `resends = True` is told again of what is still open."""

    name: str

    def check(self, receiver: Receiver, settings: Settings) -> None:
        """Raise SettingsError where the receiver lacks something; opens no connection."""
        ...

    def send(self, letter: Letter, receiver: Receiver, settings: Settings) -> None:
        """Send, or raise DeliveryError; `permanent` means that trying again is of no use.

        A message may be sent twice after a crash: `letter.message.id` is its idempotency key.
        """
        ...


def next_steps(alert: Alert) -> list[str]:
    """What a person may do about an alert, as commands."""
    if alert.drill:
        return ["holdpoint drill list"]
    if alert.over:
        return []
    steps = [f"holdpoint alert show {alert.id}"]
    if may(alert.state, "acknowledged", person=True):
        steps.append(f"holdpoint alert ack {alert.id} --by NAME --for 4h")
    if alert.run and alert.answer.rank >= Answer.HOLD.rank:
        steps.append(f"holdpoint gate status {alert.family}/{alert.run}")
    return steps


def printable(text: str) -> str:
    """Text without control characters: names in logs are hostile.

    >>> printable("a\\x1b[31mb\\r\\nc")
    'a?[31mb??c'
    """
    return "".join(c if c.isprintable() else "?" for c in text)


def one_line(message: Message) -> str:
    """The message in one line, without control characters."""
    alert = message.alert
    more = f" (and {message.count - 1} more alerts)" if message.count > 1 else ""
    where = f"{alert.family}/{alert.run} " if alert.run else ""
    drill = "DRILL " if alert.drill else ""
    said = f"[{drill}{alert.answer}] {message.event}: {where}{alert.rule}: {alert.sentence}"
    return printable(f"{said} (alert {alert.id}){more}")
