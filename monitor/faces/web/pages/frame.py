"""The frame of every page: templates that escape whatever they are given, what they may call, and who is looking."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from checkpoints_db import Store
from checkpoints_db.records.duration import spell_duration
from monitor.daemon.door import Door
from monitor.faces.render import clean, interval, moment, number, probability, scale
from monitor.faces.views import words
from monitor.faces.web.access import Person, may
from monitor.faces.web.problem import FRESH, Declined

PATIENCE = 5.0
"""Seconds that a page waits for a writer to finish."""

NAVIGATION = (
    ("/alerts", "Alerts"),
    ("/gates", "Gates"),
    ("/families", "Families"),
    ("/series", "Series"),
    ("/forecasts", "Forecasts"),
    ("/policies", "Policies"),
    ("/ledger", "Ledger"),
    ("/quarantine", "Quarantine"),
    ("/drills", "Drills"),
    ("/health", "Health"),
)


Reader = Annotated[Person, Depends(may("read"))]
"""Whoever may look."""


def page(template: str, status: int = 200, **told: Any) -> HTMLResponse:
    """A page made of a template. Nothing that is told is taken for markup."""
    told = {"person": None, "now": None, "here": "", **told}
    return HTMLResponse(_environment.get_template(template).render(navigation=NAVIGATION, **told), status, FRESH)


def show(request: Request, person: Person, template: str, status: int = 200, **told: Any) -> HTMLResponse:
    """A page for somebody who came in."""
    path = request.url.path
    here = next((where for where, _ in NAVIGATION if path == where or path.startswith(where + "/")), "")
    return page(template, status, person=person, here=here, now=door_of(request).clock.now(), **told)


def door_of(request: Request) -> Door:
    """What the application stands on."""
    door: Door = request.app.state.door
    return door


@contextmanager
def reading(request: Request) -> Iterator[Store]:
    """The store, to be read and not to be written."""
    settings = door_of(request).settings
    with Store.open(settings.at(settings.store), wait=PATIENCE, read_only=True) as store:
        yield store


def absent(what: str, remedy: str) -> Declined:
    """There is no such thing."""
    return Declined(404, what, remedy)


def query(**named: object) -> str:
    """A query string of what is named and not empty; names out of logs are hostile, so nobody spells one by hand.

    >>> query(family="a&b", run="", page=2)
    '?family=a%26b&page=2'
    """
    told = {name: value for name, value in named.items() if value not in (None, "")}
    return "?" + urlencode(told, quote_via=quote) if told else ""


def _printed(value: Any) -> Any:
    """What a template prints: text out of logs without control and bidi characters, whoever printed it."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return clean(value)


def _age(at: datetime, now: datetime) -> str:
    """How long ago, or how long still, in one unit.

    >>> from datetime import UTC
    >>> _age(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 3, 5, tzinfo=UTC))
    '2 d ago'
    """
    seconds = (now - at).total_seconds()
    size, unit = next(
        ((size, unit) for size, unit in ((86400, "d"), (3600, "h"), (60, "min")) if abs(seconds) >= size), (1, "s")
    )
    return f"{abs(seconds) // size:.0f} {unit} ago" if seconds >= 0 else f"in {abs(seconds) // size:.0f} {unit}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def _filters() -> Mapping[str, Any]:
    return {
        "number": number,
        "probability": probability,
        "scale": scale,
        "moment": moment,
        "percent": _percent,
        "duration": spell_duration,
        "age": _age,
        "path": lambda text: quote(str(text), safe=""),
        "short": lambda digest: str(digest)[:12],
    }


_environment = Environment(
    loader=PackageLoader("monitor.faces.web.pages"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    finalize=_printed,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(_filters())
_environment.globals.update(query=query, interval=interval, amount=words.amount, span=words.span, kept=words.kept)
