"""Mail to a server that is there: what arrives, what is final, and that no password goes over an open line."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from receivers import free_port
from telling import House, an_alert

from checkpoints_db import Store
from checkpoints_db.errors import DeliveryError, SettingsError
from checkpoints_db.records import Answer, Message
from monitor.notify.base import Letter
from monitor.notify.email import Email
from monitor.settings import Receiver

PNG = b"\x89PNG\r\n\x1a\n" + b"chart" * 100


class Post:
    """Takes mails in, or answers as it is told."""

    def __init__(self) -> None:
        self.answer = "250 OK"
        self.refuses = ""
        self.mails: list[EmailMessage] = []

    async def handle_RCPT(self, _: Any, __: Any, envelope: Any, address: str, ___: Any) -> str:  # noqa: N802 - theirs
        if address == self.refuses:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: Any, __: Any, envelope: Any) -> str:  # noqa: N802 - theirs
        if self.answer.startswith("250"):
            parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
            assert isinstance(parsed, EmailMessage)
            self.mails.append(parsed)
        return self.answer


@pytest.fixture
def post() -> Iterator[tuple[Post, int]]:
    handler = Post()
    port = free_port()
    server = Controller(handler, hostname="127.0.0.1", port=port, ready_timeout=10)
    server.start()
    try:
        yield handler, port
    finally:
        server.stop()


def mailed(house: House, port: int) -> None:
    house.receivers(
        f'[receivers.mail]\nkind = "email"\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\n'
        'sender = "holdpoint@example.org"\nto = ["ada@example.org", "bob@example.org"]\ntimeout = "5s"',
        '[receivers.file]\nkind = "file"\npath = "alerts.jsonl"',
    )
    house.notify("mail")


def test_a_mail_has_words_key_and_chart(house: House, post: tuple[Post, int]) -> None:
    mailed(house, post[1])
    alert = an_alert(Answer.PAUSE, sentence="it broke\r\nBcc: everybody@example.org", run="s6\nX-Evil: 1")
    message = Message(id="a" * 64, receiver="mail", event="opened", alert=alert, at=house.clock.now())
    letter = Letter(message, house.clock.now(), home="https://hold.example.org", draw=lambda _: PNG, alerts=list)
    Email().send(letter, house.lab.settings.receivers["mail"], house.lab.settings)
    (mail,) = post[0].mails
    assert mail["Subject"] == "[holdpoint PAUSE] lab/s6?X-Evil: 1: break"
    assert (mail["Bcc"], mail["X-Evil"]) == (None, None)
    assert mail["Message-ID"] == f"<{'a' * 40}@holdpoint>"
    assert mail["Idempotency-Key"] == "a" * 64
    body = mail.get_body(("plain",))
    assert body is not None
    words = body.get_content()
    for said in (
        "it broke??Bcc",
        "the run (break): it broke",
        "holdpoint alert ack",
        "https://hold.example.org/alerts/",
    ):
        assert said in words
    (chart,) = mail.iter_attachments()
    assert (chart.get_content_type(), chart.get_content()) == ("image/png", PNG)


def test_nothing_is_lost_while_the_server_says_later(house: House, post: tuple[Post, int], store: Store) -> None:
    mailed(house, post[1])
    post[0].answer = "451 try again later"
    house.trouble(store, "a.json")
    assert house.deliver(store) == (0, 1, {})
    post[0].answer = "250 OK"
    house.clock.sleep(10)
    assert house.deliver(store) == (1, 0, {})
    assert len(post[0].mails) == 1


@pytest.mark.parametrize("what", ["mailbox", "content"])
def test_a_refusal_by_5xx_is_final(house: House, post: tuple[Post, int], store: Store, what: str) -> None:
    mailed(house, post[1])
    if what == "mailbox":
        post[0].refuses = "bob@example.org"
    else:
        post[0].answer = "554 not that"
    house.trouble(store, "a.json")
    _, failed, lost = house.deliver(store)
    assert failed == 1
    told = {"mailbox": "1 of 2 addresses were refused: bob@example.org: 550 no such mailbox", "content": "554 not that"}
    assert told[what] in lost["mail"]


def test_a_server_that_is_not_there_is_tried_again(house: House, store: Store) -> None:
    mailed(house, 9)
    house.trouble(store, "a.json")
    assert house.deliver(store) == (0, 1, {})
    assert "could not be reached: ConnectionRefusedError" in store.outbox.listed()[0].error


def test_a_server_without_starttls_gets_nothing(house: House, post: tuple[Post, int], store: Store) -> None:
    mailed(house, post[1])
    house.lab.config.write_text(house.lab.config.read_text().replace('"none"', '"starttls"'))
    house.trouble(store, "a.json")
    assert "STARTTLS extension not supported" in house.deliver(store)[2]["mail"]
    assert post[0].mails == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"host": ""}, "needs `host`"),
        ({"to": ()}, "needs `to`"),
        ({"sender": "holdpoint"}, "is not one address"),
        ({"to": ("ada@example.org\nBcc: b@example.org",)}, "is not one address"),
        ({"user": "u", "security": "none"}, "never goes over an open line"),
        ({"user": "u"}, "needs password_file or password_env"),
    ],
)
def test_what_a_mailbox_lacks_is_said(house: House, change: dict[str, Any], says: str) -> None:
    whole = {"kind": "email", "host": "h", "sender": "a@example.org", "to": ("b@example.org",)}
    receiver = Receiver.model_validate({**whole, **change})
    with pytest.raises(SettingsError, match=says):
        Email().check(receiver, house.lab.settings)
    alert = an_alert()
    message = Message(id="a", receiver="mail", event="opened", alert=alert, at=house.clock.now())
    letter = Letter(message, house.clock.now(), home="", draw=lambda _: None, alerts=list)
    with pytest.raises(DeliveryError) as failed:
        Email().send(letter, receiver, house.lab.settings)
    assert failed.value.permanent
