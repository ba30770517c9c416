"""The frame of every page: templates that escape whatever they are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates"
_environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)


def page(template: str, status: int = 200, **told: Any) -> HTMLResponse:
    """A page made of a template. Nothing that is told is taken for markup."""
    return HTMLResponse(_environment.get_template(template).render(told), status, {"Cache-Control": "no-store"})
