"""`/metrics` for Prometheus, `/healthz` and `/readyz` for whoever keeps the process running."""

from __future__ import annotations

import ipaddress
import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import version

from fastapi import APIRouter, Request, Response, Security
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from checkpoints_db import Store
from checkpoints_db.errors import StoreError
from monitor import gate
from monitor.daemon.door import Door
from monitor.faces.web.token import Shown, may_read
from monitor.forecasting import JUDGEMENT_VERSION
from monitor.measures import MEASURES, Measure, StoreMeasures, Value

router = APIRouter(tags=["health"])
FRESH = {"Cache-Control": "no-store"}
PATIENCE = 2.0
"""Seconds that a question waits for a writer; a scrape has ten."""
CAME_THROUGH = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
"""Headers of a proxy: what it passes on comes from this machine and was asked for elsewhere."""


def may_scrape(request: Request, credentials: Shown) -> None:
    """Let a program of this machine pass, or whoever shows a token that may read. Raises Declined."""
    door: Door = request.app.state.door
    if door.terms.metrics == "loopback" and is_local(request):
        return
    may_read(request, credentials)


def is_local(request: Request) -> bool:
    """Whether a request was made on this machine, and not passed on by a proxy that runs here."""
    if request.client is None or any(header in request.headers for header in CAME_THROUGH):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


@router.get(
    "/metrics",
    summary="What is measured, for Prometheus",
    dependencies=[Security(may_scrape)],
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "The text format of Prometheus."}},
)
def metrics(request: Request) -> Response:
    """Counts from small tables; `monitor/README.md` lists the names."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Scrape(request.app.state.door, request.app.state.measures))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4, headers=FRESH)


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> JSONResponse:
    """It answers, so it is. Says nothing of its work: `/readyz` does."""
    return JSONResponse({"alive": True}, headers=FRESH)


@router.get(
    "/readyz",
    summary="Does it do its work?",
    responses={503: {"description": "It does not; `checks` says which part, the log says why."}},
)
def readyz(request: Request) -> JSONResponse:
    """Whether a complete cycle, self-test included, succeeded lately, and a daemon leads. No token, and no secrets."""
    checks = ready(request.app.state.door)
    well = all(checks.values())
    return JSONResponse({"ready": well, "checks": checks}, 200 if well else 503, headers=FRESH)


def ready(door: Door) -> dict[str, bool]:
    """What has to be so for the work to be done; a door without a daemon is ready where some daemon leads."""
    at, lately = door.clock.now(), door.terms.ready
    checks = dict.fromkeys(("store", "cycle", "jobs", "leadership"), False)
    try:
        with _opened(door) as store:
            cycle, leader = store.fact("cycle"), store.leader()
            failed = gate.failure(store, door.settings)
    except StoreError:
        return checks
    leads = leader is not None and leader[1] > at and (door.alone or leader[0] == door.holder)
    fresh = cycle is not None and -gate.TOLERANCE <= at - cycle[1] <= lately
    return {"store": True, "cycle": fresh, "jobs": not failed, "leadership": leads}


def _opened(door: Door) -> Store:
    return Store.open(door.settings.at(door.settings.store), wait=PATIENCE, read_only=True)


class Scrape(Collector):
    """One reading, as the library wants it: of the store, and of this process."""

    def __init__(self, door: Door, measures: StoreMeasures) -> None:
        self._door, self._measures = door, measures
        self._readable, self._leads = False, False

    def collect(self) -> Iterable[Metric]:
        """Every name with what is known of it now; what is not known is absent, never 0."""
        found = dict(self._of_the_store())
        found.update(self._of_the_process())
        for measure in MEASURES:
            if measure.name in found:
                yield family(measure, found[measure.name])

    def _of_the_store(self) -> dict[str, list[Value]]:
        door, at = self._door, self._door.clock.now()
        try:
            with _opened(door) as store:
                leader = store.leader()
                self._leads = leader is not None and leader[0] == door.holder and leader[1] > at
                held = bool(gate.held_back(store, door.settings, at))
                told = {name: list(values) for name, values in self._measures.read(store, at, held=held)}
        except StoreError:
            return {}
        self._readable = True
        return told

    def _of_the_process(self) -> Iterator[tuple[str, list[Value]]]:
        door, pulse = self._door, self._door.pulse
        build = (version("holdpoint"), str(JUDGEMENT_VERSION), platform.python_version())
        yield "holdpoint_build_info", [(build, 1)]
        yield "holdpoint_store_readable", [((), float(self._readable))]
        yield "holdpoint_leader", [((), float(self._leads))]
        yield "holdpoint_evaluations_ingested_total", [((what,), number) for what, number in pulse.ingested.items()]
        if pulse.cycle_lasted is not None:
            yield "holdpoint_last_cycle_duration_seconds", [((), pulse.cycle_lasted.total_seconds())]
        lag = pulse.lag(door.clock.now())
        if lag is None:  # it keeps no timetable
            return
        yield "holdpoint_scheduler_lag_seconds", [((), lag.total_seconds())]
        yield "holdpoint_scheduler_missed_total", [((), pulse.missed_jobs)]
        yield "holdpoint_job_failures_total", [((job,), number) for job, number in pulse.failures.items()]
        yield "holdpoint_reload_successful", [((), float(not pulse.reload_refused))]
        reloaded = pulse.reloaded.timestamp() if pulse.reloaded else 0
        yield "holdpoint_last_reload_timestamp_seconds", [((), reloaded)]


def family(measure: Measure, values: Iterable[Value]) -> Metric:
    """A name with its values, as the library has it."""
    kind = GaugeMetricFamily if measure.kind == "gauge" else CounterMetricFamily
    made = kind(measure.name, measure.means, labels=measure.labels)
    for labels, value in values:
        made.add_metric(labels, value)
    return made
