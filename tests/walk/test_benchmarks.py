"""The benchmarks of kills and of two daemons in small: real processes and signals, nothing lost, nothing doubled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "call", [["crash.py", "--kills", "6"], ["two_daemons.py", "--minutes", "0.25"]], ids=["crash", "two daemons"]
)
def test_nothing_is_lost_doubled_or_let_through(tmp_path: Path, call: list[str]) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / call[0]), *call[1:], "--json", str(tmp_path / "found.json")]
    here = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=here)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert found["wrong"] == []
    assert found["runs"] >= 1
