"""Notifier `slack`: an incoming webhook of Slack, or of anything that speaks its blocks (Mattermost, Rocket.Chat).

Incoming webhooks take no pictures: the chart is behind the link. `apprise` with a bot token sends it along.
"""

from __future__ import annotations

from typing import Any

from checkpoints_db.errors import DeliveryError, SettingsError
from checkpoints_db.records import Answer
from monitor.notify import wire
from monitor.notify.base import Letter, next_steps, printable
from monitor.notify.webhook import url_of
from monitor.settings import Receiver, Settings

MARKS = {Answer.PAUSE: ":octagonal_sign:", Answer.HOLD: ":hand:", Answer.WARN: ":warning:", Answer.GO: ":green_circle:"}
LONGEST = 2900
"""Characters of a section; Slack refuses 3000."""


class Slack:
    """Posts each message as blocks: headline, sentence, findings, commands, link."""

    name = "slack"

    def check(self, receiver: Receiver, settings: Settings) -> None:
        """Raises SettingsError without a URL."""
        url_of(receiver, settings)

    def send(self, letter: Letter, receiver: Receiver, settings: Settings) -> None:
        """Post the blocks. Raises DeliveryError."""
        name = letter.message.receiver
        try:
            url = url_of(receiver, settings)
        except SettingsError as error:
            raise DeliveryError(name, str(error), permanent=True) from error
        # Slack has no header for it: whoever reads the channel finds the key in the last line.
        headers = {"Idempotency-Key": letter.message.id}
        patience = receiver.timeout.total_seconds()
        wire.post(url, blocks(letter), headers=headers, patience=patience, receiver=name)


def blocks(letter: Letter) -> dict[str, Any]:
    """The letter as blocks; `text` is what a phone shows."""
    alert = letter.message.alert
    made = [
        {"type": "header", "text": {"type": "plain_text", "text": letter.subject[:150]}},
        _section(f"{MARKS[alert.answer]} {escaped(alert.sentence)}"),
    ]
    for finding in letter.findings:
        numbers = ", ".join(f"{key} {value:.4g}" for key, value in finding.numbers.items())
        words = [f"*{escaped(finding.subject or 'the run')}* ({finding.kind}): {escaped(finding.sentence)}"]
        words += [f"`{escaped(numbers)}`"] if numbers else []
        words += [f"would pass if {escaped(finding.would_pass_if)}"] if finding.would_pass_if else []
        made.append(_section("\n".join(words)))
    others = [f"• [{o.answer}] {escaped(f'{o.family}/{o.run} {o.rule}: {o.sentence}')}" for o in letter.message.others]
    if others:
        made.append(_section("\n".join([f"{letter.message.count} alerts, among them", *others])))
    steps = "\n".join(escaped(step) for step in next_steps(alert))
    made += [_section(f"```{steps}```")] if steps else []
    link = f"<{letter.link}|open the alert> · " if letter.link else ""
    last = f"{link}alert {alert.id} · message {letter.message.id[:16]}"
    made.append({"type": "context", "elements": [{"type": "mrkdwn", "text": last}]})
    return {"text": f"{letter.subject}: {escaped(alert.sentence)}"[:LONGEST], "blocks": made[:50]}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:LONGEST]}}


def escaped(text: str) -> str:
    """Text that can neither mention anybody nor link: names of models are hostile.

    >>> escaped("<!channel> & co")
    '&lt;!channel&gt; &amp; co'
    """
    return printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
