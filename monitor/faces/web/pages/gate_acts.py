"""What people do about a gate: let a finding pass, vote for or against a release, break the glass and review that."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from checkpoints_db.records.duration import Duration, parse_duration
from monitor.faces.web.pages.desk import (
    Breaker,
    Evidence,
    Flop,
    GlassReviewer,
    Lasting,
    Objector,
    Voter,
    Waiver,
    Words,
    back_to_alert,
    back_to_run,
    sitting,
)
from monitor.faces.web.pages.route import PageRoute

router = APIRouter(route_class=PageRoute, prefix="/gates/run")
Name = Annotated[str, Form(min_length=1, max_length=500)]
Maybe = Annotated[str, Form(max_length=500)]
A_WEEK = parse_duration("7d")


def _back(family: str, run: str, alert: str, done: str) -> Response:
    return back_to_alert(alert, done) if alert else back_to_run(family, run, done)


@router.post("/waive")
def waive(
    request: Request,
    person: Waiver,
    *,
    family: Name,
    run: Name,
    rule: Name,
    reason: Words,
    subject: Maybe = "",
    lasting: Lasting = A_WEEK,
    alert: Maybe = "",
) -> Response:
    """Let one finding pass for a while."""
    with sitting(request) as desk:
        desk.waive(family, run, rule, subject, by=person.name, reason=reason, until=desk.at + lasting)
    return _back(family, run, alert, "waived")


@router.post("/release")
def release(
    request: Request,
    person: Voter,
    family: Name,
    run: Name,
    reason: Words,
    evidence: Evidence,
    max_flop: Flop = None,
    alert: Maybe = "",
) -> Response:
    """Vote for reopening the gate, on the evidence that was on the page."""
    with sitting(request) as desk:
        desk.release(family, run, by=person.name, reason=reason, evidence=evidence, max_flop=max_flop)
    return _back(family, run, alert, "approved")


@router.post("/reject")
def reject(
    request: Request, person: Objector, family: Name, run: Name, reason: Words, evidence: Evidence, alert: Maybe = ""
) -> Response:
    """Vote against reopening it."""
    with sitting(request) as desk:
        desk.release(family, run, by=person.name, reason=reason, evidence=evidence, reject=True)
    return _back(family, run, alert, "rejected")


@router.post("/break-glass")
def break_glass(
    request: Request,
    person: Breaker,
    family: Name,
    run: Name,
    reason: Words,
    lasting: Annotated[Duration | None, Form()] = None,
    max_flop: Flop = None,
) -> Response:
    """Let the run go on alone, for a while and so far."""
    with sitting(request) as desk:
        until = None if lasting is None else desk.at + lasting
        desk.break_glass(family, run, by=person.name, reason=reason, until=until, max_flop=max_flop)
    return back_to_run(family, run, "broken")


@router.post("/review-glass")
def review_glass(request: Request, person: GlassReviewer, family: Name, run: Name, reason: Words) -> Response:
    """Say what a review of the break-glass found."""
    with sitting(request) as desk:
        desk.review(family, run, by=person.name, reason=reason)
    return back_to_run(family, run, "reviewed")
