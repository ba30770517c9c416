"""People who come in: one of each role, by token or by browser."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta

import httpx
from argon2 import PasswordHasher
from lab import Lab

from checkpoints_db.records.access import Role
from monitor import people

PASSWORD = "correct horse battery"  # noqa: S105


CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
"""Checked by the same code in a thousandth of the time: a hash says itself how dear it is."""


def person(lab: Lab, name: str, *roles: Role, password: bool = False) -> None:
    with lab.store() as store:
        account = people.make(store, name, roles, None, by="root", at=lab.clock.now())
        if password:
            with store.transaction():
                store.people.prove(f"person:{account.id}", CHEAP, lab.clock.now())


def token(lab: Lab, name: str, *, roles: Iterable[Role] = (), actions: Iterable[str] = (), days: float = 30) -> str:
    at = lab.clock.now()
    with lab.store() as store:
        until = at + timedelta(days=days)
        return people.make_token(
            store, name, by="root", at=at, until=until, roles=tuple(roles), actions=tuple(actions)
        )[1]


def everybody(lab: Lab) -> dict[Role, dict[str, str]]:
    """One person of each role, called like it; the header that each shows."""
    shown = {}
    for role in Role:
        person(lab, role, role)
        shown[role] = {"Authorization": f"Bearer {token(lab, role, roles=[role])}"}
    return shown


def browser(client: httpx.Client) -> httpx.Client:
    """Somebody else at the same door, who has shown nothing yet."""
    return httpx.Client(base_url=client.base_url, timeout=30)


def secret_of(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page.text)
    assert found, page.text
    return found[1]


def log_in(client: httpx.Client, name: str, password: str = PASSWORD, after: str = "/") -> httpx.Response:
    form = {"csrf": secret_of(client.get("/login")), "name": name, "password": password, "next": after}
    return client.post("/login", data=form)
