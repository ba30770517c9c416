"""Commands on a ladder of two axes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from lab import Lab
from planes import FAMILY, SIZES, TOKENS, ladder, rung
from tables import PRIOR
from typer.testing import CliRunner

from checkpoints_db.records import PLANE
from monitor.faces.cli import app
from monitor.prior import dump, load
from monitor.science.dictionary import Category

runner = CliRunner()


def invoke(lab: Lab, *words: str) -> Result:
    return runner.invoke(app, [*words, "--config", str(lab.config)])


def said(lab: Lab, *words: str) -> Any:
    done = invoke(lab, *words, "--json")
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Three sizes with five checkpoints each, sealed; read only."""
    lab = Lab(tmp_path_factory.mktemp("plane") / "lab")
    (lab.root / "catalogue.toml").write_text(FAMILY)
    lab.baseline(ladder())
    return lab


def test_forecast_show_speaks_of_parameters_and_tokens(made: Lab) -> None:
    body = said(made, "forecast", "show", "lab/sums/nll", "--at", "6.4e8,1.6e10", "--at", "1e9, 2e10")
    assert [(s["params"], s["tokens"], s["x"]) for s in body["says"]] == [
        (6.4e8, 1.6e10, 6.144e19),
        (1e9, 2e10, 1.2e20),
    ]
    assert body["says"][1]["median"] < body["says"][0]["median"]
    unasked = said(made, "forecast", "show", "lab/sums/nll")["says"]
    top = 6 * SIZES[2] * TOKENS[4]
    assert [s["x"] for s in unasked] == pytest.approx([f * top for f in (1.5, 2, 4, 10)])
    assert unasked[2]["params"] == pytest.approx(2 * SIZES[2])
    table = invoke(made, "forecast", "show", "lab/sums/nll", "--at", "6.4e8,1.6e10").stdout
    for word in ("params", "tokens", "FLOP", "640M", "16G", "61.44E"):
        assert word in table


@pytest.mark.parametrize("at", ["7e23", "7e9,2e12,1", "7e9;2e12", "nan,1e9", "-1,1e9", ""])
def test_what_is_no_place_in_the_plane_is_a_usage_error(made: Lab, at: str) -> None:
    done = invoke(made, "forecast", "show", "lab/sums/nll", "--at", at)
    assert done.exit_code == 2
    assert "7e9,2e12" in done.output


def test_a_place_inside_the_ladder_is_refused(made: Lab) -> None:
    done = invoke(made, "forecast", "show", "lab/sums/nll", "--at", "4e7,1e9")
    assert "at least as many parameters and tokens" in str(done.exception)


def test_one_axis_wants_one_number(ladder: Lab) -> None:
    assert invoke(ladder, "forecast", "show", "lab/sums/nll", "--at", "1e22,1e9").exit_code == 2
    assert said(ladder, "forecast", "show", "lab/sums/nll", "--at", "1e22")["says"][0]["x"] == 1e22


def test_lists_name_the_axis_and_count_checkpoints(made: Lab, tmp_path: Path) -> None:
    assert {s["axis"] for s in said(made, "series", "list")} == {PLANE}
    listed = invoke(made, "series", "list").stdout
    assert PLANE in listed
    assert " 15 " in listed
    assert PLANE in invoke(made, "forecast", "list").stdout
    shown = invoke(made, "series", "show", "lab/sums/nll", "--chart", str(tmp_path / "c.svg")).stdout
    for word in ("s0@1000", "s2@16000", "params", "tokens"):
        assert word in shown
    assert "160M" in (tmp_path / "c.svg").read_text()
    assert "none is short" in invoke(made, "series", "doctor").stdout


def test_a_prior_is_learnt_from_ladders_on_two_axes(made: Lab, tmp_path: Path) -> None:
    lab = made.copy(tmp_path / "copy")
    (lab.root / "small.json").write_text(dump(PRIOR, "made up"), encoding="utf-8")
    lab.config.write_text(f'prior = "small.json"\n{lab.config.read_text()}')
    lab.baseline([row for j in range(5) for row in rung(3, j)], "more.csv")
    before, out = lab.rules().prior, lab.root / "learnt.json"
    moved = {m["category"]: m for m in said(lab, "prior", "learn", "--out", str(out))["categories"]}
    assert set(moved) == {"log-2", "score-2"}
    assert all(m["gain"] > 0 and m["ladders"] == 1 for m in moved.values())
    for category in (Category("log", 2, dense=False), Category("score", 2, dense=False)):
        assert load(out).of(category).shape_weights != before.of(category).shape_weights
