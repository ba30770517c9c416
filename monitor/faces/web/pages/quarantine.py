"""`/quarantine`: what could not be taken in, and why."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from monitor.faces.views.quarantine import quarantine
from monitor.faces.web.pages.frame import Reader, reading, show
from monitor.faces.web.pages.route import PageRoute

router = APIRouter(route_class=PageRoute)


@router.get("/quarantine")
def page(request: Request, person: Reader) -> Response:
    """Files in quarantine, files that wait, readings without a place."""
    with reading(request) as store:
        found = quarantine(store)
    return show(request, person, "quarantine.html", found=found)
