"""`/gates`: what each run may do, and why."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from monitor.faces.views.gates import RunPage, gates, run_page
from monitor.faces.web.pages.desk import DONE
from monitor.faces.web.pages.frame import Reader, absent, door_of, reading, show
from monitor.faces.web.pages.route import PageRoute

router = APIRouter(route_class=PageRoute)


@router.get("/gates")
def page(request: Request, person: Reader) -> Response:
    """Every gate with its newest lease, worst first."""
    with reading(request) as store:
        found = gates(store)
    return show(request, person, "gates.html", gates=found)


@router.get("/gates/run")
def one(request: Request, person: Reader, family: str, run: str, done: str = "") -> Response:
    """One run: gate, findings, votes, waivers, leases, decisions; and, after it, what was done."""
    return show(request, person, "run.html", page=read(request, family, run), done=DONE.get(done, ""))


def read(request: Request, family: str, run: str) -> RunPage:
    """The view of one run. Raises Declined where there is none."""
    with reading(request) as store:
        found = run_page(store, family, run, door_of(request).clock.now())
    if found is None:
        raise absent(f"no result of a run {family[:64]}/{run[:64]} is there", "find it in the list of gates")
    return found
