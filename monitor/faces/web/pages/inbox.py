"""`/alerts`: the inbox."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from monitor.faces.views.inbox import Asked, States, inbox
from monitor.faces.web.pages.route import PageRoute
from monitor.faces.web.pages.frame import Reader, reading, show

router = APIRouter(route_class=PageRoute)


@router.get("/")
def home() -> Response:
    """Where people begin."""
    return RedirectResponse("/alerts", 303)


@router.get("/alerts")
def page(
    request: Request,
    person: Reader,
    state: States = "open",
    answer: str = "",
    family: str = "",
    rule: str = "",
    text: Annotated[str, Query(max_length=200)] = "",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> Response:
    """Alerts by filters, worst first."""
    asked = Asked.model_validate(
        {"state": state, "answer": answer, "family": family, "rule": rule, "text": text.strip()}
    )
    with reading(request) as store:
        found = inbox(store, asked, page)
    return show(request, person, "inbox.html", inbox=found)
