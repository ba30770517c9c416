"""One HTTP request to somebody outside, with an end in time; what a URL keeps secret never leaves in an error."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from checkpoints_db.errors import DeliveryError

PATIENCE = 10.0
"""Seconds until whoever is asked must have answered."""


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nobody: a receiver that moved is named anew by a person."""

    def redirect_request(self, *_: Any) -> None:
        """Refuse; the answer is then an error with the status."""


_OPENER = urllib.request.build_opener(_Stay)


def masked(url: str) -> str:
    """A URL as it may be shown: path, query and user are secrets of webhooks.

    >>> masked("https://user:key@hc-ping.com:8443/0b1c-secret?x=1")
    'https://hc-ping.com:8443/…'
    """
    parts = urlsplit(url)
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return f"{parts.scheme}://{parts.hostname or '?'}{port}/…"


def post(url: str, body: Any = None, *, text: str = "", patience: float = PATIENCE) -> None:
    """POST JSON (or plain `text`) to an http or https URL and wait for a 2xx.

    Raises DeliveryError, permanent where trying again is of no use (no such URL, 4xx other than 408 and 429).
    """
    shown = masked(url)
    if urlsplit(url).scheme not in ("http", "https"):
        raise DeliveryError(shown, "is no http or https URL; correct it in the settings", permanent=True)
    data = text.encode() if body is None else json.dumps(body).encode()
    kind = "text/plain; charset=utf-8" if body is None else "application/json"
    request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
        url, data=data, headers={"Content-Type": kind, "User-Agent": "holdpoint"}, method="POST"
    )
    try:
        with _OPENER.open(request, timeout=patience) as answer:
            answer.read(1 << 16)
    except urllib.error.HTTPError as error:
        error.close()
        permanent = 300 <= error.code < 500 and error.code not in (408, 429)
        raise DeliveryError(shown, f"answered {error.code}", permanent=permanent) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        # Reasons of urllib name no URL; those of http.client may, so that only their kind is told.
        why = str(error.reason) if isinstance(error, urllib.error.URLError) else type(error).__name__
        raise DeliveryError(shown, f"could not be reached: {why}", permanent=False) from None
