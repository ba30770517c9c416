"""`[receivers.NAME]`: who can be told, and how."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from checkpoints_db.records import Record
from checkpoints_db.records.duration import Duration, parse_duration


class Receiver(Record):
    """Someone to tell. Addresses and keys that are secrets come from files or from environment variables, by name."""

    kind: Literal["log", "file", "webhook", "slack", "alertmanager", "email", "command", "apprise"] | str
    """Name of the notifier."""
    path: Path | None = None
    """For `file`: JSON lines are appended here."""
    url: str = ""
    """For `webhook` and `alertmanager`: where to post; everybody sees it, so no secret may be in it."""
    url_file: Path | None = None
    """A file whose text is the URL: for `slack` and `apprise` always, whose URLs are secrets."""
    url_env: str = ""
    """Or the environment variable that holds it."""
    secret_files: tuple[Path, ...] = ()
    """For `webhook`: files with signing secrets (`whsec_...`, `whsk_...`); each signs, so that one can be replaced."""
    secret_env: tuple[str, ...] = ()
    """Or the environment variables that hold them."""
    token_file: Path | None = None
    """For `webhook` and `alertmanager`: a file with a bearer token."""
    token_env: str = ""
    """Or the environment variable that holds it."""
    host: str = ""
    """For `email`: the SMTP server."""
    port: Annotated[int, Field(gt=0, lt=1 << 16)] | None = None
    """Its port; 587 for `starttls`, 465 for `tls`, 25 for `none`."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is kept from others."""
    ca_file: Path | None = None
    """Certificates to trust instead of the machine's own, for `email`, `webhook` and `alertmanager`."""
    user: str = ""
    """Name to log in with."""
    password_file: Path | None = None
    """A file with the password."""
    password_env: str = ""
    """Or the environment variable that holds it."""
    sender: str = ""
    """For `email`: the address it comes from."""
    to: tuple[str, ...] = ()
    """For `email`: the addresses it goes to."""
    command: tuple[str, ...] = ()
    """For `command`: program and arguments; no shell reads them. The message comes on standard input, as JSON."""
    env: tuple[str, ...] = ()
    """For `command`: environment variables it may see, beside PATH, HOME, LANG and TZ."""
    labels: dict[str, str] = Field(default_factory=dict)
    """For `alertmanager`: labels that every alert carries."""
    resend: Duration = parse_duration("1m")
    """For `alertmanager`: what fires is sent again this often; it forgets what it is not told."""
    timeout: Duration = parse_duration("10s")
    """How long one attempt may take."""
    options: dict[str, str] = Field(default_factory=dict)
    """For notifiers of other packages."""

    @model_validator(mode="after")
    def _no_secret_in_sight(self) -> Self:
        if not self.url:
            return self
        scheme, mark, rest = self.url.partition("://")
        if self.kind in ("slack", "apprise"):
            raise ValueError(f"the URL of a receiver of kind {self.kind!r} is a secret; name it by url_file or url_env")
        if scheme not in ("http", "https") or not mark or not rest.strip("/"):
            raise ValueError("url is not one such as https://example.org/hook")
        if "@" in rest.partition("/")[0]:
            raise ValueError("url holds credentials; everybody reads this file: name it by url_file or url_env")
        return self
