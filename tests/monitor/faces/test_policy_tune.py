"""`holdpoint policy tune` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sweeps
from typer.testing import CliRunner

from checkpoints_db.errors import HoldpointError
from monitor.faces.charts import specification
from monitor.faces.cli import app
from monitor.faces.tune_chart import tune_chart
from monitor.tuning import Tuning

POLICY = """
name = "paper"
[judging]
tail = 0.1
resolve = 1.0
[[rules]]
id = "break"
kind = "break"
level = "soft"
side = "either"
answer = "pause"
tail = 0.01
"""
LITTLE = ("--breaks", "+6sd", "--places", "4", "--points", "3", "--jobs", "1")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tune")
    sweeps.build(root / "store.db", families=5, sizes=5)
    (root / "policy.toml").write_text(POLICY)
    (root / "holdpoint.toml").write_text('store = "store.db"\ncatalogue = "store.toml"\npolicy = "policy.toml"\n')
    return root


def run(lab: Path, *words: str) -> tuple[int, str]:
    asked = ["policy", "tune", str(lab / "policy.toml"), *words, "--config", str(lab / "holdpoint.toml")]
    done = CliRunner().invoke(app, asked)
    if done.exception and not isinstance(done.exception, SystemExit | HoldpointError):
        raise done.exception
    return (1, str(done.exception)) if isinstance(done.exception, HoldpointError) else (done.exit_code, done.output)


def test_a_table_what_to_take_and_how_sure_that_is(lab: Path) -> None:
    code, text = run(lab, "--param", "break.tail=0.001..0.1", *LITTLE)
    assert code == 0
    assert "a missed break costs 10 false pauses and 1 a year are expected" in text.lower()
    assert "90% interval" in text
    assert "5 checkpoints of 5 runs" in text
    assert "now" in text


def test_json_and_charts(lab: Path, tmp_path: Path) -> None:
    html, png = tmp_path / "tune.html", tmp_path / "tune.png"
    code, text = run(lab, "--param", "break.tail=0.001..0.1", *LITTLE, "--json", "--chart", str(html), "--cost", "20")
    assert code == 0
    found = Tuning.model_validate_json(text)
    assert json.loads(text)["cost_ratio"] == 20
    assert [s.values[0] for s in found.settings] == [0.001, 0.01, 0.1]
    assert [s.current for s in found.settings] == [False, True, False]
    assert sum(s.front for s in found.settings) >= 1
    best = found.settings[found.recommended.setting]
    assert best.cost == min(s.cost for s in found.settings)
    assert found.recommended.lower[0] <= best.values[0] <= found.recommended.upper[0]
    page = html.read_text()
    assert "break.tail" in page
    assert "http-equiv" in page
    assert "src=" not in page.split("<script type")[0]
    code, _ = run(lab, "--param", "break.tail=0.001..0.1", *LITTLE, "--json", "--chart", str(png))
    assert png.read_bytes().startswith(b"\x89PNG")
    drawn = json.dumps(specification(tune_chart(found)))
    assert '"role": "recommended"' in drawn
    assert "false pauses a year" in drawn


def test_two_parameters_make_a_grid(lab: Path) -> None:
    both = ("--param", "break.tail=0.001..0.1", "--param", "break.min_effect=0..0.1")
    code, text = run(lab, *both, *LITTLE[:-4], "--points", "2", "--jobs", "1", "--json")
    assert code == 0
    found = Tuning.model_validate_json(text)
    assert found.params == ("break.tail", "break.min_effect")
    assert [s.values for s in found.settings if not s.current] == [(0.001, 0), (0.001, 0.1), (0.1, 0), (0.1, 0.1)]
    assert len(found.recommended.lower) == 2
    effect = {s.values: s.missed for s in found.settings}
    assert effect[0.1, 0.1] >= effect[0.1, 0]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--param", "break.tial=0.001..0.1"), 1, "did you mean 'break.tail'"),
        (("--param", "break.tail=0.001..0.9"), 1, "less than or equal to 0.2"),
        (("--param", "break.tail=0.001..0.1", "--breaks", "big"), 1, "no size of a break"),
        (("--param", "break.tail=0.001..0.1", "--family", "nobody"), 1, "no checkpoint of nobody was judged"),
        (("--param", "break.tail=0.001..0.1", "--param", "break.tail=0.01..0.1"), 2, "named twice"),
        (("--param", "break.tail=0.001..0.1") * 3, 2, "one or two at once"),
        (("--param", "break.tail=0.001..0.1", "--dask", "nonsense://x", "--places", "1"), 1, "no dask scheduler"),
        ((), 2, "--param"),
    ],
)
def test_exit_codes_and_what_is_said(lab: Path, words: tuple[str, ...], code: int, says: str) -> None:
    got, text = run(lab, *words)
    assert (got, says in " ".join(text.replace("│", " ").split())) == (code, True), text
