"""A program of the house: what it is told, what it may see, and that it ends."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from telling import House

from checkpoints_db import Store


def program(house: House, script: str, *, env: str = "", timeout: str = "5s") -> Path:
    path = house.lab.root / "tell"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    house.receivers(
        f'[receivers.tell]\nkind = "command"\ncommand = ["./tell", "a b; $(touch shell)"]\ntimeout = "{timeout}"\n{env}'
    )
    house.notify("tell")
    return path


def test_it_gets_an_argument_vector_the_event_and_little_else(
    house: House, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDPOINT_WEB__TOKEN", "a-token-nobody-else-may-see")
    monkeypatch.setenv("PAGER_TEAM", "evals")
    program(house, 'cat > told.json; echo "$1" > argument; env > seen', env='env = ["PAGER_TEAM"]')
    house.trouble(store, "a.json")
    assert house.deliver(store) == (1, 0, {})
    event = json.loads((house.lab.root / "told.json").read_text())
    assert event["type"] == "holdpoint.alert.opened.v1"
    assert (house.lab.root / "argument").read_text() == "a b; $(touch shell)\n"
    assert not (house.lab.root / "shell").exists()
    seen = (house.lab.root / "seen").read_text()
    assert "PAGER_TEAM=evals" in seen
    assert f"HOLDPOINT_MESSAGE_ID={event['id']}" in seen
    assert "a-token" not in seen


@pytest.mark.parametrize(("code", "final"), [(1, False), (75, False), (64, True), (78, True)])
def test_exit_codes(house: House, store: Store, code: int, final: bool) -> None:
    program(house, f"echo no pager today >&2; exit {code}")
    house.trouble(store, "a.json")
    sent, failed, lost = house.deliver(store)
    assert (sent, failed, bool(lost)) == (0, 1, final)
    assert store.outbox.listed()[0].error == f"receiver tell: ./tell: exit code {code}: no pager today"


def test_it_ends_with_everything_it_started(house: House, store: Store) -> None:
    program(house, "(sleep 3; touch late) & sleep 60", timeout="0.3s")
    house.trouble(store, "a.json")
    began = time.monotonic()
    assert house.deliver(store) == (0, 1, {})
    assert time.monotonic() - began < 3
    assert "still ran after 0.3 s" in store.outbox.listed()[0].error
    time.sleep(3.2)
    assert not (house.lab.root / "late").exists()


def test_what_it_says_without_end_is_not_kept(house: House, store: Store) -> None:
    program(house, "head -c 20000000 /dev/zero | tr '\\0' x; exit 1")
    house.trouble(store, "a.json")
    house.deliver(store)
    assert len(store.outbox.listed()[0].error) < 400


def test_one_that_does_not_listen_is_told_all_the_same(house: House, store: Store) -> None:
    program(house, "exec 0<&-; exit 0")
    house.trouble(store, "a" * 500_000)
    assert house.deliver(store) == (1, 0, {})


def test_one_that_is_not_there_is_final(house: House, store: Store) -> None:
    program(house, "").unlink()
    house.trouble(store, "a.json")
    assert "./tell: cannot be run: No such file or directory" in house.deliver(store)[2]["tell"]
