"""`/api/v1/leases`: the newest lease of a run, as it is signed."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response, Security

from checkpoints_db import Store
from checkpoints_db.errors import StoreError
from checkpoints_db.records import SignedLease
from monitor.daemon.door import Door
from monitor.faces.web.problem import Declined, Problem
from monitor.faces.web.token import may_read

router = APIRouter(prefix="/api/v1", tags=["leases"], dependencies=[Security(may_read)])

PATIENCE = 5.0
"""Seconds that a request waits for a writer to finish."""


@router.get(
    "/leases/{family}/{run:path}",
    summary="The newest lease of a run",
    response_class=Response,
    responses={
        200: {"model": SignedLease, "description": "As it is signed, byte for byte; it may have expired."},
        401: {"model": Problem, "description": "No token, or not one that may read."},
        404: {"model": Problem, "description": "No lease was issued for this run."},
        503: {"model": Problem, "description": "The store cannot be read now."},
    },
)
def newest(request: Request, family: str, run: str) -> Response:
    """What a training job asks for. Valid or not is for the job to find out: `monitor.adapters` does."""
    door: Door = request.app.state.door
    try:
        with Store.open(door.settings.at(door.settings.store), wait=PATIENCE) as store:
            signed = store.leases.newest(family, run)
    except StoreError as error:
        raise Declined(
            503, str(error), "ask again; a lease in hand is valid until it expires", Retry_After="10"
        ) from error
    if signed is None:
        why = f"no lease was issued for {family}/{run}"
        raise Declined(404, why, f"issue one with `holdpoint lease issue {family}/{run}`")
    return Response(signed.text, media_type="application/json", headers={"Cache-Control": "no-store"})
