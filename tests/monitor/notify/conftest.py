"""Fixtures of everything that goes out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab import Lab
from receivers import Hook, listening
from telling import SECRET, House, webhook_table


@pytest.fixture
def hook() -> Iterator[Hook]:
    with listening() as there:
        yield there


@pytest.fixture
def house(lab: Lab) -> House:
    return House(lab)


@pytest.fixture
def hooked(house: House, hook: Hook) -> House:
    """The lab tells the webhook `hook` of everything."""
    (house.lab.root / "secret").write_text(SECRET + "\n")
    (house.lab.root / "hook.url").write_text(hook.url + "\n")
    house.receivers(webhook_table(), '[receivers.file]\nkind = "file"\npath = "alerts.jsonl"')
    house.notify("hook")
    return house
