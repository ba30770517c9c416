"""Charts as pictures made here, and as specifications that the browser draws with the program we serve."""

from __future__ import annotations

import hashlib
import json
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

import vl_convert
from fastapi import APIRouter, Request, Response

router = APIRouter()
Suffix = Literal["svg", "json"]
TYPES: dict[Suffix, str] = {"svg": "image/svg+xml", "json": "application/json"}
SNIPPET = Path(__file__).parent / "static" / "charts.js"


@router.get("/charts.js")
def program(request: Request) -> Response:
    """Vega, Vega-Lite and ours as one script, made of the bundle of the vl-convert wheel."""
    return tagged(request, _program(), "text/javascript; charset=utf-8")


@cache
def _program() -> bytes:
    from monitor.faces import charts  # noqa: PLC0415 - the chart library takes a second to import

    bundle: str = vl_convert.javascript_bundle(SNIPPET.read_text("utf-8"), vl_version=charts.VEGA_LITE)
    return bundle.encode()


def drawn(request: Request, chart: Any, suffix: Suffix) -> Response:
    """A chart as a picture or as its specification."""
    from monitor.faces import charts  # noqa: PLC0415 - the chart library takes a second to import

    text = json.dumps(charts.specification(chart), allow_nan=False, sort_keys=True)
    return tagged(request, _picture(text) if suffix == "svg" else text.encode(), TYPES[suffix])


@lru_cache(maxsize=256)
def _picture(specification: str) -> bytes:
    from monitor.faces import charts  # noqa: PLC0415 - the chart library takes a second to import

    return charts.svg(json.loads(specification))


def tagged(request: Request, content: bytes, media_type: str) -> Response:
    """Content that a browser keeps and asks about: the same is not sent twice."""
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)
