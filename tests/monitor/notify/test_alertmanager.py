"""The real Alertmanager: what fires is there, again after it forgot, and resolved when it is closed."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from receivers import Hook, free_port
from telling import House

from checkpoints_db import Store
from monitor.clock import SystemClock

BINARY = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
needed = pytest.mark.skipif(
    BINARY is None, reason="no Alertmanager here: apt-get install --no-install-recommends prometheus-alertmanager"
)


class Manager:
    """An Alertmanager process that can be killed and started again, with no memory between."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "am.yml").write_text("route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        words = [
            str(BINARY),
            f"--config.file={self.folder / 'am.yml'}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
        ]
        with (self.folder / "am.log").open("wb") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log)
        for _ in range(200):
            try:
                if httpx.get(f"{self.url}/-/ready", timeout=1).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError((self.folder / "am.log").read_text())

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def alerts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(f"{self.url}/api/v2/alerts", timeout=5).json()
        return found


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    folder = tmp_path / "am"
    folder.mkdir()
    there = Manager(folder)
    there.start()
    try:
        yield there
    finally:
        there.stop()


def managed(house: House, url: str) -> None:
    house.receivers(
        f'[receivers.am]\nkind = "alertmanager"\nurl = "{url}"\nresend = "1s"\nlabels = {{ team = "evals" }}',
        web='[web]\nurl = "https://hold.example.org"\n',
    )
    house.notify("am")


@needed
def test_it_fires_is_told_again_when_it_forgot_and_resolves(house: House, manager: Manager, store: Store) -> None:
    house.clock = SystemClock()  # type: ignore[assignment]
    managed(house, manager.url)
    alert = house.trouble(store, "a.json")
    house.trouble(store, "b.json")
    assert house.deliver(store) == (1, 0, {})
    there = {each["annotations"]["summary"]: each for each in manager.alerts()}
    assert sorted(there) == ["a.json: cannot be read", "b.json: cannot be read"]
    first = there["a.json: cannot be read"]
    assert first["labels"] == {
        "alertname": "quarantine",
        "alert": alert.id,
        "severity": "hold",
        "kind": "quarantine",
        "team": "evals",
    }
    assert first["generatorURL"] == f"https://hold.example.org/alerts/{alert.id}"
    assert first["startsAt"].startswith(f"{alert.opened_at:%Y-%m-%dT%H:%M:%S}")

    manager.stop()
    house.trouble(store, "c.json")
    assert house.deliver(store) == (0, 1, {})
    manager.start()
    assert manager.alerts() == [], "it forgets"
    time.sleep(6)
    house.deliver(store)
    house.deliver(store)
    assert len(manager.alerts()) == 3

    house.settle(store, "a.json")
    assert house.deliver(store)[0] == 1
    assert sorted(each["annotations"]["summary"] for each in manager.alerts()) == [
        "b.json: cannot be read",
        "c.json: cannot be read",
    ]


def test_what_fires_is_sent_again_as_often_as_asked(house: House, hook: Hook, store: Store) -> None:
    managed(house, hook.url.partition("/hooks")[0])
    house.trouble(store, "a.json")
    for _ in range(5):
        house.deliver(store)
        house.clock.sleep(0.5)
    assert len(hook.heard) == 4, "one message, and at 0, 1 and 2 seconds what still fires"
    assert all(heard["path"] == "/api/v2/alerts" for heard in hook.heard)
    house.settle(store, "a.json")
    house.deliver(store)
    last = hook.heard[-1]["json"][0]
    assert last["endsAt"] == house.clock.now().isoformat()
    for _ in range(3):
        house.clock.sleep(5)
        house.deliver(store)
    assert hook.heard[-1]["json"][0] == last, "nothing is open, nothing is sent again"
    assert len(store.outbox.log()) == 2
