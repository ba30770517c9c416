"""`/api/v1/results`: results are pushed, and what became of each of them is the answer."""

from __future__ import annotations

import logging
from typing import Any

import anyio.to_thread
from fastapi import APIRouter, Request, Security
from fastapi.responses import JSONResponse

from checkpoints_db.errors import HoldpointError
from monitor.daemon.door import Door
from monitor.daemon.push import Pushed
from monitor.daemon.spool import Held
from monitor.faces.render import clean
from monitor.faces.web.body import FORM, NAME, RAW, files_of, unwritten
from monitor.faces.web.problem import Declined, Problem, told
from monitor.faces.web.token import shown

logger = logging.getLogger("holdpoint.web")
router = APIRouter(prefix="/api/v1", tags=["results"], dependencies=[Security(shown)])


class Partly(Pushed, Problem):
    """An answer of which some file was refused; the rest was taken in."""


BODY: dict[str, Any] = {
    "required": True,
    "content": {
        RAW: {"schema": {"type": "string", "format": "binary", "description": "One file as it is."}},
        FORM: {
            "schema": {
                "type": "object",
                "description": "Files that belong together (results and their samples), under any field names.",
                "additionalProperties": {"type": "string", "format": "binary"},
            }
        },
    },
}
NAMED: list[dict[str, Any]] = [
    {
        "name": name,
        "in": where,
        "required": False,
        "schema": {"type": "string"},
        "description": f"Name of the one file, for {RAW}; folders are kept. Give one of the two.",
    }
    for name, where in (("name", "query"), (NAME, "header"))
]


def _problem(what: str, model: Any = Problem) -> dict[str, Any]:
    return {"model": model, "description": what}


@router.post(
    "/results",
    response_model=Pushed,
    summary="Push result files",
    response_description="Every file was taken in and judged, or waits for its other half.",
    openapi_extra={"requestBody": BODY, "parameters": NAMED},
    responses={
        400: _problem("The connection ended early."),
        408: _problem("The body did not end in time; nothing was taken."),
        401: _problem("No token, or not the right one."),
        413: _problem("Larger than the limit; nothing was taken."),
        415: _problem("Neither of the content types, or packed content; nothing was taken."),
        422: _problem(
            "No name, a name that leads elsewhere, a broken form: a problem alone, nothing was taken. "
            "A file that cannot be read: the answer too, the rest was taken in.",
            Partly | Problem,
        ),
        500: _problem("A fault of ours; pushing the same bytes again does no harm."),
        503: _problem("It cannot be judged now. If the detail says that it is held, the next scan takes it in."),
    },
)
async def push(request: Request) -> JSONResponse:
    """One file as it is, or several as a form. They are judged as news before the answer goes out; the same bytes
    twice change nothing and are answered as `same`."""
    door: Door = request.app.state.door
    turn: anyio.CapacityLimiter = request.app.state.pushing
    async with files_of(request, door.terms.limit) as files:
        try:
            held = await anyio.to_thread.run_sync(door.hold, files, limiter=turn)
        except OSError as error:
            raise unwritten(error) from error
    try:
        answer = await anyio.to_thread.run_sync(door.settle, held, limiter=turn)
    except (HoldpointError, OSError) as error:
        raise _held(held, str(error)) from error
    logger.info("push of %d files: %s", len(held), _summary(answer))
    if answer.left:
        raise _held(held, f"{answer.left} is at work on the store and has not taken it in yet")
    if answer.refused:
        return told(_partly(answer), 422)
    return JSONResponse(answer.body())


def _held(held: tuple[Held, ...], why: str) -> Declined:
    where = ", ".join(one.path for one in held[:3]) + (", …" if len(held) > 3 else "")
    return Declined(
        503,
        f"it cannot be judged now: {why}. Nothing is lost: it is held ({where}), and the next scan takes it in",
        "push the same bytes later to hear what became of them; nothing is taken twice",
        Retry_After="10",
    )


def _partly(answer: Pushed) -> Partly:
    first = answer.refused[0]
    return Partly(
        **dict(answer),
        status=422,
        title="Refused",
        detail=f"{len(answer.refused)} of {len(answer.files)} files refused; the first is {first.reason}",
        next=first.next,
    )


def _summary(answer: Pushed) -> str:
    named = ("new", "same", "aside", "conflicting", "unplaced", "refused", "waiting")
    told_of = ", ".join(f"{len(getattr(answer, name))} {name}" for name in named)
    return clean(f"{', '.join(one.name for one in answer.files[:3])}: {told_of}")
