"""The application: what is served, and what it stands on."""

from __future__ import annotations

import anyio
from fastapi import FastAPI

from checkpoints_db.errors import SettingsError
from monitor import people
from monitor.daemon.door import Door
from monitor.faces.web import api, gates, leases, login, pages, results, scrape
from monitor.faces.web.attempts import Attempts
from monitor.faces.web.bounds import Bounds
from monitor.faces.web.problem import tell_problems
from monitor.faces.web.token import readers_token_of, token_of
from monitor.measures import StoreMeasures
from monitor.settings import Oidc

AT_ONCE = 8
"""Pushes that are written or walked at one time; more wait without holding a thread."""

HASHING = 2
"""Passwords that are checked at one time; each takes 64 MB for a moment."""


def create_app(door: Door) -> FastAPI:
    """The application over one door. Raises SettingsError where there is no token."""
    app = FastAPI(
        title="holdpoint",
        version="1",
        description="Results of checkpoints, pushed by clusters that share no folder; gates and leases for their jobs.",
        docs_url=None,  # both pages fetch their code from elsewhere
        redoc_url=None,
    )
    app.state.door = door
    app.state.token = token_of(door.settings)
    app.state.readers_token = readers_token_of(door.settings)
    app.state.pushing = anyio.CapacityLimiter(AT_ONCE)
    app.state.asking = anyio.CapacityLimiter(AT_ONCE)  # of its own: no push keeps a job from its answer
    app.state.measures = StoreMeasures()
    app.state.hashing = anyio.CapacityLimiter(HASHING)
    app.state.attempts = Attempts()
    app.state.form_key = people.fresh()
    people.nobody()
    app.add_middleware(Bounds, secure=door.terms.encrypted)
    tell_problems(app)
    app.include_router(results.router)
    app.include_router(gates.router)
    app.include_router(leases.router)
    app.include_router(scrape.router)
    app.include_router(api.router)
    app.include_router(login.router)
    if door.terms.oidc is not None:
        _with_oidc(app, door, door.terms.oidc)
    pages.include(app)
    return app


def _with_oidc(app: FastAPI, door: Door, terms: Oidc) -> None:
    try:
        from monitor.faces.web import oidc  # noqa: PLC0415 - of an extra that few install
    except ImportError as error:
        raise SettingsError("web.oidc: install holdpoint[oidc], which brings Authlib") from error
    app.state.oidc = oidc.Provider(door.settings, terms)
    app.include_router(oidc.router)
