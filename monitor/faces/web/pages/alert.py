"""`/alerts/{id}`: one alert. Messages link here."""

from __future__ import annotations

from typing import get_args

from fastapi import APIRouter, Request, Response

from checkpoints_db import Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import PolicyError
from checkpoints_db.records import PLANE, Alert, Cause
from monitor import adoption
from monitor.faces.views.alert import AlertSheet, alert_sheet, ceiling_of, trigger_of, verdicts_of
from monitor.faces.web.pages.desk import DONE
from monitor.faces.web.pages.drawings import Suffix, drawn
from monitor.faces.web.pages.frame import Reader, absent, door_of, reading, show
from monitor.faces.web.pages.route import PageRoute
from monitor.settings import Settings
from policies.loader import LoadedPolicy, find_file

router = APIRouter(route_class=PageRoute)


@router.get("/alerts/{name}")
def page(request: Request, person: Reader, name: str, done: str = "") -> Response:
    """What happened, what was expected, how sure that is, and what now; and, after it, what was done."""
    causes = get_args(Cause)
    return show(request, person, "alert.html", page=read(request, name), done=DONE.get(done, ""), causes=causes)


def read(request: Request, name: str) -> AlertSheet:
    """The view of one alert. Raises Declined where there is none."""
    settings = door_of(request).settings
    with reading(request) as store:
        found = alert_sheet(store, Catalogue.from_toml(settings.at(settings.catalogue)), configured(settings), name)
    if found is None:
        raise unknown(name)
    return found


def unknown(name: str) -> Exception:
    """There is no such alert."""
    return absent(f"there is no alert {name[:64]!r}, or several begin so", "find it in the list of all alerts")


def configured(settings: Settings) -> LoadedPolicy | None:
    """The policy that the settings name; None where it does not load: an alert is shown whatever the file says now."""
    try:
        return find_file(settings.policy, settings.base)
    except PolicyError:
        return None


@router.get("/alerts/{name}/chart/{n}.{suffix}")
def chart(request: Request, person: Reader, name: str, n: int, suffix: Suffix) -> Response:
    """One metric of an alert: ladder, forecast, result, break line, smallest visible break, next trigger."""
    with reading(request) as store:
        alert = store.actions.alert(name)
        if alert is None:
            raise unknown(name)
        made = _chart(store, alert, n)
    return drawn(request, made, suffix)


def _chart(store: Store, alert: Alert, n: int) -> object:
    from monitor.faces import charts  # noqa: PLC0415 - the chart library takes a second to import

    verdicts = verdicts_of(store, alert)
    if not 0 <= n < len(verdicts):
        raise absent(f"alert {alert.id} has {len(verdicts)} charts", "go back to the alert")
    verdict = verdicts[n]
    sealed = store.judgements.forecast(verdict.forecast) if verdict.forecast else None
    series = store.evidence.series(verdict.series, sealed.forecast.axis if sealed else None)
    observed = next((point for point in series.points if point.result == verdict.result), None)
    trigger = None
    if series.axis in ("flop", PLANE):
        decision = store.judgements.decision(alert.decision)
        policy = None if decision is None else adoption.known(store, decision.policy)
        trigger = trigger_of(store.evidence.kept(verdict.result), policy)
    forecast, ceiling = sealed.forecast if sealed else None, ceiling_of(alert, verdict)
    return charts.series_chart(series, forecast, verdict, observed, ceiling, trigger=trigger)
