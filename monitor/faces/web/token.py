"""Who may push: whoever shows the token. Who may read leases: also whoever shows the token of readers."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

from checkpoints_db.errors import SettingsError, StoreError
from monitor import people
from monitor.faces.web.access import who_asks
from monitor.faces.web.problem import Declined
from monitor.settings import Settings

logger = logging.getLogger("holdpoint.web")

SHORTEST = 16
"""Shorter tokens can be guessed."""
MAKE = "make one with `openssl rand -hex 32`"
bearer = HTTPBearer(auto_error=False, description="The token of `web.token_file`.")


def token_of(settings: Settings) -> SecretStr:
    """The token of the settings. Raises SettingsError where there is none worth the name: nothing is served then."""
    web = settings.web
    if web is not None and web.token is not None:
        return _long_enough(web.token.get_secret_value().strip(), "HOLDPOINT_WEB__TOKEN")
    if web is None or web.token_file is None:
        raise SettingsError(f"web.token_file: no token; {MAKE}, keep it in a file, and name the file here")
    return _kept(settings.at(web.token_file), "web.token_file")


def readers_token_of(settings: Settings) -> SecretStr | None:
    """The token with which jobs may read and nothing else; None where the settings name none. Raises SettingsError."""
    web = settings.web
    if web is None or web.reader_token_file is None:
        return None
    return _kept(settings.at(web.reader_token_file), "web.reader_token_file")


def _kept(path: Path, name: str) -> SecretStr:
    try:
        text = path.read_text("ascii").strip()
        open_to_all = path.stat().st_mode & 0o004
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not plain ASCII"
        raise SettingsError(f"{name}: {path}: cannot be read: {why}; {MAKE}") from error
    if open_to_all:
        logger.warning("%s: %s can be read by everybody on this machine; chmod 600 it", name, path)
    return _long_enough(text, f"{name}: {path}")


def _long_enough(text: str, where: str) -> SecretStr:
    if len(text) < SHORTEST or not (text.isascii() and text.isprintable() and " " not in text):
        raise SettingsError(f"{where}: a token is at least {SHORTEST} letters and digits without a space; {MAKE}")
    return SecretStr(text)


Shown = Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]


def shown(request: Request, credentials: Shown) -> None:
    """Let a request pass that shows the token. Raises Declined, before anything of its body is read."""
    if not _may(request, credentials, "push"):
        _pass(credentials, [request.app.state.token], "web.token_file")


def may_read(request: Request, credentials: Shown) -> None:
    """Let a request pass that shows the token, or that of readers. Raises Declined."""
    if not _may(request, credentials, "read"):
        _pass(credentials, [request.app.state.token, request.app.state.readers_token], "web.reader_token_file")


def _may(request: Request, credentials: HTTPAuthorizationCredentials | None, action: str) -> bool:
    """Whether the token is one of a person who may do this. Raises Declined (403) where it is and they may not."""
    text = credentials.credentials if credentials else ""
    if not text.startswith(people.PREFIX):
        return False
    with suppress(StoreError):  # who cannot be looked up has shown nothing
        person = who_asks(request, text)
        if person is not None and not person.may(action):
            raise Declined(403, f"the token of {person.name} does not carry {action!r}", "ask for one that does")
        return person is not None
    return False


def _pass(credentials: HTTPAuthorizationCredentials | None, tokens: Sequence[SecretStr | None], where: str) -> None:
    given = credentials.credentials if credentials else ""
    # Digests of equal length, compared in constant time: how long it takes tells nothing of the token.
    same = [hmac.compare_digest(_digest(given), _digest(token.get_secret_value())) for token in tokens if token]
    if not any(same):
        why = "the token shown is not the one of this door" if given else "no token was shown"
        raise Declined(
            401,
            why,
            f"send the header `Authorization: Bearer TOKEN` with the token of {where}",
            WWW_Authenticate='Bearer error="invalid_token"' if given else "Bearer",
        )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
