"""A drawing as a page of its own that needs nothing from the network."""

from __future__ import annotations

import html
import json
from functools import cache
from typing import Any

import vl_convert


def page(drawing: dict[str, Any], version: str) -> str:
    """One page with the drawing and the program that draws it; its own policy forbids every request."""
    # A task may be called "</script>": inside JSON every < can be written as its number. The data stand in an element
    # of their own, because the bundler would turn the number back.
    data = json.dumps(drawing, allow_nan=False).replace("<", "\\u003c")
    policy = (
        "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>{html.escape(_headline(drawing))}</title>\n<style>body {{ margin: 1rem; background: white }}</style>\n"
        '</head>\n<body>\n<div id="chart"></div>\n'
        f'<script type="application/json" id="drawing">{data}</script>\n'
        f'<script type="module">{_program(version)}</script>\n</body>\n</html>\n'
    )


@cache
def _program(version: str) -> str:
    """Vega, Vega-Lite and the call that draws, as one script that imports nothing."""
    actions = {"export": True, "source": False, "compiled": False, "editor": False}
    options = json.dumps({"mode": "vega-lite", "renderer": "svg", "actions": actions})
    call = f"vegaEmbed('#chart', JSON.parse(document.getElementById('drawing').textContent), {options});"
    bundle: str = vl_convert.javascript_bundle(call, vl_version=version)
    return bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _headline(drawing: dict[str, Any]) -> str:
    first = drawing if "title" in drawing else drawing.get("hconcat", [{}])[0]
    return str(first.get("title", {}).get("text", "holdpoint"))
