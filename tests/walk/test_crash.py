"""Crashes at every step, and kill -9 of a real daemon: a restart is the walk again, nothing lost, nothing doubled."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cutting import Failing, PowerCut
from lab import Lab, rung

from checkpoints_db import Store
from checkpoints_db.records import Answer
from checkpoints_db.tables import Tables


def outcome(lab: Lab) -> dict[str, Any]:
    """What must be the same, however often the walk was interrupted."""
    with lab.store() as store:
        store.ledger.verify()
        return {
            "results": sorted(s.result.identity for s in store.evidence.results()),
            "verdicts": sorted(
                (v.checkpoint, v.task, v.metric.name, v.outcome) for _, v in store.judgements.verdicts()
            ),
            "decisions": [(d.run, d.answer, d.sentence) for d in store.judgements.decisions()],
            "gates": [(g.run, g.answer) for g in store.actions.gates()],
            "alerts": [(a.rule, a.answer, a.state, a.episode) for a in store.actions.alerts()],
            "messages": sorted(o.message.alert.rule for o in store.outbox.all()),
            "seals": sorted((s.forecast.series, s.forecast.rungs) for s in store.judgements.all_sealed()),
        }


def cut_at(lab: Lab, statements: int) -> Failing:
    """One cycle of the jobs in which the power fails at a statement; whether it did shows in what was seen."""
    jobs = Failing(lab.settings, lab.clock, "test:1", statements=statements)
    with contextlib.suppress(PowerCut):
        for name, _, body in jobs.timetable():
            jobs.run(name, body)
    return jobs


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab in which a break has arrived and was not looked at."""
    lab = Lab(tmp_path_factory.mktemp("before") / "lab")
    lab.baseline([row for i in range(6) for row in rung(i)])
    lab.arrive(rung(6, loss=1.0), "s6.csv")
    return lab


@pytest.fixture(scope="module")
def expected(before: Lab, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    whole = before.copy(tmp_path_factory.mktemp("whole") / "lab")
    whole.cycle()
    return outcome(whole)


PARTS = 8
TRIED = range(PARTS) if os.environ.get("HOLDPOINT_EVERY_STATEMENT") else (0, 3, 6)
"""Each part is every eighth statement. Three of them take a minute; `make test-crash` takes all."""


@pytest.mark.parametrize("part", TRIED)
def test_a_crash_at_any_statement_and_a_restart_end_where_no_crash_ends(
    before: Lab, expected: dict[str, Any], tmp_path: Path, part: int
) -> None:
    """Statements of a cycle, from files to deliveries, one after the other. In between no gate says GO."""
    assert expected["gates"] == [("s6", Answer.PAUSE)]
    statements = part
    while True:
        cut = before.copy(tmp_path / f"cut-{statements}")
        jobs = cut_at(cut, statements)
        assert cut.ask("s6").answer in (Answer.HOLD, Answer.PAUSE), f"GO after a crash at statement {statements}"
        if jobs.seen <= jobs.left:
            break
        cut.cycle()
        assert outcome(cut) == expected, f"after a crash at statement {statements}"
        assert cut.ask("s6").answer == Answer.PAUSE
        shutil.rmtree(cut.root)
        statements += PARTS
    assert jobs.seen > 80, "the walk is shorter than it was: does the power still fail inside it?"


def command(lab: Lab, *args: str) -> list[str]:
    return [sys.executable, "-m", "monitor", *args, "--config", str(lab.config)]


def wait_for(test: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if test():
            return True
        time.sleep(0.05)
    return test()


def ask(lab: Lab) -> int:
    return subprocess.run(command(lab, "gate", "ask", "s6"), capture_output=True, check=False).returncode


@pytest.fixture
def real(lab: Lab) -> Lab:
    """A lab whose history lies in the past of the machine's own clock."""
    lab.baseline([row for i in range(6) for row in rung(i)])
    return lab


def test_a_running_daemon_moves_the_gate_within_a_scan_and_stops_cleanly(real: Lab) -> None:
    log = (real.root / "daemon.log").open("w")
    with log, subprocess.Popen(command(real, "daemon", "run"), stderr=log) as daemon:
        try:
            assert wait_for(lambda: "daemon runs as" in (real.root / "daemon.log").read_text(), 20)
            assert ask(real) == 10
            real.arrive(rung(6, loss=1.0), "s6.csv")
            # scan every second, settling a fifth of one: within one interval and the time `gate ask` takes to start
            assert wait_for(lambda: ask(real) == 20, 10)
            assert wait_for((real.root / "alerts.jsonl").is_file, 10)
        finally:
            daemon.send_signal(signal.SIGTERM)
            code = daemon.wait(timeout=20)
    assert code == 0
    with real.store() as store:
        assert store._tables.rows("leadership") == [{"name": "daemon", "holder": store_holder(store), "expires": ""}]


def store_holder(store: Store) -> str:
    return str(store._tables.rows("leadership")[0]["holder"])


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.4])
def test_kill_9_in_the_middle_loses_nothing_and_doubles_nothing(real: Lab, delay: float) -> None:
    real.arrive(rung(6, loss=1.0), "s6.csv")
    database = Tables.open(real.root / "holdpoint.db")
    began = database.count("ledger")
    with subprocess.Popen(command(real, "daemon", "run"), stderr=subprocess.DEVNULL) as daemon:
        assert wait_for(lambda: database.count("ledger") > began, 20), "the daemon never began its walk"
        time.sleep(delay)
        os.kill(daemon.pid, signal.SIGKILL)
    database.close()
    # No waiting for the leadership of the dead: the next daemon of the same machine takes over at once.
    again = subprocess.run(command(real, "daemon", "run", "--once"), capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert ask(real) == 20
    found = outcome(real)
    assert len(found["results"]) == 14
    assert len(found["decisions"]) == 1
    lines = [json.loads(line) for line in Path(real.root / "alerts.jsonl").read_text().splitlines()]
    assert {line["alert"]["rule"] for line in lines} == {"break", "diagnosis"}
    assert sorted(rule for rule, *_ in found["alerts"]) == ["break", "diagnosis"]
