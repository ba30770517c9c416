"""Who leads: a dead process of this machine never locks anybody out, a living one does."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import timedelta

import pytest
from lab import Lab, rung, write_table
from typer.testing import CliRunner

from checkpoints_db.errors import LeadershipLost
from monitor.clock import SystemClock
from monitor.daemon.leadership import lead
from monitor.faces.cli import app

HOUR = timedelta(hours=1)


def dead() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        return process.pid


def led_by(lab: Lab, holder: str) -> None:
    now = SystemClock().now()
    with lab.store() as store:
        store.lead(holder, now, now + HOUR)


def test_an_ingest_that_was_killed_does_not_lock_out_the_next_one(lab: Lab) -> None:
    led_by(lab, f"{platform.node()}:{dead()}")
    path = write_table(lab.root / "s0.csv", rung(0))
    done = CliRunner().invoke(app, ["ingest", "--baseline", str(path), "--config", str(lab.config)])
    assert done.exit_code == 0, done.output
    with lab.store() as store:
        assert len(store.evidence.results()) == 2


@pytest.mark.parametrize("holder", ["{here}:{me}", "another-machine:1", "no process at all"])
def test_whoever_may_be_alive_keeps_the_lead(lab: Lab, holder: str) -> None:
    led_by(lab, holder.format(here=platform.node(), me=os.getpid()))
    now = SystemClock().now()
    with lab.store() as store, pytest.raises(LeadershipLost):
        lead(store, "me:1", now, now + HOUR)
