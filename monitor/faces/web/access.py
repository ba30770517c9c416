"""Who asks, and may they: `Person`, `current_person` and `may("acknowledge")`, for every route and every page.

    @router.get("/alerts", dependencies=[Depends(may("read"))])
    def inbox(person: Annotated[Person, Depends(may("read"))]) -> Response: ...

A route of the API answers 401 or 403 as a problem; a page sends whoever did not come in to `/login`. What a browser
sends by itself (a cookie, a proxy's header) changes nothing unless the request also carries the form's secret
(`person.secret`, as field `csrf` or header `X-CSRF-Token`) and comes from a page of ours.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Annotated, Final
from urllib.parse import quote, urlsplit

import anyio.to_thread
from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from checkpoints_db import Store
from monitor import people
from monitor.daemon.door import Door
from monitor.faces.web.problem import Elsewhere, Refusal
from monitor.people import Life, Person
from monitor.roles import ACTIONS
from monitor.settings import Web

__all__ = ["Person", "current_person", "may"]

PATIENCE = 5.0
"""Seconds that a request waits for a writer of the store to finish."""
SAFE = ("GET", "HEAD", "OPTIONS")
CSRF_FIELD, CSRF_HEADER = "csrf", "X-CSRF-Token"
FORM = "application/x-www-form-urlencoded"
COOKIE: Final = "holdpoint"
bearer = HTTPBearer(auto_error=False, scheme_name="token", description="A token of `holdpoint token make`.")
cookie = APIKeyCookie(name=COOKIE, auto_error=False, scheme_name="session", description="A session of `/login`.")


def cookie_name(web: Web, name: str = COOKIE) -> str:
    """Its name: under https one that browsers take from this very host only."""
    return f"__Host-{name}" if web.encrypted else name


def life_of(web: Web) -> Life:
    """How long sessions last by the settings."""
    return Life(idle=web.session_idle, longest=web.session_life)


def opened(request: Request) -> Store:
    """The store, for one request. Raises StoreError, which leaves as 503."""
    door: Door = request.app.state.door
    return Store.open(door.settings.at(door.settings.store), wait=PATIENCE)


def address_of(request: Request) -> str:
    """Where a request is from: what a named proxy says, and else the peer."""
    peer = request.client.host if request.client else ""
    if not _is_proxy(request, peer):
        return peer
    # The last one was added by the proxy itself; those before it anybody may have written.
    return request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()[:64] or peer


def _is_proxy(request: Request, peer: str) -> bool:
    door: Door = request.app.state.door
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(each) for each in door.terms.proxies)


def who_asks(request: Request, token: str | None) -> Person | None:
    """Whose token, session or proxy this is, or None. Raises StoreError."""
    door: Door = request.app.state.door
    web, at = door.terms, door.clock.now()
    with opened(request) as store:
        if token is not None:  # whoever shows one asks to be judged by it, and by nothing else
            return people.shows_token(store, token, at)
        kept = request.cookies.get(cookie_name(web))
        if kept and (person := people.shows_session(store, kept, at, life_of(web))):
            return person
        if web.proxy_user_header and _is_proxy(request, request.client.host if request.client else ""):
            named = request.headers.getlist(web.proxy_user_header)
            if len(named) == 1 and named[0]:
                return people.by_proxy(store, named[0], request.app.state.form_key)
    return None


async def current_person(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
    _cookie: Annotated[str | None, Security(cookie)] = None,
) -> Person:
    """Who asks. Raises Refusal (401) for the API; sends whoever wants a page to log in first."""
    token = credentials.credentials if credentials else None
    turn: anyio.CapacityLimiter = request.app.state.asking
    person = await anyio.to_thread.run_sync(who_asks, request, token, limiter=turn)
    if person is None:
        if request.url.path.startswith("/api/"):
            why = "the token shown is none, is over, or was taken back" if token else "nobody is logged in"
            way = "send `Authorization: Bearer TOKEN` with a token of `holdpoint token make`, or log in at /login"
            raise Refusal(401, why, way, WWW_Authenticate='Bearer error="invalid_token"' if token else "Bearer")
        raise Elsewhere(login_url(request))
    if request.method not in SAFE and person.secret:
        await must_be_ours(request, person.secret)
    return person


def login_url(request: Request) -> str:
    """The page to log in, which leads back to the page that was asked for."""
    if request.method not in SAFE:
        return "/login"
    query = f"?{request.url.query}" if request.url.query else ""
    return f"/login?next={quote(request.url.path + query, safe='')}"


def may(action: str) -> Callable[..., Awaitable[Person]]:
    """Let a request pass whose person may do this, and say who they are. Raises Refusal (403).

    Raises KeyError at once where the role table has no such action: a route is never open by a typing error.
    """
    roles = ACTIONS[action].roles

    async def who_may(person: Annotated[Person, Depends(current_person)]) -> Person:
        if not person.may(action):
            others = ", ".join(sorted(roles))
            what = (
                f"token of {person.name} does not carry" if person.came == "token" else f"role of {person.name} allows"
            )
            why = f"no {what} {action!r}" if person.came != "token" else f"this {what} {action!r}"
            raise Refusal(403, why, f"ask somebody who may: {others}")
        return person

    return who_may


async def must_be_ours(request: Request, secret: str) -> None:
    """Raise Refusal (403) unless a request was made by a page of ours, for this very session."""
    if not _from_here(request):
        raise Refusal(403, "the request comes from a page of another site", "use the pages of holdpoint itself")
    given = request.headers.get(CSRF_HEADER, "")
    if not given and request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM:
        field = (await request.form()).get(CSRF_FIELD, "")
        given = field if isinstance(field, str) else ""
    if not people.same(given, secret):
        why = "the form does not carry the secret of this session; it was made before you logged in, or elsewhere"
        raise Refusal(403, why, "load the page again, then send it once more")


def _from_here(request: Request) -> bool:
    """Whether the browser says that a page of this site asks; what says nothing of it is judged by the secret alone."""
    door: Door = request.app.state.door
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return True
    ours = {request.headers.get("host", "").lower(), urlsplit(door.terms.url).netloc.lower()} - {""}
    return urlsplit(origin).netloc.lower() in ours
