"""`/series`: the series explorer."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from monitor.faces.views.series import series_list, series_page
from monitor.faces.web.pages.drawings import Suffix, drawn
from monitor.faces.web.pages.frame import Reader, absent, reading, show
from monitor.faces.web.pages.route import PageRoute

router = APIRouter(route_class=PageRoute)


@router.get("/series")
def listed(
    request: Request,
    person: Reader,
    family: str = "",
    text: Annotated[str, Query(max_length=200)] = "",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> Response:
    """Series of a family, by words of their task or metric."""
    with reading(request) as store:
        found = series_list(store, family, text.strip(), page)
    return show(request, person, "series_list.html", found=found)


@router.get("/series/{name}")
def one(request: Request, person: Reader, name: str) -> Response:
    """One series: its chart, rungs, verdicts and seals."""
    with reading(request) as store:
        found = series_page(store, name)
    if found is None:
        raise _unknown(name)
    return show(request, person, "series.html", page=found)


@router.get("/series/{name}/chart.{suffix}")
def chart(request: Request, person: Reader, name: str, suffix: Suffix) -> Response:
    """The ladder, the newest verdict and the forecast it was judged by; else the newest forecast."""
    from monitor.faces import charts  # noqa: PLC0415 - the chart library takes a second to import

    with reading(request) as store:
        found = series_page(store, name)
        if found is None:
            raise _unknown(name)
        newest = max(found.verdicts.values(), key=lambda v: v.distance or 0.0, default=None)
        newest_seal = found.sealed[0] if found.sealed else None
        used = store.judgements.forecast(newest.forecast) if newest and newest.forecast else newest_seal
        series = store.evidence.series(name, used.forecast.axis if used else None)
    observed = next((p for p in series.points if newest and p.result == newest.result), None)
    forecast, sealed_at = (used.forecast, used.at) if used else (None, None)
    return drawn(request, charts.series_chart(series, forecast, newest, observed, sealed_at=sealed_at), suffix)


def _unknown(name: str) -> Exception:
    return absent(f"there is no series {name[:64]!r}", "find it in the list of series")
