"""`/drills`: fire drills, and how long each took from file to gate."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from monitor.faces.web.pages.frame import Reader, show
from monitor.faces.web.pages.route import PageRoute

router = APIRouter(route_class=PageRoute)


@router.get("/drills")
def page(request: Request, person: Reader) -> Response:
    """The drills that were held."""
    return show(request, person, "drills.html")
