"""People who open the pages: accounts, and clients that have logged in as a browser does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from lab import Lab

from checkpoints_db.records.access import Role
from monitor import people

PASSWORD = "correct horse battery"  # noqa: S105
TEAM = {"sara": Role.safety, "abel": Role.approver, "vic": Role.viewer}


def staff(lab: Lab) -> Lab:
    """The lab with people: sara for safety, abel who approves, vic who looks."""
    with lab.store() as store:
        for name, role in TEAM.items():
            people.make(store, name, [role], PASSWORD, by="root", at=lab.clock.now())
    return lab


def secret(page: str) -> str:
    """What the forms of a page carry."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found, page
    return found[1]


@contextmanager
def logged_in(server: httpx.Client, name: str) -> Iterator[httpx.Client]:
    """A client of its own, with a session."""
    with httpx.Client(base_url=server.base_url, timeout=30) as client:
        fields = {"name": name, "password": PASSWORD, "csrf": secret(client.get("/login").text), "next": "/alerts"}
        assert client.post("/login", data=fields).status_code == 303
        yield client


def act(client: httpx.Client, page: str, path: str, **fields: str) -> httpx.Response:
    """Send a form of a page."""
    return client.post(path, data={"csrf": secret(client.get(page).text), **fields})
