"""`/api/v1/gates`: what a training job asks, over HTTP."""

from __future__ import annotations

import anyio.to_thread
from fastapi import APIRouter, Request, Security
from fastapi.responses import JSONResponse
from pydantic import create_model

from checkpoints_db.records import GateState, Record
from monitor import gate
from monitor.daemon.door import Door
from monitor.faces.web.problem import Problem
from monitor.faces.web.token import may_read

router = APIRouter(prefix="/api/v1", tags=["gates"], dependencies=[Security(may_read)])
Asked = create_model(
    "Asked",
    __base__=Record,
    __doc__="What a gate says, and the exit code of `holdpoint gate ask`.",
    exit_code=(int, ...),
    **{name: (field.annotation, field) for name, field in GateState.model_fields.items()},  # type: ignore[call-overload]
)
FRESH = {"Cache-Control": "no-store"}
"""An answer is of its moment: no proxy may repeat a GO."""


@router.get(
    "/gates/{family}/{run}",
    summary="May this run go on?",
    response_model=Asked,
    response_description="It may: the gate says GO, or WARN. `exit_code` is that of `holdpoint gate ask`.",
    responses={
        401: {"model": Problem, "description": "No token, or not one that may read."},
        423: {"model": Asked, "description": "It may not: HOLD or PAUSE, with the reason in words."},
    },
)
async def ask(request: Request, family: str, run: str) -> JSONResponse:
    """Decided now, from the store, by the same function as everywhere. What is missing or wrong is HOLD."""
    door: Door = request.app.state.door
    turn: anyio.CapacityLimiter = request.app.state.asking
    state = await anyio.to_thread.run_sync(gate.ask, door.settings, f"{family}/{run}", door.clock, limiter=turn)
    # Not 200: `curl --fail URL && train` stops on a gate that is closed.
    status = 200 if state.exit_code == 0 else 423
    return JSONResponse({**state.body(), "exit_code": state.exit_code}, status, headers=FRESH)
