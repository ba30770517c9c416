"""What is kept, to be read: each list by pages, each thing by its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response

from checkpoints_db import Store
from checkpoints_db.actions import AlertEvent
from checkpoints_db.ledger import Entry
from checkpoints_db.listing import ListedForecast, ListedLease, ListedPolicy, ListedResult, ListedVerdict, Where
from checkpoints_db.records import Alert, AlertState, GateState, Instant, PolicyEntry, Record, Sealed
from monitor.daemon.door import Door
from monitor.faces.web.access import Person, may, opened
from monitor.faces.web.api.page import DEFAULT, Before, Filter, Limit, Page, answered, paged, problems
from monitor.faces.web.problem import Refusal
from monitor.roles import ACTIONS

router = APIRouter(prefix="/api/v1", responses=problems())
READ = [Depends(may("read"))]
AlertId = Annotated[str, Path(pattern=r"^[0-9a-f]{4,64}$", description="Id of an alert, or its first characters.")]
Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{8,64}$", description="Digest, or its first characters.")]


class Me(Record):
    """Who asks, and what they may."""

    name: str
    came: str
    roles: tuple[str, ...]
    actions: tuple[str, ...]


class Health(Record):
    """How the house is."""

    ledger: int
    """Last row of the ledger."""
    cycle: Instant | None
    """When the last cycle was complete."""
    fresh: bool
    """Whether that was lately enough for a gate to say GO."""
    fault: str
    """Why the last cycle failed; empty where it did not."""
    leader: bool
    """Whether a daemon leads."""
    alerts: int
    """Open ones."""
    gates: dict[str, int]
    """How many say what."""


def _numbered(
    request: Request,
    what: Callable[[Store], Callable[[Where, int | None, int], Sequence[Any]]],
    where: Where,
    before: int | None,
    limit: int,
) -> Response:
    if where.get("run") is not None and where.get("family") is None:
        # A name of a run means little without its family, and no index finds the newest of all that are called so.
        raise Refusal(422, f"run {where['run']!r} of which family?", "name its family, too: ?family=FAMILY&run=RUN")
    with opened(request) as store:
        found = what(store)(where, before, limit + 1)
    return paged(request, found, [str(one.seq) for one in found], limit)


@router.get("/me", tags=["access"], response_model=Me, summary="Who am I, and what may I?")
def me(request: Request, person: Annotated[Person, Depends(may("read"))]) -> Response:
    """The name that decisions will carry, and every action that the role table lets it."""
    actions = tuple(action for action in ACTIONS if person.may(action))
    told = Me(name=person.name, came=person.came, roles=tuple(sorted(person.roles)), actions=actions)
    return answered(request, told.body())


@router.get("/results", tags=["results"], dependencies=READ, response_model=Page[ListedResult], summary="Results")
def results(
    request: Request,
    family: Filter = None,
    run: Filter = None,
    series: Filter = None,
    task: Filter = None,
    before: Before = None,
    limit: Limit = DEFAULT,
) -> Response:
    """Every result kept, the newest first; those that do not count, too."""
    where = {"family": family, "run": run, "series": series, "task": task}
    return _numbered(request, lambda store: store.listing.results, where, before, limit)


@router.get("/verdicts", tags=["verdicts"], dependencies=READ, response_model=Page[ListedVerdict], summary="Verdicts")
def verdicts(
    request: Request,
    family: Filter = None,
    run: Filter = None,
    outcome: Filter = None,
    before: Before = None,
    limit: Limit = DEFAULT,
) -> Response:
    """What sealed forecasts said of results, the newest first."""
    where = {"family": family, "run": run, "outcome": outcome}
    return _numbered(request, lambda store: store.listing.verdicts, where, before, limit)


@router.get(
    "/forecasts", tags=["forecasts"], dependencies=READ, response_model=Page[ListedForecast], summary="Sealed forecasts"
)
def forecasts(
    request: Request, family: Filter = None, series: Filter = None, before: Before = None, limit: Limit = DEFAULT
) -> Response:
    """Which forecast was sealed when, the newest first."""
    where = {"family": family, "series": series}
    return _numbered(request, lambda store: store.listing.forecasts, where, before, limit)


@router.get(
    "/forecasts/{digest}",
    tags=["forecasts"],
    dependencies=READ,
    response_model=Sealed,
    responses=problems(404),
    summary="One sealed forecast, whole",
)
def forecast(request: Request, digest: Digest) -> Response:
    """Rungs, atoms, calibration and prior, as the ledger has them."""
    with opened(request) as store:
        found = store.judgements.forecast(digest)
    return answered(request, _there(found, f"no forecast {digest}, or several", "/api/v1/forecasts").body())


@router.get("/leases", tags=["leases"], dependencies=READ, response_model=Page[ListedLease], summary="Leases")
def leases(
    request: Request, family: Filter = None, run: Filter = None, before: Before = None, limit: Limit = DEFAULT
) -> Response:
    """Leases as they are signed, the newest first."""
    return _numbered(request, lambda store: store.listing.leases, {"family": family, "run": run}, before, limit)


@router.get(
    "/policies", tags=["policies"], dependencies=READ, response_model=Page[ListedPolicy], summary="History of policies"
)
def policies(request: Request, before: Before = None, limit: Limit = DEFAULT) -> Response:
    """How each policy came into force, waits for approval, or was withdrawn, the newest first."""
    return _numbered(request, lambda store: store.listing.policies, {}, before, limit)


@router.get(
    "/policies/in-force",
    tags=["policies"],
    dependencies=READ,
    response_model=PolicyEntry,
    responses=problems(404),
    summary="The policy in force",
)
def in_force(request: Request) -> Response:
    """Every key spelled out."""
    with opened(request) as store:
        found = store.policies.in_force()
    entry = found[-1].entry if found else None
    return answered(request, _there(entry, "no policy came into force yet", "run a cycle of the daemon").body())


@router.get("/ledger", tags=["ledger"], response_model=Page[Entry], summary="Rows of the ledger")
def ledger(
    request: Request,
    _: Annotated[Person, Depends(may("audit"))],
    kind: Filter = None,
    subject: Filter = None,
    before: Before = None,
    limit: Limit = DEFAULT,
) -> Response:
    """The chain, the newest first, each row checked against its digest."""
    where = {"kind": kind, "subject": subject}
    return _numbered(request, lambda store: store.listing.ledger, where, before, limit)


@router.get("/alerts", tags=["alerts"], dependencies=READ, response_model=Page[Alert], summary="Alerts")
def alerts(
    request: Request,
    state: Annotated[AlertState | None, Query()] = None,
    family: Filter = None,
    run: Filter = None,
    rule: Filter = None,
    before: Annotated[str | None, Query(pattern=r"^[0-9T:.+-]{20,40}~[0-9a-f]{8,64}$")] = None,
    limit: Limit = DEFAULT,
) -> Response:
    """Alerts, the newest first."""
    where = {"state": state, "family": family, "run": run, "rule": rule}
    with opened(request) as store:
        found = store.listing.alerts(where, before, limit + 1)
    return paged(request, [alert for _, alert in found], [mark for mark, _ in found], limit)


@router.get(
    "/alerts/{alert}",
    tags=["alerts"],
    dependencies=READ,
    response_model=Alert,
    responses=problems(404),
    summary="One alert",
)
def alert(request: Request, alert: AlertId) -> Response:
    """What happened, with findings."""
    with opened(request) as store:
        found = store.actions.alert(alert)
    return answered(request, _there(found, f"no alert {alert}, or several", "/api/v1/alerts").body())


@router.get(
    "/alerts/{alert}/history",
    tags=["alerts"],
    dependencies=READ,
    response_model=Page[AlertEvent],
    responses=problems(404),
    summary="Every change of an alert",
)
def history(request: Request, alert: AlertId) -> Response:
    """What, when, by whom, oldest first; all of it."""
    with opened(request) as store:
        found = _there(store.actions.alert(alert), f"no alert {alert}, or several", "/api/v1/alerts")
        events = store.actions.history(found.id)
    return answered(request, {"rows": [event.body() for event in events], "next": None})


@router.get(
    "/gates", tags=["gates"], dependencies=READ, response_model=Page[GateState], summary="Gates as settled last"
)
def gates(
    request: Request,
    before: Annotated[str | None, Query(min_length=1, max_length=1001, description="Gates after this one.")] = None,
    limit: Limit = DEFAULT,
) -> Response:
    """By name. Whether a run may go on is asked of `/api/v1/gates/{family}/{run}`, which decides now."""
    with opened(request) as store:
        found = [(f"{one.family}/{one.run}", one) for one in store.actions.gates()]
    after = [(name, one) for name, one in found if before is None or name > before][: limit + 1]
    return paged(request, [one for _, one in after], [name for name, _ in after], limit)


@router.get("/health", tags=["health"], dependencies=READ, response_model=Health, summary="How the house is")
def health(request: Request) -> Response:
    """When it last did its round, and what is open."""
    door: Door = request.app.state.door
    with opened(request) as store:
        cycle, fault = store.fact("cycle"), store.fact("fault")
        states = [gate.answer for gate in store.actions.gates()]
        told = Health(
            ledger=store.ledger.head[0],
            cycle=cycle[1] if cycle else None,
            fresh=_fresh(cycle, door),
            fault=fault[0] if fault and (cycle is None or fault[1] > cycle[1]) else "",
            leader=store.leader() is not None,
            alerts=store.actions.count_open(),
            gates={answer: states.count(answer) for answer in dict.fromkeys(states)},
        )
    return answered(request, told.body())


def _fresh(cycle: tuple[str, datetime] | None, door: Door) -> bool:
    return cycle is not None and door.clock.now() - cycle[1] <= door.settings.gate.max_silence


def _there(found: Any, why: str, where: str) -> Any:
    if found is None:
        raise Refusal(404, why, f"see {where}")
    return found
