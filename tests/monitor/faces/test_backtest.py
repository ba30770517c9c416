"""`holdpoint backtest` as a user types it: the table it prints, the file it writes, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tables import PRIOR, loss, share, written
from typer.testing import CliRunner

from checkpoints_db.errors import HoldpointError
from monitor.faces.cli import app
from monitor.prior import dump

runner = CliRunner()


@pytest.fixture
def prior(tmp_path: Path) -> Path:
    path = tmp_path / "prior.json"
    path.write_text(dump(PRIOR, "made up"), encoding="utf-8")
    return path


def test_the_table_says_what_the_file_says(tmp_path: Path, prior: Path) -> None:
    one, other = written(tmp_path / "one.csv", [*loss("a"), *share("b")]), written(tmp_path / "other.csv", loss("c"))
    out = tmp_path / "answer.json"
    done = runner.invoke(
        app, ["backtest", str(one), str(other), "--json", str(out), "--prior", str(prior), "--seed", "7"]
    )
    assert done.exit_code == 0, done.output
    body = json.loads(out.read_text(encoding="utf-8"))
    assert (body["tables"], body["seed"], len(body["series"])) == (["one.csv", "other.csv"], 7, 3)
    assert len(body["summary"]["prior"]) == 64
    rows = body["summary"]["rows"]
    assert [(r["table"], r["kind"]) for r in rows] == [
        ("one.csv", "continuous"),
        ("one.csv", "thresholded"),
        ("other.csv", "continuous"),
    ]
    for row in rows:
        line = next(x for x in done.stdout.splitlines() if row["table"] in x and row["kind"] in x)
        assert f"{row['ncrps']:.3g}" in line
        assert f"{row['ncrps_persistence']:.3g}" in line


def test_refusals_are_sentences_and_exit_codes(tmp_path: Path, prior: Path) -> None:
    words = ["backtest", str(tmp_path / "none.csv"), "--json", str(tmp_path / "o.json"), "--prior", str(prior)]
    done = subprocess.run([sys.executable, "-m", "monitor", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "none.csv" in done.stderr
    assert "Traceback" not in done.stderr
    table = str(written(tmp_path / "t.csv", loss("a")))
    assert runner.invoke(app, ["backtest", table]).exit_code == 2  # where to?
    nowhere = ["backtest", table, "--json", str(tmp_path / "no" / "o.json"), "--prior", str(prior)]
    unwritten = runner.invoke(app, nowhere).exception
    assert isinstance(unwritten, HoldpointError)
    assert "cannot be written" in str(unwritten)


def test_a_table_that_cannot_be_read_leaves_no_answer(tmp_path: Path, prior: Path) -> None:
    table = written(tmp_path / "t.csv", [{**row, "value": "nan"} for row in loss("a")])
    out = tmp_path / "answer.json"
    done = runner.invoke(app, ["backtest", str(table), "--json", str(out), "--prior", str(prior)])
    assert isinstance(done.exception, HoldpointError)
    assert "line 2, column value" in str(done.exception)
    assert not out.exists()
