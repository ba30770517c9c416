"""What is wrong with a request, as JSON: title, detail, what to do next."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from checkpoints_db.errors import HoldpointError, StoreError
from checkpoints_db.records import Record


class Problem(Record):
    """Why a request was not done."""

    status: int
    title: str
    detail: str
    next: str
    """What to do."""


class Declined(HoldpointError):
    """A request that is not done, with its problem; `headers` go out with it."""

    media = "application/json"

    def __init__(self, status: int, detail: str, next: str, **headers: str) -> None:  # noqa: A002 - the field's word
        super().__init__(detail)
        self.problem = Problem(status=status, title=HTTPStatus(status).phrase, detail=detail, next=next)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Refusal(Declined):
    """A request that is not done, as `application/problem+json` (RFC 9457)."""

    media = "application/problem+json"


class Elsewhere(HoldpointError):
    """A page that somebody gets to see after they were somewhere else: whoever did not come in goes to log in."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


FRESH = {"Cache-Control": "no-store"}


def told(
    problem: Record, status: int, headers: dict[str, str] | None = None, media: str = "application/json"
) -> JSONResponse:
    """A problem as a response."""
    return JSONResponse(problem.body(), status, headers, media_type=media)


def tell_problems(app: FastAPI) -> None:
    """Make every error of the application leave as a problem."""

    async def declined(_: Request, error: Any) -> JSONResponse:
        return told(error.problem, error.problem.status, error.headers, error.media)

    async def elsewhere(_: Request, error: Any) -> Response:
        return RedirectResponse(error.url, 303, FRESH)

    async def malformed(_: Request, error: Any) -> JSONResponse:
        wrong = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()]
        made = Refusal(422, "; ".join(wrong)[:1000], "see /openapi.json for what is taken here; nothing was done")
        return told(made.problem, 422, media=made.media)

    async def unreadable(_: Request, error: Any) -> JSONResponse:
        made = Refusal(503, str(error), "ask again in a moment", Retry_After="10")
        return told(made.problem, 503, made.headers, made.media)

    async def of_the_frame(_: Request, error: Any) -> JSONResponse:
        kind = Refusal if error.status_code == 400 else Declined  # a body that is no JSON; pushes read their own
        made = kind(error.status_code, str(error.detail), "see /openapi.json for what is served here")
        return told(made.problem, error.status_code, error.headers, made.media)

    async def internal(_: Request, error: Any) -> JSONResponse:
        why = f"{type(error).__name__}; the log of holdpoint has the rest"
        made = Declined(500, why, "push the same bytes again: whatever was taken in already is answered as `same`")
        return told(made.problem, 500)

    app.add_exception_handler(Declined, declined)
    app.add_exception_handler(Elsewhere, elsewhere)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(StoreError, unreadable)
    app.add_exception_handler(HTTPException, of_the_frame)
    app.add_exception_handler(Exception, internal)
