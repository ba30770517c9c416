"""Where people act: forms of pages go to the reviewer's desk, under the name of who came in, and lead back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import Field

from checkpoints_db.records.duration import Duration
from monitor.daemon.rules import load_rules
from monitor.faces.web.access import Person, may, opened
from monitor.faces.web.pages.frame import door_of, query
from monitor.faces.web.problem import FRESH
from monitor.review import Desk

Words = Annotated[str, Form(max_length=4000)]
Evidence = Annotated[str, Form(max_length=64)]
Lasting = Annotated[Duration, Form(), Field(gt=timedelta(), le=timedelta(days=3660))]
Flop = Annotated[float | None, Form(gt=0, allow_inf_nan=False)]

Hands = Annotated[Person, Depends(may("acknowledge"))]
Speaker = Annotated[Person, Depends(may("comment"))]
Dispatcher = Annotated[Person, Depends(may("assign"))]
Examiner = Annotated[Person, Depends(may("examine"))]
Finder = Annotated[Person, Depends(may("false_alarm"))]
Waiver = Annotated[Person, Depends(may("waive"))]
Voter = Annotated[Person, Depends(may("release"))]
Objector = Annotated[Person, Depends(may("reject"))]
Breaker = Annotated[Person, Depends(may("break_glass"))]
GlassReviewer = Annotated[Person, Depends(may("review_glass"))]

DONE = {
    "acknowledged": "You have it. The gate is unchanged; the alert fires again when the time is up.",
    "commented": "Your comment is kept.",
    "attached": "The link is kept.",
    "assigned": "It is assigned. Nobody is told of that.",
    "asked": "It is under review. The gate is unchanged.",
    "confirmed": "It is confirmed. The gate is unchanged.",
    "false": "It is a false alarm. The gate is unchanged; a release opens it.",
    "invalid": "Its evidence is invalid; it waits for other evidence. The gate is unchanged.",
    "closed": "It is closed.",
    "waived": "The finding is waived.",
    "approved": "Your approval is kept.",
    "rejected": "You rejected the release: the gate stays closed for this evidence.",
    "broken": "The glass is broken; everybody is told, and another person reviews it.",
    "reviewed": "The break-glass is reviewed.",
}
"""What a page says after something was done."""


@contextmanager
def sitting(request: Request) -> Iterator[Desk]:
    """The desk, for one act; the policy and the catalogue are those of this moment."""
    door = door_of(request)
    rules = load_rules(door.settings, door.clock)
    with opened(request) as store:
        everybody = tuple(door.settings.receivers)
        yield Desk(store, rules.catalogue, rules.policy, door.clock.now(), everybody=everybody)


def back_to_alert(name: str, done: str) -> Response:
    """The page of an alert, which says what was done."""
    return RedirectResponse(f"/alerts/{quote(name, safe='')}{query(done=done)}", 303, FRESH)


def back_to_run(family: str, run: str, done: str) -> Response:
    """The page of a run, which says what was done."""
    return RedirectResponse(f"/gates/run{query(family=family, run=run, done=done)}", 303, FRESH)
