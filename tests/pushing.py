"""Pushes over HTTP to real servers on a loopback port."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from lab import Lab

from monitor.daemon.door import Door
from monitor.faces.web.server import Server

TOKEN = "a-token-of-this-test"  # noqa: S105
RAW = {"Content-Type": "application/octet-stream"}


def web(lab: Lab, **more: Any) -> Lab:
    """The lab with a [web] table."""
    (lab.root / "token").write_text(TOKEN + "\n")
    (lab.root / "token").chmod(0o600)
    terms = {"listen": "127.0.0.1:0", "token_file": "token", "patience": "5s", **more}
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in terms.items() if value is not None]
    lab.config.write_text(lab.config.read_text() + "[web]\n" + "".join(lines))
    return lab


@contextmanager
def serving(lab: Lab, **door: Any) -> Iterator[httpx.Client]:
    server = Server(Door(lab.settings, lab.clock, **door))
    server.start()
    try:
        with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30) as client:
            yield client
    finally:
        server.stop()


def lines(rows: list[dict[str, Any]]) -> bytes:
    kept = [{key: value for key, value in row.items() if value != ""} for row in rows]
    return "".join(json.dumps(row) + "\n" for row in kept).encode()


def push(client: httpx.Client, body: Any, name: str = "rows.jsonl", **headers: str) -> httpx.Response:
    return client.post("/api/v1/results", params={"name": name}, content=body, headers={**RAW, **headers})


def form(client: httpx.Client, *files: tuple[str, bytes]) -> httpx.Response:
    return client.post("/api/v1/results", files=[("file", file) for file in files])


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert told["status"] == status
    assert all(told[key] for key in ("title", "detail", "next"))
    return dict(told)


def seen(lab: Lab) -> set[str]:
    with lab.store() as store:
        return {run for _, run in store.evidence.runs()}
