"""What people do: one line a verb in `VERBS`. Each goes to the reviewer's desk, under the name of who came in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse, Response

from checkpoints_db import Store
from checkpoints_db.errors import HoldpointError, PolicyError, StoreError
from checkpoints_db.records import Record
from monitor import gate
from monitor.daemon.door import Door
from monitor.daemon.rules import load_rules
from monitor.faces.web.access import Person, may, opened
from monitor.faces.web.api import bodies
from monitor.faces.web.api.lists import AlertId
from monitor.faces.web.api.page import problems
from monitor.faces.web.problem import FRESH, Refusal
from monitor.review import Desk

router = APIRouter(prefix="/api/v1")


class Place(NamedTuple):
    """What is spoken of: an alert and its run, or a run alone."""

    alert: str
    family: str
    run: str


Act = Callable[[Desk, Place, str, Any], Any]


class Verb(NamedTuple):
    """Something that may be done: to what, by which action of the role table, saying what, and how the desk does it."""

    name: str
    to: Literal["alerts", "gates"]
    action: str
    says: type[Record]
    act: Act


def _at(act: Callable[..., Record]) -> Act:
    """What the desk does with an alert, given what was said word for word."""
    return lambda desk, place, by, said: act(desk, place.alert, by=by, **dict(said))


def _release(desk: Desk, place: Place, by: str, said: bodies.Vote, *, reject: bool = False) -> Any:
    bound = {"reason": said.reason, "evidence": said.evidence, "max_flop": said.max_flop}
    return desk.release(place.family, place.run, by=by, reject=reject, **bound)  # type: ignore[arg-type]


def _reject(desk: Desk, place: Place, by: str, said: bodies.Vote) -> Any:
    return _release(desk, place, by, said, reject=True)


def _waive(desk: Desk, place: Place, by: str, said: bodies.Waive) -> Any:
    until = desk.at + said.lasting
    return desk.waive(place.family, place.run, said.rule, said.subject, by=by, reason=said.reason, until=until)[1]


def _break(desk: Desk, place: Place, by: str, said: bodies.Break) -> Any:
    until = None if said.lasting is None else desk.at + said.lasting
    return desk.break_glass(place.family, place.run, by=by, reason=said.reason, until=until, max_flop=said.max_flop)[1]


def _acknowledge(desk: Desk, place: Place, by: str, said: bodies.Acknowledge) -> Any:
    return desk.acknowledge(place.alert, by=by, comment=said.comment, until=desk.at + said.lasting)


def _review(desk: Desk, place: Place, by: str, said: bodies.Found) -> Any:
    return desk.review(place.family, place.run, by=by, reason=said.reason)[1]


VERBS: tuple[Verb, ...] = (
    Verb("acknowledge", "alerts", "acknowledge", bodies.Acknowledge, _acknowledge),
    Verb("comment", "alerts", "comment", bodies.Comment, _at(Desk.comment)),
    Verb("attach", "alerts", "comment", bodies.Attach, _at(Desk.attach)),
    Verb("assign", "alerts", "assign", bodies.Assign, _at(Desk.assign)),
    Verb("examine", "alerts", "examine", bodies.Ask, _at(Desk.ask)),
    Verb("confirm", "alerts", "examine", bodies.Confirm, _at(Desk.confirm)),
    Verb("close", "alerts", "examine", bodies.Close, _at(Desk.close)),
    Verb("false-alarm", "alerts", "false_alarm", bodies.FalseAlarm, _at(Desk.false_alarm)),
    Verb("invalid", "alerts", "false_alarm", bodies.Invalid, _at(Desk.invalid)),
    Verb("release", "alerts", "release", bodies.Vote, _release),
    Verb("reject", "alerts", "reject", bodies.Vote, _reject),
    Verb("waive", "alerts", "waive", bodies.Waive, _waive),
    Verb("release", "gates", "release", bodies.Vote, _release),
    Verb("reject", "gates", "reject", bodies.Vote, _reject),
    Verb("waive", "gates", "waive", bodies.Waive, _waive),
    Verb("break-glass", "gates", "break_glass", bodies.Break, _break),
    Verb("review-glass", "gates", "review_glass", bodies.Found, _review),
)


def _serve(verb: Verb) -> None:
    """One route for one verb."""
    who = Annotated[Person, Depends(may(verb.action))]
    told = verb.says.__doc__ or ""

    def on_alert(request: Request, alert: AlertId, said: Any, person: Any) -> Response:
        return do(request, verb, person, said, alert=alert)

    def on_gate(request: Request, family: str, run: str, said: Any, person: Any) -> Response:
        return do(request, verb, person, said, run=f"{family}/{run}")

    named = Annotated[str, Path(min_length=1, max_length=500)]
    on_alert.__annotations__ |= {"request": Request, "alert": AlertId, "said": verb.says, "person": who}
    on_gate.__annotations__ |= {"request": Request, "family": named, "run": named, "said": verb.says, "person": who}
    path = "/alerts/{alert}" if verb.to == "alerts" else "/gates/{family}/{run}"
    router.add_api_route(
        f"{path}/{verb.name}",
        on_alert if verb.to == "alerts" else on_gate,
        methods=["POST"],
        name=f"{verb.name} {verb.to}",
        operation_id=f"{verb.to}_{verb.name.replace('-', '_')}",
        tags=[verb.to],
        summary=verb.name,
        description=f"{told} Asks for the action `{verb.action}`; the ledger names who did it.",
        response_model=None,
        responses=problems(400, 404, 409),
    )


def do(request: Request, verb: Verb, person: Person, said: Any, *, alert: str = "", run: str = "") -> Response:
    """Do it, in one transaction, under the name of the person. Raises Refusal."""
    door: Door = request.app.state.door
    at = door.clock.now()
    with opened(request) as store:
        place = _alert(store, alert) if alert else _run(store, run)
        desk = _desk(store, door, at)
        try:
            made = verb.act(desk, place, person.name, said)
        except PolicyError as error:
            raise Refusal(409, str(error), "look at it again, then decide") from error
    return JSONResponse(made.body(), headers=FRESH)


def _desk(store: Store, door: Door, at: datetime) -> Desk:
    try:
        rules = load_rules(door.settings, door.clock)
    except StoreError:
        raise
    except HoldpointError as error:
        raise Refusal(503, f"the rules cannot be read: {error}", "repair them, then do it again") from error
    return Desk(store, rules.catalogue, rules.policy, at, everybody=tuple(door.settings.receivers))


def _alert(store: Store, name: str) -> Place:
    found = store.actions.alert(name)
    if found is None:
        raise Refusal(404, f"no alert {name}, or several", "see /api/v1/alerts")
    return Place(found.id, found.family, found.run)


def _run(store: Store, name: str) -> Place:
    found = gate.find_run(store, name)
    if found is None:
        raise Refusal(404, f"no run {name[:200]!r}, or several", "see /api/v1/gates")
    return Place("", *found)


for _verb in VERBS:
    _serve(_verb)
