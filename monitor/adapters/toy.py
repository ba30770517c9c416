"""A toy trainer for fire drills: counts steps while its lease allows, saves its checkpoint and stops when it does not.

    python -m monitor.adapters.toy LEASE KEYS RUN FOLDER [SECONDS]

It writes `step` (how far it has come) and `checkpoint.json` into FOLDER. Each step begins a stage, so that it stops
under every pause mode. Exit code 75 when it was told to stop, 1 when nobody told it to within SECONDS (600).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from monitor.adapters.guard import HoldpointStop, LeaseGuard
from monitor.clock import SystemClock

PACE = 0.1
"""Seconds that a step takes."""


def train(lease: Path, keys: Path, run: str, folder: Path, seconds: float = 600.0) -> None:
    """Train until the lease is taken back. Raises HoldpointStop, a SystemExit, once the checkpoint is saved."""
    clock = SystemClock()
    guard = LeaseGuard(lease, keys=keys, run=run, memory=folder / "holdpoint.json", refresh=2 * PACE, clock=clock)
    end, step = clock.monotonic() + seconds, 0
    while clock.monotonic() < end:
        check = guard.check(step=step, flop=float(step), starting=True)
        if not check:
            told = {"step": step, "why": check.why.value, "sentence": check.sentence}
            (folder / "checkpoint.json").write_text(json.dumps(told), encoding="utf-8")
            raise HoldpointStop(check)
        clock.sleep(PACE)
        step += 1
        (folder / "step").write_text(str(step), encoding="utf-8")


if __name__ == "__main__":
    where, trusted, name, into, *longest = sys.argv[1:]
    train(Path(where), Path(trusted), name, Path(into), *map(float, longest))
    sys.exit(1)
