"""A page of a long list, where the next one begins, and the digest by which a client knows that nothing changed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Query, Request
from fastapi.responses import Response

from checkpoints_db.records import Record, canonical
from monitor.faces.web.problem import Problem

T = TypeVar("T")

DEFAULT, MOST = 50, 500
"""Rows of a page."""
Limit = Annotated[int, Query(ge=1, le=MOST, description="Rows of a page.")]
Before = Annotated[int | None, Query(ge=1, le=(1 << 63) - 1, description="Rows before this one; `next` has it.")]
Filter = Annotated[str | None, Query(min_length=1, max_length=500)]

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What routes say of how they may fail."""
    words = {
        400: "The body is no JSON.",
        401: "Nobody is logged in, or the token is none.",
        403: "The role table does not let this person.",
        404: "There is no such thing.",
        409: "The policy, or the state of it, does not allow it; the detail says why.",
        422: "What was sent does not read.",
        503: "The store cannot be read or written now.",
    }
    return {
        status: {"model": Problem, "description": words[status], "content": PROBLEM}
        for status in (401, 403, 422, 503, *statuses)
    }


class Page(Record, Generic[T]):
    """Some rows of a list, the newest first."""

    rows: tuple[T, ...]
    next: str | None
    """Where the page after this one is; null on the last."""


def answered(request: Request, value: Any, *, next_: str | None = None) -> Response:
    """JSON with its ETag, or 304 where the client has just that."""
    body = canonical(value).encode("utf-8", "surrogatepass")
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    if next_:
        headers["Link"] = f'<{next_}>; rel="next"'
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def paged(request: Request, found: Sequence[Record], marks: Sequence[str], limit: int) -> Response:
    """A page of at most `limit` of what was found (one more than that where there is a next page)."""
    shown = found[:limit]
    further = None
    if len(found) > limit:
        asked = {**dict(request.query_params), "before": marks[limit - 1]}
        further = f"{request.url.path}?{urlencode(asked)}"
    return answered(request, {"rows": [one.body() for one in shown], "next": further}, next_=further)
