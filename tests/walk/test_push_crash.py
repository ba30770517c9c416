"""Pushes to real processes that are stopped and killed: what was answered stays, what was held is judged later."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from lab import Lab, rung, write_table
from typer.testing import CliRunner

from monitor.clock import SystemClock
from monitor.daemon.service import Service
from monitor.faces.cli import app

TOKEN = "a-token-of-this-test"  # noqa: S105
BODY = "".join(
    json.dumps({key: value for key, value in row.items() if value != ""}) + "\n" for row in rung(6, loss=1.0)
).encode()


@pytest.fixture
def ladder(lab: Lab) -> Lab:
    """Six rungs of history, on the machine's own clock, and a door."""
    history = write_table(lab.root / "history.csv", [row for i in range(6) for row in rung(i)])
    (lab.root / "token").write_text(TOKEN)
    table = '[web]\nlisten = "127.0.0.1:0"\ntoken_file = "token"\n'
    lab.config.write_text(lab.config.read_text() + table)
    done = CliRunner().invoke(app, ["ingest", "--baseline", str(history), "--config", str(lab.config)])
    assert done.exit_code == 0, done.output
    lab.clock = SystemClock()  # type: ignore[assignment]
    return lab


@contextmanager
def running(lab: Lab, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A process that takes pushes, and where."""
    log = lab.root / "door.log"
    with log.open("wb") as told:
        command = [sys.executable, "-m", "monitor", *words, "--config", str(lab.config)]
        with subprocess.Popen(command, stdout=told, stderr=told) as process:
            try:
                yield process, wait_for_url(log, process)
            finally:
                process.kill()


def wait_for_url(log: Path, process: subprocess.Popen[bytes]) -> str:
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        if found := re.search(r"takes pushes at (\S+)", log.read_text()):
            return found[1]
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def push(url: str) -> httpx.Response:
    headers = {"Content-Type": "application/octet-stream", "Authorization": f"Bearer {TOKEN}"}
    return httpx.post(url, params={"name": "s6.jsonl"}, content=BODY, headers=headers, timeout=30)


def judged(lab: Lab) -> tuple[int, int, int, list[str]]:
    with lab.store() as store:
        store.ledger.verify()
        results, verdicts = store.evidence.results(), store.judgements.verdicts()
        return len(results), len(verdicts), len(store.judgements.decisions()), [g.answer for g in store.actions.gates()]


ONCE = (14, 2, 1, ["PAUSE"])


def test_a_door_killed_after_it_held_a_push_and_before_it_judged_it_loses_nothing(ladder: Lab) -> None:
    with running(ladder, "serve", "--json") as (process, url):
        with closing(sqlite3.connect(ladder.root / "holdpoint.db", isolation_level=None)) as busy:
            busy.execute("BEGIN IMMEDIATE")  # nobody can judge anything now
            asking = threading.Thread(target=hung_up, args=[url])
            asking.start()
            end = time.monotonic() + 20
            while not list((ladder.root / "spool").glob("pushed/[!.]*/s6.jsonl")) and time.monotonic() < end:
                time.sleep(0.01)
            os.kill(process.pid, signal.SIGKILL)
            process.wait(20)
            busy.execute("ROLLBACK")
        asking.join()
    assert f'"url": "{url.removesuffix("/api/v1/results")}"' in (ladder.root / "door.log").read_text()
    assert judged(ladder) == (12, 0, 0, [])
    assert Service(ladder.settings, ladder.clock).once()
    assert judged(ladder) == ONCE


def hung_up(url: str) -> None:
    with pytest.raises(httpx.HTTPError):
        push(url)


def test_a_daemon_killed_as_soon_as_it_answered_keeps_what_it_said(ladder: Lab) -> None:
    with running(ladder, "daemon", "run") as (process, url):
        answer = push(url)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(20)
    assert answer.status_code == 200, answer.text
    assert [(d["run"], d["answer"]) for d in answer.json()["decisions"]] == [("s6", "PAUSE")]
    assert judged(ladder) == ONCE
    assert Service(ladder.settings, ladder.clock).once()
    assert judged(ladder) == ONCE


def test_a_daemon_serves_and_stops_cleanly(ladder: Lab) -> None:
    with running(ladder, "daemon", "run") as (process, url):
        assert len(push(url).json()["new"]) == 2
        assert len(push(url).json()["same"]) == 2
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    with pytest.raises(httpx.ConnectError):
        push(url)
    with ladder.store() as store:
        assert store._tables.rows("leadership")[0]["expires"] == ""
    assert "Traceback" not in (ladder.root / "door.log").read_text()
