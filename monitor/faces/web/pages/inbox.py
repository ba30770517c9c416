"""`/alerts`: the inbox."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from monitor.faces.views.inbox import STATES, Asked, inbox
from monitor.faces.web.pages.frame import Reader, reading, show
from monitor.faces.web.pages.route import PageRoute

router = APIRouter(route_class=PageRoute)


@router.get("/")
def home() -> Response:
    """Where people begin."""
    return RedirectResponse("/alerts", 303)


@router.get("/alerts")
def page(request: Request, person: Reader, asked: Annotated[Asked, Query()]) -> Response:
    """Alerts by filters, worst first."""
    with reading(request) as store:
        found = inbox(store, asked, person.name)
    return show(request, person, "inbox.html", inbox=found, states=STATES)
