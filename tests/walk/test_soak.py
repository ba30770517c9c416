"""A few simulated days of a daemon: power cuts, a receiver that fails, a clock that steps; all stays in bounds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["--tasks", "4", "--checkpoints", "7", "--days", "8"]


def test_after_restarts_cuts_and_steps_nothing_grew_was_lost_or_comes_out_otherwise(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "soak.py"), *SMALL, "--json", str(tmp_path / "found.json")]
    here = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=here)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert found["wrong"] == []
    for happening in ("power cuts", "restart", "receiver", "clock", "clock accepted", "lands", "released"):
        assert found["happened"].get(happening, 0) >= 1, f"it never came to: {happening}"
    store, messages = found["store"], found["messages"]
    assert store["decisions"] == store["made again"] >= 3
    assert store["judged"] == 24
    assert messages["owed"] == messages["sent"] >= 5
