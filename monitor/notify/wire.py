"""One HTTP request to somebody outside, with an end in time; what a URL keeps secret never leaves in an error."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Iterable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from checkpoints_db.errors import DeliveryError
from monitor.notify.secret import without

PATIENCE = 10.0
"""Seconds until whoever is asked must have answered, all in all."""
HEARD = 300
"""Bytes of an answer that are read, and only where it is a refusal."""
LATER = (408, 425, 429)
"""Refusals that are none for ever."""
DOWN = (429, 502, 503, 504)
"""Answers that speak of the receiver, not of the message."""

for _name in ("httpx", "httpcore"):  # at lower levels they log URLs and headers, and those of webhooks are secrets
    logging.getLogger(_name).setLevel(logging.WARNING)


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


def post(
    url: str,
    body: Any = None,
    *,
    text: str = "",
    patience: float = PATIENCE,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    trust: Path | None = None,
    hidden: Iterable[str] = (),
    receiver: str = "",
) -> None:
    """POST JSON (or plain `text`, or `content` as its `headers` say) to an http or https URL and wait for a 2xx.

    `patience` ends the whole exchange, however slowly bytes trickle; redirects are not followed. `trust`: certificates
    instead of the machine's own. `hidden` texts are struck out of whatever an error quotes.

    Raises DeliveryError, permanent where trying again is of no use (no such URL, 4xx other than 408, 425 and 429).
    """
    shown = receiver or masked(url)
    if urlsplit(url).scheme not in ("http", "https"):
        raise DeliveryError(shown, "is no http or https URL; correct it in the settings", permanent=True)
    if content is None:
        content = text.encode() if body is None else json.dumps(body).encode()
    kind = "text/plain; charset=utf-8" if body is None else "application/json"
    sent = {"Content-Type": kind, "User-Agent": "holdpoint", **(headers or {})}
    try:
        context = ssl.create_default_context(cafile=trust) if urlsplit(url).scheme == "https" else False
        status, heard, wait = asyncio.run(_exchange(url, content, sent, patience, context))
    except TimeoutError:
        raise DeliveryError(shown, f"no answer within {patience:g} s", permanent=False, unreachable=True) from None
    except (httpx.TransportError, ssl.SSLError, OSError) as error:
        # What these say may quote a URL or an address: only their kind is told.
        why = f"could not be reached: {type(error).__name__}"
        raise DeliveryError(shown, why, permanent=False, unreachable=True) from None
    except (httpx.InvalidURL, ValueError) as error:
        why = f"the URL cannot be used: {type(error).__name__}; correct it in the settings"
        raise DeliveryError(shown, why, permanent=True) from None
    if 200 <= status < 300:
        return
    said = without(f": {heard}" if heard else "", [*hidden, *parts_of(url)])
    moved = "; it is not followed, name the new URL in the settings" if 300 <= status < 400 else ""
    permanent = status < 500 and status not in LATER
    raise DeliveryError(
        shown, f"answered {status}{said}{moved}", permanent=permanent, unreachable=status in DOWN, wait=wait
    )


async def _exchange(
    url: str, content: bytes, headers: Mapping[str, str], patience: float, context: ssl.SSLContext | bool
) -> tuple[int, str, float | None]:
    async with (
        asyncio.timeout(patience),
        httpx.AsyncClient(verify=context, timeout=patience) as client,
        client.stream("POST", url, content=content, headers=headers) as answer,
    ):
        heard = b""
        if answer.status_code >= 300:
            async for block in answer.aiter_bytes(HEARD):
                heard = block[:HEARD]
                break
        return answer.status_code, _readable(heard), _asked(answer.headers)


def _readable(heard: bytes) -> str:
    text = heard.decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in text).strip()[:HEARD]


def _asked(headers: Mapping[str, str]) -> float | None:
    """Seconds that a receiver asks us to wait: a number, or a date beside the one of its own clock."""
    asked = headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdecimal():
        return float(asked)
    try:
        then, now = parsedate_to_datetime(asked), parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return _between(now, then)


def _between(now: datetime, then: datetime) -> float | None:
    return (then - now).total_seconds() if (then.tzinfo is None) == (now.tzinfo is None) else None


def parts_of(url: str) -> list[str]:
    """What of a URL may be a secret: all of it, its path, and what lies between its slashes."""
    parts = urlsplit(url)
    pieces = [piece for piece in (*parts.path.split("/"), *parts.query.split("&")) if len(piece) >= 6]
    return [url, parts.path.strip("/"), parts.query, *(p for p in (parts.username, parts.password) if p), *pieces]
