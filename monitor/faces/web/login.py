"""`/login` and `/logout`: a session begins with a new id, and ends."""

from __future__ import annotations

import logging
from typing import Annotated

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from checkpoints_db.records.access import Account
from monitor import people
from monitor.daemon.door import Door
from monitor.faces.render import clean
from monitor.faces.web.access import (
    COOKIE,
    Person,
    address_of,
    cookie_name,
    current_person,
    life_of,
    must_be_ours,
    opened,
)
from monitor.faces.web.attempts import Attempts
from monitor.faces.web.pages.frame import page
from monitor.faces.web.problem import FRESH
from monitor.settings import Web
from policies.people import person as spelled

logger = logging.getLogger("holdpoint.web")
router = APIRouter(include_in_schema=False)

BEFORE = f"{COOKIE}-login"
"""The cookie of whoever has no session yet: their form belongs to it."""
WRONG = "Name or password is wrong."


def home(after: str) -> str:
    """Where a login leads: a page of ours, whatever was asked for.

    >>> home("/alerts/3f9a?tab=2"), home("//evil.example"), home("https://evil.example"), home("/\\\\evil.example")
    ('/alerts/3f9a?tab=2', '/', '/', '/')
    """
    plain = after.isascii() and after.isprintable() and "\\" not in after
    return after if plain and after.startswith("/") and not after.startswith("//") and len(after) <= 2000 else "/"


def set_cookie(response: Response, web: Web, name: str, value: str, *, seconds: int) -> None:
    """A cookie that no script reads, and that other sites do not send along with what they post."""
    response.set_cookie(
        cookie_name(web, name), value, max_age=seconds, path="/", secure=web.encrypted, httponly=True, samesite="lax"
    )


def come_in(request: Request, text: str, after: str) -> Response:
    """Whoever has this session is in, and goes where they wanted to."""
    door: Door = request.app.state.door
    response = RedirectResponse(home(after), 303, FRESH)
    set_cookie(response, door.terms, COOKIE, text, seconds=int(door.terms.session_life.total_seconds()))
    response.delete_cookie(cookie_name(door.terms, BEFORE), path="/", secure=door.terms.encrypted, httponly=True)
    return response


def _form(request: Request, after: str, *, name: str = "", wrong: str = "", status: int = 200) -> Response:
    door: Door = request.app.state.door
    before = request.cookies.get(cookie_name(door.terms, BEFORE)) or people.fresh()
    oidc = door.terms.oidc.issuer if door.terms.oidc else ""
    told = {"person": None, "secret": people.bound_to(before), "next": home(after), "oidc": oidc}
    response = page("login.html", status, name=name, wrong=wrong, **told)
    set_cookie(response, door.terms, BEFORE, before, seconds=3600)
    return response


@router.get("/login")
def form(request: Request, next: str = "/") -> Response:  # noqa: A002 - the word that addresses use
    """The form; whoever is in already sees who they are."""
    door: Door = request.app.state.door
    kept = request.cookies.get(cookie_name(door.terms))
    if kept:
        with opened(request) as store:
            person = people.shows_session(store, kept, door.clock.now(), life_of(door.terms))
        if person is not None:
            return page("login.html", person=person, secret=person.secret)
    return _form(request, next)


@router.post("/login")
async def login(
    request: Request,
    name: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=people.LONGEST)] = "",
    next: Annotated[str, Form(max_length=4000)] = "/",  # noqa: A002 - the word that addresses use
) -> Response:
    """A name and a password: the session that begins has an id nobody had before, whatever cookie was sent."""
    door: Door = request.app.state.door
    attempts: Attempts = request.app.state.attempts
    before, at = request.cookies.get(cookie_name(door.terms, BEFORE), ""), door.clock.now()
    await must_be_ours(request, people.bound_to(before or people.fresh()))
    address, who = address_of(request), spelled(name)
    left = attempts.wait(who, address, at)
    if left:
        minutes = int(left.total_seconds() // 60) + 1
        response = _form(request, next, name=name, wrong=f"Too many attempts; try again in {minutes} min.", status=429)
        response.headers["Retry-After"] = str(int(left.total_seconds()) + 1)
        return response
    attempts.failed(who, address, at)  # before it is known: many at once are many attempts
    turn: anyio.CapacityLimiter = request.app.state.hashing
    text = await anyio.to_thread.run_sync(_session, request, name, password, limiter=turn)
    if text is None:
        logger.warning("login failed: %s from %s", clean(name[:80]), clean(address))
        return _form(request, next, name=name, wrong=WRONG, status=403)
    attempts.passed(who, address)
    logger.info("%s logged in from %s", clean(name[:80]), clean(address))
    return come_in(request, text, next)


def _session(request: Request, name: str, password: str) -> str | None:
    door: Door = request.app.state.door
    with opened(request) as store:
        account: Account | None = people.checked(store, name, password)
        if account is None:
            return None
        kept = request.cookies.get(cookie_name(door.terms))
        if kept:
            people.end(store, kept, door.clock.now())
        return people.begin(store, account, "password", door.clock.now(), life_of(door.terms))


@router.post("/logout")
def logout(request: Request, _: Annotated[Person, Depends(current_person)]) -> Response:
    """End the session, here and in the store."""
    door: Door = request.app.state.door
    kept = request.cookies.get(cookie_name(door.terms))
    if kept:
        with opened(request) as store:
            people.end(store, kept, door.clock.now())
    response = RedirectResponse("/login", 303, FRESH)
    response.delete_cookie(cookie_name(door.terms), path="/", secure=door.terms.encrypted, httponly=True)
    return response
