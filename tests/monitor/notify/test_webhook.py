"""Signed events: by the second opinion of the library of Standard Webhooks, and by every secret that is valid."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from receivers import Hook
from standardwebhooks import Webhook, WebhookVerificationError
from telling import SECRET, House, webhook_table

from checkpoints_db import Store
from checkpoints_db.errors import SettingsError
from checkpoints_db.records import Answer, Message
from monitor import notify
from monitor.clock import SystemClock
from monitor.notify.event import type_of
from monitor.notify.webhook import signatures

from telling import an_alert  # isort: skip

OTHER = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
AT = datetime(2026, 11, 23, 9, tzinfo=UTC)


def test_what_arrives_is_verified_by_the_library_and_nothing_else_is(hooked: House, hook: Hook, store: Store) -> None:
    (hooked.lab.root / "secret2").write_text(OTHER)
    hooked.receivers(webhook_table().replace('["secret"]', '["secret", "secret2"]'))
    hooked.clock = SystemClock()  # the library refuses what is five minutes old
    hooked.trouble(store, "a.json")
    assert hooked.deliver(store) == (1, 0, {})
    (heard,) = hook.heard
    for secret in (SECRET, OTHER):
        assert Webhook(secret).verify(heard["raw"], heard["headers"])["specversion"] == "1.0"
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + base64.b64encode(b"x" * 32).decode()).verify(heard["raw"], heard["headers"])
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(heard["raw"] + b" ", heard["headers"])
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(heard["raw"], {**heard["headers"], "webhook-id": "another"})


def test_the_event_is_a_cloudevent(hooked: House, hook: Hook, store: Store) -> None:
    hooked.receivers(webhook_table(), web='[web]\nurl = "https://hold.example.org/"\n')
    alert = hooked.trouble(store, "a.json")
    hooked.deliver(store)
    event = hook.heard[0]["json"]
    assert hook.heard[0]["headers"]["content-type"].startswith("application/cloudevents+json")
    assert {key: event[key] for key in ("specversion", "source", "type", "subject", "datacontenttype")} == {
        "specversion": "1.0",
        "source": "https://hold.example.org",
        "type": "holdpoint.alert.opened.v1",
        "subject": "quarantine",
        "datacontenttype": "application/json",
    }
    assert datetime.fromisoformat(event["time"]) == hooked.clock.now()
    assert event["id"] == hook.heard[0]["headers"]["webhook-id"]
    data = event["data"]
    assert data["link"] == f"https://hold.example.org/alerts/{alert.id}"
    assert data["next"][0] == f"holdpoint alert show {alert.id}"
    assert "a.json: cannot be read" in data["text"]


@pytest.mark.parametrize(
    ("answer", "event", "run", "name"),
    [
        (Answer.PAUSE, "opened", "s6", "holdpoint.gate.paused.v1"),
        (Answer.HOLD, "reopened", "s6", "holdpoint.gate.held.v1"),
        (Answer.WARN, "changed", "s6", "holdpoint.gate.warned.v1"),
        (Answer.HOLD, "opened", "", "holdpoint.alert.opened.v1"),
        (Answer.PAUSE, "escalated", "s6", "holdpoint.alert.escalated.v1"),
        (Answer.PAUSE, "closed", "s6", "holdpoint.alert.closed.v1"),
    ],
)
def test_what_happened_has_a_name(answer: Answer, event: str, run: str, name: str) -> None:
    alert = an_alert(answer, run=run)
    assert (
        type_of(Message.model_validate({"id": "1", "receiver": "x", "event": event, "alert": alert, "at": AT})) == name
    )


def test_v1a_is_verified_by_the_public_key() -> None:
    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"seed").digest())
    secret = "whsk_" + base64.b64encode(key.private_bytes_raw()).decode()
    both = signatures("msg_1", AT, b"{}", [SECRET, secret]).split(" ")
    assert [each.split(",")[0] for each in both] == ["v1", "v1a"]
    told = b"msg_1.%d.{}" % AT.timestamp()
    public = Ed25519PublicKey.from_public_bytes(key.public_key().public_bytes_raw())
    public.verify(base64.b64decode(both[1].split(",")[1]), told)


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        ("whsec_" + base64.b64encode(b"x" * 23).decode(), "24 to 64 bytes, not 23"),
        ("whsec_" + base64.b64encode(b"x" * 65).decode(), "24 to 64 bytes, not 65"),
        ("whsec_not base64!", "is not base64"),
        ("plain", "begins with whsec_"),
    ],
)
def test_a_secret_that_cannot_sign_is_refused_without_being_said(hooked: House, secret: str, says: str) -> None:
    (hooked.lab.root / "secret").write_text(secret)
    with pytest.raises(SettingsError, match=says) as refused:
        notify.check(hooked.policy, hooked.lab.settings)
    assert secret.removeprefix("whsec_") not in str(refused.value).replace("whsec_", "")


@pytest.mark.parametrize("length", [24, 64])
def test_the_longest_and_the_shortest_secret_sign(length: int) -> None:
    secret = "whsec_" + base64.b64encode(b"x" * length).decode()
    made = signatures("msg_1", AT, b"{}", [secret])
    assert made == Webhook(secret).sign("msg_1", AT, "{}")
