"""`/login/oidc`: somebody else says who a person is, by OpenID Connect (authorization code, PKCE).

What people may do stays with `holdpoint people`. Authlib judges what that one signed.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import anyio.to_thread
import httpx  # noqa: TID251 - this is a door of the network
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from checkpoints_db.errors import AccessError, SettingsError
from monitor import people
from monitor.daemon.door import Door
from monitor.faces.render import clean
from monitor.faces.web.access import COOKIE, cookie_name, life_of, opened
from monitor.faces.web.login import BEFORE, come_in, home, set_cookie
from monitor.faces.web.problem import FRESH, Refusal
from monitor.settings import Oidc, Settings, Web
from policies.people import person

logger = logging.getLogger("holdpoint.web")
router = APIRouter(include_in_schema=False)

SIGNED = ["RS256", "PS256", "ES256", "EdDSA"]
"""Signatures by a key that only they have; a shared secret signs nothing here."""
PATIENCE, LEEWAY = 10.0, 60
"""Seconds that they may take to answer, and that clocks may differ by."""
WAIT, MOST = timedelta(minutes=10), 1000
"""How long somebody may be away to log in, and how many at a time."""


class BadAnswer(AccessError):
    """What came back from the one who says who people are does not hold."""


class Away(NamedTuple):
    """Somebody who went to log in elsewhere."""

    before: str
    """What their browser holds."""
    nonce: str
    verifier: str
    back: str
    after: str
    at: datetime


class Provider:
    """The one who says who people are. Raises SettingsError where the settings cannot be meant."""

    def __init__(self, settings: Settings, terms: Oidc) -> None:
        where = urlsplit(terms.issuer)
        if where.scheme != "https" and where.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise SettingsError("web.oidc.issuer: it is not https: anybody on the way could say who somebody is")
        self.terms, self._secret = terms, _secret(settings, terms)
        self._away: dict[str, Away] = {}
        self._turn = threading.Lock()

    def leaves(self, away: Away) -> str:
        """Remember that somebody goes, and say where to. Raises BadAnswer."""
        state, found = people.fresh(), self._found()
        with self._turn:
            self._away = {name: one for name, one in self._away.items() if away.at - one.at < WAIT}
            while len(self._away) >= MOST:
                del self._away[next(iter(self._away))]
            self._away[state] = away
        asked = {
            "response_type": "code",
            "client_id": self.terms.client_id,
            "redirect_uri": away.back,
            "scope": "openid email profile",
            "state": state,
            "nonce": away.nonce,
            "code_challenge": create_s256_code_challenge(away.verifier),
            "code_challenge_method": "S256",
        }
        return f"{found['authorization_endpoint']}?{urlencode(asked)}"

    def returns(self, state: str, before: str, at: datetime) -> Away:
        """Whoever comes back, once, with the browser that left. Raises BadAnswer."""
        with self._turn:
            away = self._away.pop(state, None)
        if away is None or at - away.at >= WAIT or not people.same(away.before, before):
            raise BadAnswer("this login began in another browser, or too long ago; begin again")
        return away

    def named(self, code: str, away: Away, at: datetime) -> str:
        """The name of whom this code is about. Raises BadAnswer."""
        found = self._found()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": away.back}
        form |= {"code_verifier": away.verifier, "client_id": self.terms.client_id}
        auth = None if self._secret is None else (self.terms.client_id, self._secret)
        answer = _json(lambda http: http.post(found["token_endpoint"], data=form, auth=auth))
        keys = _json(lambda http: http.get(found["jwks_uri"]))
        try:
            told = jwt.decode(str(answer["id_token"]), KeySet.import_key_set(keys), algorithms=SIGNED)  # type: ignore[arg-type]
            ours = {"client_id": self.terms.client_id, "nonce": away.nonce, "access_token": answer.get("access_token")}
            essential = {"iss": self.terms.issuer, "aud": self.terms.client_id, "nonce": away.nonce}
            options = {name: {"essential": True, "value": value} for name, value in essential.items()}
            claims = CodeIDToken(told.claims, told.header, options, ours)
            claims.validate(now=int(at.timestamp()), leeway=LEEWAY)
        except (JoseError, KeyError, ValueError, TypeError) as error:
            raise BadAnswer(f"its answer does not hold: {error}") from error
        name = told.claims.get(self.terms.claim)
        if not isinstance(name, str) or not name:
            raise BadAnswer(f"its answer names nobody: there is no {self.terms.claim} in it")
        if self.terms.claim == "email" and told.claims.get("email_verified") is not True:
            raise BadAnswer("its answer says an address of mail that nobody verified")
        return name

    def _found(self) -> dict[str, Any]:
        where = f"{self.terms.issuer.rstrip('/')}/.well-known/openid-configuration"
        found = _json(lambda http: http.get(where))
        if found.get("issuer") != self.terms.issuer:
            raise BadAnswer(f"{where} speaks for {str(found.get('issuer'))[:200]!r}, not for web.oidc.issuer")
        scheme = urlsplit(self.terms.issuer).scheme
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if urlsplit(str(found.get(name))).scheme not in ("https", scheme):
                raise BadAnswer(f"{where} has no {name} that one may trust")
        return found


def _json(ask: Any) -> dict[str, Any]:
    try:
        with httpx.Client(timeout=PATIENCE, follow_redirects=False) as http:
            got = ask(http)
            got.raise_for_status()
            said = got.json()
    except (httpx.HTTPError, ValueError) as error:
        raise BadAnswer(f"it does not answer: {error}") from error
    if not isinstance(said, dict):
        raise BadAnswer("its answer does not read")
    return said


def _secret(settings: Settings, terms: Oidc) -> str | None:
    if terms.client_secret is not None:
        return terms.client_secret.get_secret_value().strip()
    if terms.client_secret_file is None:
        return None
    path = settings.at(terms.client_secret_file)
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"web.oidc.client_secret_file: {path}: cannot be read: {error}") from error


@router.get("/login/oidc")
async def leave(request: Request, next: str = "/") -> Response:  # noqa: A002 - the word that addresses use
    """Go to log in elsewhere."""
    door: Door = request.app.state.door
    web = door.terms
    before = request.cookies.get(cookie_name(web, BEFORE)) or people.fresh()
    back = (web.url.rstrip("/") or str(request.base_url).rstrip("/")) + "/login/oidc/back"
    away = Away(before, people.fresh(), people.fresh(), back, home(next), door.clock.now())
    provider: Provider = request.app.state.oidc
    turn: anyio.CapacityLimiter = request.app.state.hashing
    try:
        where = await anyio.to_thread.run_sync(provider.leaves, away, limiter=turn)
    except BadAnswer as error:
        raise _refused(error, web) from error
    response = RedirectResponse(where, 303, FRESH)
    set_cookie(response, web, BEFORE, before, seconds=3600)
    return response


@router.get("/login/oidc/back")
async def come_back(
    request: Request,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
) -> Response:
    """Come back with a code: it says who somebody is, and whoever is a person here is in."""
    door: Door = request.app.state.door
    turn: anyio.CapacityLimiter = request.app.state.hashing
    try:
        text, after = await anyio.to_thread.run_sync(_session, request, state, code, limiter=turn)
    except BadAnswer as error:
        logger.warning("login by OpenID Connect failed: %s", clean(str(error)))
        raise _refused(error, door.terms) from error
    return come_in(request, text, after)


def _session(request: Request, state: str, code: str) -> tuple[str, str]:
    door: Door = request.app.state.door
    provider: Provider = request.app.state.oidc
    at, web = door.clock.now(), door.terms
    away = provider.returns(state, request.cookies.get(cookie_name(web, BEFORE), ""), at)
    name = provider.named(code, away, at)
    with opened(request) as store:
        account = store.people.account(person(name))
        if account is None or not account.active:
            raise BadAnswer(f"nobody here is called {name[:80]!r}; an admin lets people in with `holdpoint people add`")
        kept = request.cookies.get(cookie_name(web, COOKIE))
        if kept:
            people.end(store, kept, at)
        return people.begin(store, account, "oidc", at, life_of(web)), away.after


def _refused(error: BadAnswer, web: Web) -> Refusal:
    who = web.oidc.issuer if web.oidc else ""
    return Refusal(403, f"{who}: {error}", "begin again at /login, or log in with a password")
