"""The kill benchmark in small: real commands, SIGKILL at random moments, every result exactly once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_results_survive_kills_of_ingest_daemon_and_push_exactly_once(tmp_path: Path) -> None:
    size = ["--files", "120", "--kills", "2", "--pushes", "1", "--json", str(tmp_path / "found.json")]
    call = [sys.executable, str(ROOT / "benchmarks" / "killed.py"), *size]
    here = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(call, capture_output=True, text=True, check=False, cwd=tmp_path, env=here)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert (found["files"], found["results"], found["wrong"]) == (120, 140, [])
    assert found["kills"] >= 1
