"""`/health`: whether the house itself is well."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from monitor.faces.views.health import health
from monitor.faces.web.pages.frame import Reader, door_of, reading, show
from monitor.faces.web.pages.route import PageRoute

router = APIRouter(route_class=PageRoute)


@router.get("/health")
def page(request: Request, person: Reader) -> Response:
    """Signs of health, and messages that wait or were lost."""
    door = door_of(request)
    with reading(request) as store:
        found = health(store, door.settings, door.clock.now())
    return show(request, person, "health.html", found=found)
