"""What people do with an alert: take it, talk about it, examine it, close it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from checkpoints_db.records import Cause
from checkpoints_db.records.duration import parse_duration
from monitor.faces.web.pages.desk import (
    Dispatcher,
    Evidence,
    Examiner,
    Finder,
    Hands,
    Lasting,
    Speaker,
    Words,
    back_to_alert,
    sitting,
)
from monitor.faces.web.pages.route import PageRoute

router = APIRouter(route_class=PageRoute, prefix="/alerts/{name}")
FOUR_HOURS = parse_duration("4h")


@router.post("/acknowledge")
def acknowledge(
    request: Request,
    person: Hands,
    name: str,
    evidence: Evidence = "",
    comment: Words = "",
    lasting: Lasting = FOUR_HOURS,
) -> Response:
    """Say that one has seen it."""
    with sitting(request) as desk:
        until = desk.at + lasting
        desk.acknowledge(name, by=person.name, comment=comment, until=until, evidence=evidence)
    return back_to_alert(name, "acknowledged")


@router.post("/comment")
def comment(request: Request, person: Speaker, name: str, text: Words) -> Response:
    """Say something."""
    with sitting(request) as desk:
        desk.comment(name, by=person.name, text=text)
    return back_to_alert(name, "commented")


@router.post("/attach")
def attach(request: Request, person: Speaker, name: str, title: Words, url: Words) -> Response:
    """Put a link to it."""
    with sitting(request) as desk:
        desk.attach(name, by=person.name, url=url, title=title)
    return back_to_alert(name, "attached")


@router.post("/assign")
def assign(request: Request, person: Dispatcher, name: str, to: Words = "", text: Words = "") -> Response:
    """Say whose it is."""
    with sitting(request) as desk:
        desk.assign(name, by=person.name, to=to, text=text)
    return back_to_alert(name, "assigned")


@router.post("/ask")
def ask(
    request: Request, person: Examiner, name: str, text: Words, reviewer: Words = "", evidence: Evidence = ""
) -> Response:
    """Take it under review."""
    with sitting(request) as desk:
        desk.ask(name, by=person.name, question=text, reviewer=reviewer, evidence=evidence)
    return back_to_alert(name, "asked")


@router.post("/confirm")
def confirm(request: Request, person: Examiner, name: str, text: Words, evidence: Evidence = "") -> Response:
    """It is so, and this is done about it."""
    with sitting(request) as desk:
        desk.confirm(name, by=person.name, mitigation=text, evidence=evidence)
    return back_to_alert(name, "confirmed")


@router.post("/false-alarm")
def false_alarm(
    request: Request, person: Finder, name: str, cause: Annotated[Cause, Form()], text: Words, evidence: Evidence = ""
) -> Response:
    """It is not so, and this is why."""
    with sitting(request) as desk:
        desk.false_alarm(name, by=person.name, cause=cause, reason=text, evidence=evidence)
    return back_to_alert(name, "false")


@router.post("/invalid")
def invalid(request: Request, person: Finder, name: str, text: Words, evidence: Evidence = "") -> Response:
    """Its evidence is no good, and this has to be run again."""
    with sitting(request) as desk:
        desk.invalid(name, by=person.name, rerun=text, evidence=evidence)
    return back_to_alert(name, "invalid")


@router.post("/close")
def close(request: Request, person: Examiner, name: str, text: Words, evidence: Evidence = "") -> Response:
    """Be done with it."""
    with sitting(request) as desk:
        desk.close(name, by=person.name, reason=text, evidence=evidence)
    return back_to_alert(name, "closed")
