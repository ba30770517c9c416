"""`/policies`: what is in force, and what another policy would have done."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from fastapi import APIRouter, Request, Response

from checkpoints_db.catalogue import Catalogue
from monitor.faces.views.policies import policies
from monitor.faces.web.pages.frame import Reader, absent, door_of, reading, show
from monitor.faces.web.pages.route import PageRoute
from monitor.faces.web.problem import Declined
from monitor.replay import Difference, Replay, StoreSource, differ, replay
from monitor.settings import Settings
from policies.files import shelf_names
from policies.loader import find
from policies.schema import Policy

router = APIRouter(route_class=PageRoute)
Walked = TypeVar("Walked", Replay, Difference)
CONFIGURED = "configured"
"""What the policy that the settings name is called in the form."""
_walking = threading.Lock()
"""One history is walked at a time: it takes a core for as long as it lasts."""


@router.get("/policies")
def page(request: Request, person: Reader) -> Response:
    """In force, waiting, history, votes, text."""
    with reading(request) as store:
        found = policies(store)
    options = [(CONFIGURED, "the one that the settings name"), *((name, name) for name in shelf_names())]
    return show(request, person, "policies.html", found=found, options=options)


@router.get("/policies/replay")
def replayed(request: Request, person: Reader, policy: str) -> Response:
    """What one policy would have done over the history of the store."""
    settings = door_of(request).settings
    candidate = _named(settings, policy)
    found = _walk(lambda source: replay(source, candidate, workers=1), settings)
    return show(request, person, "replay.html", found=found, name=policy)


@router.get("/policies/diff")
def differed(request: Request, person: Reader, old: str, new: str) -> Response:
    """Every past decision that flips between two policies."""
    settings = door_of(request).settings
    before, after = _named(settings, old), _named(settings, new)
    found = _walk(lambda source: differ(source, before, after, workers=1), settings)
    return show(request, person, "diff.html", found=found, old=old, new=new)


def _named(settings: Settings, name: str) -> Policy:
    """A policy that a form may name: of the shelf, or the one of the settings; no path comes from outside."""
    if name == CONFIGURED:
        return find(settings.policy, settings.base)
    if name not in shelf_names():
        raise absent(f"there is no policy {name[:64]!r} here", f"choose {CONFIGURED}, or one of the shelf")
    return find(name, Path())


def _walk(ask: Callable[[StoreSource], Walked], settings: Settings) -> Walked:
    if not _walking.acquire(blocking=False):
        raise Declined(503, "another history is being walked for somebody", "try again in a minute", Retry_After="60")
    try:
        return ask(StoreSource(settings.at(settings.store), Catalogue.from_toml(settings.at(settings.catalogue))))
    finally:
        _walking.release()
