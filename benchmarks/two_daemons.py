"""Two daemons on one store for ten minutes, leadership taken away at random: every result is judged once.

    python benchmarks/two_daemons.py [--minutes 10] [--seed 0] [--json two_daemons.json]

Two real daemons are started as a supervisor would, again whenever one stops because it lost leadership. Files arrive
all the time. Meanwhile the leader is stopped (SIGSTOP) until its time has run out and then let go on, or its leadership
is given away under it, or it is killed. At the end one cycle runs through, and the store is compared with what was
written.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from crash import news, report, wrong
from lab import Lab, rung

from checkpoints_db.errors import StoreError
from monitor.clock import SystemClock
from monitor.daemon.service import Service

LEADERSHIP = 4.0
"""Seconds that one leads without renewing."""


class Pair:
    """Two daemons that are started again when they stop."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.starts = lab, 0
        self._log = (lab.root / "daemons.log").open("ab")
        self.processes: list[subprocess.Popen[bytes] | None] = [None, None]

    def keep(self) -> None:
        """Start what does not run."""
        for i, process in enumerate(self.processes):
            if process is None or process.poll() is not None:
                command = [sys.executable, "-m", "monitor", "daemon", "run", "--config", str(self.lab.config)]
                self.processes[i] = subprocess.Popen(command, stdout=self._log, stderr=self._log)
                self.starts += 1

    def stop(self) -> None:
        """End both."""
        for process in self.processes:
            if process is not None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
                process.wait(60)
        self._log.close()


def rob(lab: Lab, pair: Pair, draw: np.random.Generator) -> str:
    """Take leadership from whoever has it; how."""
    with lab.store() as store:
        leader = store.leader()
    if leader is None:
        return "nobody led"
    pid = int(leader[0].rpartition(":")[2])
    if all(process is None or process.pid != pid for process in pair.processes):
        return "a dead one led"
    way = str(draw.choice(["stopped", "given away", "killed"]))
    with suppress(ProcessLookupError, StoreError):
        if way == "stopped":
            os.kill(pid, signal.SIGSTOP)
            time.sleep(LEADERSHIP + 2)
            os.kill(pid, signal.SIGCONT)
        elif way == "given away":
            with lab.store() as store:
                store.resign(leader[0])
        else:
            os.kill(pid, signal.SIGKILL)
    return way


def measure(root: Path, minutes: float, seed: int) -> dict[str, Any]:
    """Let them run and rob them; then run through and compare."""
    draw, lab = np.random.default_rng(seed), Lab(root / "lab")
    lab.config.write_text(lab.config.read_text().replace("[daemon]\n", f'[daemon]\nleadership = "{LEADERSHIP:g}s"\n'))
    lab.baseline([row for i in range(6) for row in rung(i)])
    lab.clock = SystemClock()  # type: ignore[assignment]
    pair, broken, ways = Pair(lab), dict[str, bool](), Counter[str]()
    end = time.monotonic() + 60 * minutes
    try:
        while time.monotonic() < end:
            pair.keep()
            name = f"n{len(broken)}"
            broken[name] = bool(draw.random() < 0.3)
            news(lab, len(broken) - 1, broken=broken[name])
            time.sleep(draw.uniform(0.5, 6))
            ways[rob(lab, pair, draw)] += 1
    finally:
        pair.stop()
    with lab.store() as store:
        for leader in [store.leader()]:
            if leader is not None:
                store.resign(leader[0])
    found = [] if Service(lab.settings, lab.clock).once() else ["the last cycle failed"]
    found += wrong(lab, broken, root / "rebuilt.db")
    with lab.store() as store:
        terms = store.fact("term")
    told = {"minutes": minutes, "runs": len(broken), "starts": pair.starts, "terms": int(terms[0]) if terms else 0}
    return {**told, **dict(ways), "wrong": found}


def main() -> None:
    """Measure, print, and fail where anything was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.minutes, options.seed)
    report(found, options.json)


if __name__ == "__main__":
    main()
