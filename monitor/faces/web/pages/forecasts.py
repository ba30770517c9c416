"""`/forecasts`: what is sealed, and what sealed forecasts were worth."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from monitor import track
from monitor.faces.views.forecasts import forecasts
from monitor.faces.web.pages.drawings import Suffix, drawn
from monitor.faces.web.pages.frame import Reader, absent, reading, show
from monitor.faces.web.pages.route import PageRoute

router = APIRouter(route_class=PageRoute)


@router.get("/forecasts")
def page(
    request: Request, person: Reader, family: str = "", page: Annotated[int, Query(ge=1, le=1_000_000)] = 1
) -> Response:
    """Coverage, PIT, CRPS and skill; then the newest seals of a family."""
    with reading(request) as store:
        found = forecasts(store, family, page)
    return show(request, person, "forecasts.html", found=found)


@router.get("/forecasts/track.{suffix}")
def histogram(request: Request, person: Reader, suffix: Suffix) -> Response:
    """Where results fell in the laws that were sealed before them."""
    from monitor.faces import track_chart  # noqa: PLC0415 - the chart library takes a second to import

    with reading(request) as store:
        rows = track.rows(store.judgements.tallies("run"))
    if not rows:
        raise absent("no sealed forecast was followed by a result yet", "come back when one was")
    return drawn(request, track_chart.track_chart(rows), suffix)
