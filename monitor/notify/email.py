"""Notifier `email`: SMTP, with the chart as a picture beside the words."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from checkpoints_db.errors import DeliveryError, SettingsError
from monitor.notify.base import Letter
from monitor.notify.secret import secret_of, without
from monitor.settings import Receiver, Settings

PORTS = {"starttls": 587, "tls": 465, "none": 25}

LINES = SMTP.clone(max_line_length=120)
"""Wide enough that no key is folded."""


class Email:
    """Sends each message as a mail; its Message-ID is made of the idempotency key."""

    name = "email"

    def check(self, receiver: Receiver, settings: Settings) -> None:
        """Raises SettingsError without server or addresses, or where a password would go over an open line."""
        for key in ("host", "sender", "to"):
            if not getattr(receiver, key):
                raise SettingsError(f"a receiver of kind 'email' needs `{key}`")
        for address in (receiver.sender, *receiver.to):
            if "@" not in address or not address.isprintable() or any(c in address for c in " ,;<>"):
                raise SettingsError(f"{address!r} is not one address such as oncall@example.org")
        if receiver.user and receiver.security == "none":
            raise SettingsError('a password never goes over an open line; write security = "starttls" or "tls"')
        if receiver.user and not secret_of(settings, receiver.password_file, receiver.password_env, "password"):
            raise SettingsError("user needs password_file or password_env")

    def send(self, letter: Letter, receiver: Receiver, settings: Settings) -> None:
        """Send the mail. Raises DeliveryError: permanent where the server refuses with 5xx, an address among them."""
        name, password = letter.message.receiver, ""
        try:
            self.check(receiver, settings)
            password = secret_of(settings, receiver.password_file, receiver.password_env, "password")
            refused = self._converse(mail(letter, receiver), receiver, settings, password)
        except SettingsError as error:
            raise DeliveryError(name, str(error), permanent=True) from error
        except smtplib.SMTPRecipientsRefused as error:
            refused = error.recipients
        except smtplib.SMTPResponseException as error:
            why = without(f"{error.smtp_code} {_text(error.smtp_error)}", [password])
            # A greeting of 421 or 554 speaks of the server, everything after it of this mail.
            down = isinstance(error, smtplib.SMTPConnectError) or error.smtp_code == 421
            permanent = error.smtp_code >= 500 and not down
            raise DeliveryError(name, f"the server answered {why}", permanent=permanent, unreachable=down) from None
        except smtplib.SMTPNotSupportedError as error:
            raise DeliveryError(name, f"{receiver.host}: {error}", permanent=True) from None
        except (OSError, smtplib.SMTPException) as error:
            why = f"{receiver.host}: could not be reached: {type(error).__name__}"
            raise DeliveryError(name, why, permanent=False, unreachable=True) from None
        if refused:
            codes = {address: f"{code} {_text(text)}" for address, (code, text) in refused.items()}
            final = all(code >= 500 for code, _ in refused.values())
            told = "; ".join(f"{address}: {why}" for address, why in codes.items())
            why = f"{len(refused)} of {len(receiver.to)} addresses were refused: {told}"
            raise DeliveryError(name, why, permanent=final)

    @staticmethod
    def _converse(
        message: EmailMessage, receiver: Receiver, settings: Settings, password: str
    ) -> dict[str, tuple[int, bytes]]:
        port, patience = receiver.port or PORTS[receiver.security], receiver.timeout.total_seconds()
        context = ssl.create_default_context(cafile=settings.at(receiver.ca_file) if receiver.ca_file else None)
        if receiver.security == "tls":
            line: smtplib.SMTP = smtplib.SMTP_SSL(receiver.host, port, timeout=patience, context=context)
        else:
            line = smtplib.SMTP(receiver.host, port, timeout=patience)
        with line:
            if receiver.security == "starttls":
                line.starttls(context=context)
            if receiver.user:
                line.login(receiver.user, password)
            return line.send_message(message, receiver.sender, list(receiver.to))


def mail(letter: Letter, receiver: Receiver) -> EmailMessage:
    """The mail: subject, words, and the chart where there is one."""
    message = EmailMessage(policy=LINES)
    message["Subject"] = letter.subject
    message["From"] = receiver.sender
    message["To"] = ", ".join(receiver.to)
    message["Date"] = format_datetime(letter.message.at)
    message["Message-ID"] = f"<{letter.message.id[:40]}@holdpoint>"
    message["Idempotency-Key"] = letter.message.id
    message["References"] = f"<{letter.message.alert.id}.{letter.message.alert.episode}@holdpoint>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    if letter.picture is not None:
        message.add_attachment(letter.picture, "image", "png", filename=f"alert-{letter.message.alert.id}.png")
    return message


def _text(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return "".join(c if c.isprintable() else " " for c in text)[:200]
