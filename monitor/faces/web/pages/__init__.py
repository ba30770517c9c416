"""The review page: what people open when an alert woke them, and everything behind it. Reading needs no JavaScript."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from monitor.faces.web.pages import (
    alert,
    alert_acts,
    drawings,
    drills,
    families,
    forecasts,
    gate_acts,
    gates,
    health,
    inbox,
    ledger,
    policies,
    quarantine,
    series,
)

PAGES = (
    inbox,
    alert,
    alert_acts,
    gates,
    gate_acts,
    families,
    series,
    forecasts,
    policies,
    ledger,
    quarantine,
    drills,
    health,
    drawings,
)
STATIC = Path(__file__).parent / "static"


def include(app: FastAPI) -> None:
    """Serve the pages beside the API."""
    for page in PAGES:
        app.include_router(page.router, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
