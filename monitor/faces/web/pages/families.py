"""`/families`: every family, and the ladder of one."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from checkpoints_db.catalogue import Catalogue
from monitor.faces.views.families import families, ladder
from monitor.faces.web.pages.frame import Reader, absent, door_of, reading, show
from monitor.faces.web.pages.route import PageRoute

router = APIRouter(route_class=PageRoute)


@router.get("/families")
def page(request: Request, person: Reader, family: str = "") -> Response:
    """Every family; with `family`, its ladder."""
    settings = door_of(request).settings
    with reading(request) as store:
        if not family:
            return show(request, person, "families.html", families=families(store))
        found = ladder(store, Catalogue.from_toml(settings.at(settings.catalogue)), family)
    if found is None:
        raise absent(f"no result of a family {family[:64]!r} is there", "find it in the list of families")
    return show(request, person, "ladder.html", ladder=found)
