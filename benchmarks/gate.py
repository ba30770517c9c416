"""What the guard costs a training job: a step with a valid lease, taking up a renewed one, and the import.

    python benchmarks/gate.py [--steps 200000] [--json]

A step must cost less than 0.1 ms. `gate ask` has a benchmark of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

from checkpoints_db.records import Answer, Lease, SignedLease
from checkpoints_db.records.lease import PURPOSE
from checkpoints_db.signing import SigningKey
from monitor.adapters import LeaseGuard, ed25519
from monitor.adapters.document import public_keys, read
from monitor.clock import SystemClock

LIMIT = 0.1
"""Milliseconds that a step may cost."""
FORECASTS = 400
"""Forecasts that a lease names: two hundred tasks with two metrics each."""


def document(key: SigningKey, seq: int, at: datetime) -> str:
    """A lease of a day."""
    one = Lease(
        family="lab",
        run="7b",
        gate="lab/7b",
        seq=seq,
        not_before=at,
        expires_at=at + timedelta(hours=24),
        max_flop=1e24,
        answer=Answer.GO,
        decision="d" * 64,
        policy_sha256="p" * 64,
        forecast_ids=tuple(f"{i:064x}" for i in range(FORECASTS)),
        evidence_root="e" * 64,
        pause_mode="gate_next",
        key_id=key.id,
    )
    return SignedLease(lease=one, signature=key.sign(PURPOSE, one.body())).text


def steps(guard: LeaseGuard, count: int) -> list[float]:
    """Milliseconds of each check."""
    took = []
    for step in range(count):
        begin = time.perf_counter()
        check = guard.check(step=step, flop=1e18 * step)
        took.append((time.perf_counter() - begin) * 1e3)
        if not check.go:
            raise SystemExit(f"the guard stopped: {check}")
    return took


def verifying(text: str, key: SigningKey, *, fast: bool, times: int) -> float:
    """Milliseconds to read and verify a lease, the median."""
    was, ed25519.FAST = ed25519.FAST, fast
    keys, took = public_keys(key.public), []
    for _ in range(times):
        begin = time.perf_counter()
        read(text.encode(), keys)
        took.append((time.perf_counter() - begin) * 1e3)
    ed25519.FAST = was
    return statistics.median(took)


def importing() -> float:
    """Milliseconds that `import monitor.adapters` adds to a Python process, the median of five."""

    def started(code: str) -> float:
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return (time.perf_counter() - begin) * 1e3

    return statistics.median(started("import monitor.adapters") - started("pass") for _ in range(5))


def main() -> None:
    """Measure, print, and fail where a step costs too much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200_000)
    parser.add_argument("--json", action="store_true")
    told = parser.parse_args()
    key, now = SigningKey.new(), SystemClock().now()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "lease.json"
        text = document(key, 1, now)
        file.write_text(text)
        guard = LeaseGuard(file, keys=[key.public], run="lab/7b", memory=Path(folder) / "memory.json", refresh=0.05)
        took = sorted(steps(guard, told.steps))
    figures = {
        "steps": told.steps,
        "lease_bytes": len(text),
        "step_mean_ms": statistics.fmean(took),
        "step_median_ms": took[len(took) // 2],
        "step_p999_ms": took[int(len(took) * 0.999)],
        "verify_cryptography_ms": verifying(text, key, fast=True, times=200),
        "verify_plain_python_ms": verifying(text, key, fast=False, times=20),
        "import_ms": importing(),
    }
    sys.stdout.write(
        json.dumps(figures) + "\n"
        if told.json
        else "".join(f"{name:26}{value:14.4f}\n" for name, value in figures.items())
    )
    if figures["step_mean_ms"] >= LIMIT:
        raise SystemExit(f"a step costs {figures['step_mean_ms']:.3f} ms, more than {LIMIT} ms")


if __name__ == "__main__":
    main()
