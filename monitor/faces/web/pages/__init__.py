"""The review page: what people open when an alert woke them, and everything behind it. Reading needs no JavaScript."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from monitor.faces.web.pages import (
    alert,
    drawings,
    drills,
    families,
    forecasts,
    gates,
    health,
    inbox,
    ledger,
    policies,
    quarantine,
    series,
)

PAGES = (inbox, alert, gates, families, series, forecasts, policies, ledger, quarantine, drills, health, drawings)
STATIC = Path(__file__).parent / "static"


def include(app: FastAPI) -> None:
    """Serve the pages beside the API."""
    for page in PAGES:
        app.include_router(page.router, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
