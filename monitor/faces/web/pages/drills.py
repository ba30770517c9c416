"""`/drills`: fire drills, and how long each took from file to alert, to messages, to gate."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from monitor.faces.web.pages.frame import Reader, reading, show
from monitor.faces.web.pages.route import PageRoute

router = APIRouter(route_class=PageRoute)
SHOWN = 50


@router.get("/drills")
def page(request: Request, person: Reader) -> Response:
    """The last drills that were held, the newest first."""
    with reading(request) as store:
        held = store.drills.all()
    return show(request, person, "drills.html", held=held[::-1][:SHOWN], count=len(held))
