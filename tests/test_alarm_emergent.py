"""The benchmark over emergent and smooth tasks tells them apart where the data can."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from lab import write_table

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "benchmarks" / "alarm_emergent.py"
FLAT, RISING = (0.02, 0.02, 0.02, 0.025, 0.02, 0.02, 0.025), (0.1, 0.16, 0.22, 0.28, 0.34, 0.4, 0.46)


def called(*words: str) -> subprocess.CompletedProcess[str]:
    # A script's own folder is on its path, not the one it is called from.
    here = {**os.environ, "PYTHONPATH": str(ROOT)}
    call = [sys.executable, str(SCRIPT), *words]
    return subprocess.run(call, cwd=ROOT, env=here, capture_output=True, text=True, check=False)


def test_without_tables_it_says_what_to_give(tmp_path: Path) -> None:
    done = called("--tables", str(tmp_path))
    assert (done.returncode, done.stderr.strip()) == (2, "no bigbench-bigg.csv: give --tables DIR or HOLDPOINT_TABLES")


def test_jumps_are_told_from_straight_lines(tmp_path: Path) -> None:
    ladders = {
        "word_sorting": (*FLAT, 0.6),
        "codenames": (*FLAT, 0.4),
        "qa_wikidata": (*RISING, 0.52),
        "physics": (*RISING[:-1], 0.47, 0.51),
    }
    rows = [
        {"family": "made", "run": f"r{i}", "flop": 1e18 * 4.0**i, "task": task, "metric": "accuracy"}
        | {"kind": "thresholded", "direction": "higher", "lower": 0, "upper": 1, "value": value, "n": 200}
        for task, values in ladders.items()
        for i, value in enumerate(values)
    ]
    write_table(tmp_path / "bigbench-bigg.csv", rows)
    done = called("--tables", str(tmp_path), "--draws", "50", "--json", str(tmp_path / "out.json"))
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "out.json").read_text())
    areas = told["areas"]["all"]
    assert areas["tail"] == {"area": 1.0, "low": 1.0, "high": 1.0}
    assert areas["linearity"]["area"] == 0.0
    by_task = {each["task"]: each for each in told["cases"]}
    assert [by_task[task]["diagnosis"] for task in ("word_sorting", "physics")] == ["unresolved_jump", "on_trend"]
    assert by_task["codenames"]["last_step"] == pytest.approx(0.375 / 0.38)
    assert "verdict above, tail 1 %: 2 of 2 emergent, 0 of 2 smooth" in done.stdout
