"""Slack's blocks and Apprise's URLs, to a receiver that is there."""

from __future__ import annotations

import pytest
from receivers import Hook
from telling import House, an_alert

from checkpoints_db import Store
from checkpoints_db.errors import DeliveryError
from checkpoints_db.records import Answer, Message
from monitor.notify.apprise import Apprise
from monitor.notify.base import Letter
from monitor.notify.slack import blocks

PNG = b"\x89PNG\r\n\x1a\n" + b"chart" * 100


@pytest.fixture
def letter(house: House) -> Letter:
    alert = an_alert(Answer.PAUSE, run="<!channel>", sentence="<!channel> broke & more")
    message = Message(id="a" * 64, receiver="chat", event="opened", alert=alert, at=house.clock.now())
    return Letter(message, house.clock.now(), home="https://hold.example.org", draw=lambda _: PNG, alerts=list)


def test_slack_gets_blocks_that_mention_nobody(house: House, hook: Hook, store: Store, letter: Letter) -> None:
    (house.lab.root / "slack.url").write_text(hook.url)
    house.receivers('[receivers.chat]\nkind = "slack"\nurl_file = "slack.url"')
    house.notify("chat")
    house.trouble(store, "a.json")
    assert house.deliver(store) == (1, 0, {})
    assert hook.heard[0]["headers"]["idempotency-key"] == store.outbox.listed()[0].message.id
    said = hook.heard[0]["json"]
    assert "a.json: cannot be read" in said["text"]
    assert [block["type"] for block in said["blocks"]] == ["header", "section", "section", "context"]
    made = blocks(letter)
    assert "<!channel>" not in str([block for block in made["blocks"] if block["type"] != "header"])
    assert "<https://hold.example.org/alerts/" in made["blocks"][-1]["elements"][0]["text"]


def test_apprise_carries_words_and_chart(house: House, hook: Hook, letter: Letter) -> None:
    (house.lab.root / "apprise.url").write_text(hook.url.replace("http://", "json://"))
    house.receivers('[receivers.chat]\nkind = "apprise"\nurl_file = "apprise.url"')
    receiver = house.lab.settings.receivers["chat"]
    Apprise().send(letter, receiver, house.lab.settings)
    (heard,) = hook.heard
    assert heard["json"]["title"] == letter.subject
    assert "broke & more" in heard["json"]["message"]
    assert heard["json"]["type"] == "failure"
    (attached,) = heard["json"]["attachments"]
    assert attached["mimetype"] == "image/png"
    hook.mode = "500"
    with pytest.raises(DeliveryError) as failed:
        Apprise().send(letter, receiver, house.lab.settings)
    assert not failed.value.permanent
    assert "SECRET" not in str(failed.value)


def test_a_url_that_apprise_cannot_read_is_final_and_not_said(house: House, letter: Letter) -> None:
    (house.lab.root / "apprise.url").write_text("nonsense://user:hunter2@nowhere")
    house.receivers('[receivers.chat]\nkind = "apprise"\nurl_file = "apprise.url"')
    with pytest.raises(DeliveryError) as failed:
        Apprise().send(letter, house.lab.settings.receivers["chat"], house.lab.settings)
    assert failed.value.permanent
    assert "hunter2" not in str(failed.value)
