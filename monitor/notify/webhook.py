"""Notifier `webhook`: CloudEvents over HTTP, signed as Standard Webhooks asks.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from checkpoints_db.errors import DeliveryError, SettingsError
from checkpoints_db.records import canonical
from monitor.notify import wire
from monitor.notify.base import Letter
from monitor.notify.event import CONTENT_TYPE, envelope
from monitor.notify.secret import secret_of
from monitor.settings import Receiver, Settings

SYMMETRIC, ASYMMETRIC = "whsec_", "whsk_"
LEAST, MOST = 24, 64
"""Bytes of a symmetric secret."""
MAKE = 'make one with `echo "whsec_$(openssl rand -base64 32)"`'


def signatures(name: str, at: datetime, body: bytes, keys: list[str]) -> str:
    """The header `webhook-signature`: one signature for each secret, so that old and new ones are valid together.

    Of `whsec_` secrets v1 (HMAC-SHA256), of `whsk_` ones v1a (ed25519), over id, time and body. Raises ValueError for
    what is neither.

    >>> from datetime import UTC
    >>> secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    >>> when = datetime.fromtimestamp(1614265330, UTC)
    >>> signatures("msg_p5jXN8AQM9LWM0D4loKWxJek", when, b'{"test": 2432232314}', [secret])
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    told = f"{name}.{int(at.timestamp())}.".encode() + body
    return " ".join(_signature(told, secret) for secret in keys)


def _signature(told: bytes, secret: str) -> str:
    if secret.startswith(ASYMMETRIC):
        key = Ed25519PrivateKey.from_private_bytes(_bytes(secret, ASYMMETRIC)[:32])
        return "v1a," + base64.b64encode(key.sign(told)).decode()
    raw = _bytes(secret, SYMMETRIC)
    if not LEAST <= len(raw) <= MOST:
        raise ValueError(f"a secret has {LEAST} to {MOST} bytes, not {len(raw)}; {MAKE}")
    return "v1," + base64.b64encode(hmac.digest(raw, told, hashlib.sha256)).decode()


def _bytes(secret: str, prefix: str) -> bytes:
    if not secret.startswith(prefix):
        raise ValueError(f"a secret begins with {SYMMETRIC} or {ASYMMETRIC}; {MAKE}")
    try:
        return base64.b64decode(secret.removeprefix(prefix), validate=True)
    except binascii.Error:
        raise ValueError(f"what follows {prefix} is not base64; {MAKE}") from None


class Webhook:
    """Posts each message as an event with the headers webhook-id, webhook-timestamp and webhook-signature."""

    name = "webhook"

    def check(self, receiver: Receiver, settings: Settings) -> None:
        """Raises SettingsError without a URL or without a secret that signs."""
        url_of(receiver, settings)
        keys = _secrets(receiver, settings)
        if not keys:
            raise SettingsError(f"a receiver of kind 'webhook' needs secret_files or secret_env; {MAKE}")
        try:
            for secret in keys:
                _signature(b"", secret)
        except ValueError as error:
            raise SettingsError(f"secret: {error}") from None

    def send(self, letter: Letter, receiver: Receiver, settings: Settings) -> None:
        """Post the event. Raises DeliveryError."""
        name, message = letter.message.receiver, letter.message.id
        try:
            self.check(receiver, settings)
            url, keys, token = url_of(receiver, settings), _secrets(receiver, settings), token_of(receiver, settings)
        except SettingsError as error:
            raise DeliveryError(name, str(error), permanent=True) from error
        body = canonical(envelope(letter)).encode("utf-8", "surrogatepass")
        headers = {
            "Content-Type": CONTENT_TYPE,
            "webhook-id": message,
            "webhook-timestamp": str(int(letter.at.timestamp())),
            "webhook-signature": signatures(message, letter.at, body, keys),
            **({"Authorization": f"Bearer {token}"} if token else {}),
        }
        wire.post(
            url,
            content=body,
            headers=headers,
            patience=receiver.timeout.total_seconds(),
            trust=settings.at(receiver.ca_file) if receiver.ca_file else None,
            hidden=[*keys, token],
            receiver=name,
        )


def url_of(receiver: Receiver, settings: Settings) -> str:
    """Where to post. Raises SettingsError where nothing says so."""
    url = receiver.url or secret_of(settings, receiver.url_file, receiver.url_env, "url")
    if not url:
        secret = receiver.kind in ("slack", "apprise")
        raise SettingsError(
            f"a receiver of kind {receiver.kind!r} needs {'' if secret else 'url, '}url_file or url_env: where to post"
        )
    return url


def token_of(receiver: Receiver, settings: Settings) -> str:
    """The bearer token, or nothing. Raises SettingsError where one is named and cannot be had."""
    return secret_of(settings, receiver.token_file, receiver.token_env, "token")


def _secrets(receiver: Receiver, settings: Settings) -> list[str]:
    files = [secret_of(settings, file, "", "secret") for file in receiver.secret_files]
    return [*files, *(secret_of(settings, None, variable, "secret") for variable in receiver.secret_env)]
