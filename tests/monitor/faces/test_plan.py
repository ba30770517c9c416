"""`holdpoint forecast plan` as a user types it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import planes
import pytest
from asking import answer, run
from lab import Lab, rung

from monitor.faces.charts import specification, write
from monitor.faces.plan_chart import plan_chart
from monitor.planning import Prospect

TARGET = '[[target]]\nfamily = "lab"\nname = "s7"\nflop = 1.6e22\ndue = 2027-03-01\n'


@pytest.fixture
def planned(ladder: Lab) -> Lab:
    """Six rungs, their forecasts sealed, and one target declared."""
    catalogue = ladder.root / "catalogue.toml"
    catalogue.write_text(catalogue.read_text() + TARGET)
    return ladder


def strict(lab: Lab, resolve: float) -> None:
    text = lab.policy.read_text()
    assert "resolve = 0.35" in text
    lab.policy.write_text(text.replace("resolve = 0.35", f"resolve = {resolve}"))


def test_declared_targets(planned: Lab) -> None:
    said = answer(planned, "forecast", "plan")
    assert said["resolve"] == 0.35
    assert {(p["target"], p["task"], p["metric"]["name"], p["due"]) for p in said["prospects"]} == {
        ("s7", "sums", "nll", "2027-03-01"),
        ("s7", "sums", "acc", "2027-03-01"),
    }
    assert said["counts"] == {"sees": 2}
    for p in said["prospects"]:
        assert p["lower_95"] < p["lower_80"] < p["median"] < p["upper_80"] < p["upper_95"]
        assert p["share"] < 0.35
        assert p["own"]["forecasts"] == len(p["own"]["pit"])


def test_blind_is_exit_code_10_and_a_sentence(planned: Lab) -> None:
    strict(planned, 0.01)
    code, text = run(planned, "forecast", "plan")
    assert code == 10
    assert "could hide" in text
    assert "s7: 2 series, 2 of them would hold the gate" in text
    code, text = run(planned, "forecast", "plan", "--rows", "1")
    assert "1 more rows" in text


def test_scales_on_the_command_line(planned: Lab) -> None:
    said = answer(planned, "forecast", "plan", "--at", "1e22", "--at", "1e18", "--family", "lab")["prospects"]
    assert {(p["target"], p["sight"]) for p in said} == {("1e22", "sees"), ("1e18", "reached")}


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--at", "big"], 2, "'big' is not a scale; write 7e23"),
        (["--at", "-1"], 2, "finite and above 0"),
        (["--family", "nobody"], 1, "declares no"),
        (["--family", "labs", "--at", "1e23"], 10, "family 'labs' has no results; did you mean 'lab'?"),
    ],
)
def test_what_it_refuses(planned: Lab, words: list[str], code: int, says: str) -> None:
    got, text = run(planned, "forecast", "plan", *words)
    assert got == code, text
    assert says in " ".join(text.replace("│", " ").split())


def test_no_target_and_no_series(lab: Lab) -> None:
    assert "no [[target]]; write one" in run(lab, "forecast", "plan")[1]
    code, text = run(lab, "forecast", "plan", "--at", "1e23")
    assert (code, "no series is in the store yet" in text) == (1, True)


def test_a_series_too_short_for_a_forecast_holds(planned: Lab) -> None:
    planned.baseline([{**row, "task": "new"} for i in range(2) for row in rung(i)], "short.csv")
    said = answer(planned, "forecast", "plan", code=10)
    assert [p["task"] for p in said["prospects"][:2]] == ["new", "new"]
    assert "2 rungs over" in said["prospects"][0]["sentence"]


def test_the_chart_shows_share_and_limit(planned: Lab, tmp_path: Path) -> None:
    strict(planned, 0.05)
    path = tmp_path / "plan.svg"
    code, text = run(planned, "forecast", "plan", "--at", "2e22", "--at", "1e24", "--chart", str(path))
    assert (code, path.read_text().startswith("<svg")) == (10, True), text
    every = answer(planned, "forecast", "plan", "--at", "2e22", "--at", "1e24", code=10)["prospects"]
    spec: dict[str, Any] = specification(plan_chart([Prospect.model_validate(p) for p in every], 0.05))
    panels = spec["concat"]
    assert sorted(p["title"]["text"] for p in panels) == ["1e24", "2e22"]
    drawn = [row for rows in spec["datasets"].values() for row in rows if "share" in row]
    assert sorted(row["share"] for row in drawn) == pytest.approx(sorted(p["share"] for p in every))
    assert {p["title"]["subtitle"] for p in panels} <= {f"{n} of 2 series would hold the gate" for n in (1, 2)}
    assert [{"resolve": 0.05}] in spec["datasets"].values()
    write(plan_chart([Prospect.model_validate(p) for p in every], 0.05), tmp_path / "plan.png")


def test_a_lab_on_two_axes(lab: Lab, tmp_path: Path) -> None:
    target = '[[target]]\nfamily = "lab"\nname = "s3"\nparams = 6.4e8\ntokens = 1.6e10\n'
    (lab.root / "catalogue.toml").write_text(planes.FAMILY + target)
    lab.baseline(planes.ladder())
    said = answer(lab, "forecast", "plan")["prospects"]
    assert {(p["params"], p["tokens"], p["sight"]) for p in said} == {(6.4e8, 1.6e10, "sees")}
    code, text = run(lab, "forecast", "plan", "--at", "7e9,2e12", "--at", "1e23")
    assert code == 10
    assert "7B × 2T" in text
    assert text.count("write it as 7e9,2e12") == 2, "once a series"
    code, text = run(lab, "forecast", "plan", "--at", "1e7,1e9", "--chart", str(tmp_path / "none.svg"))
    assert (code, (tmp_path / "none.svg").exists()) == (0, False), "all is reached, there is nothing to draw"


def test_a_reason_stands_once_for_all_targets(planned: Lab) -> None:
    planned.baseline([{**row, "task": "new"} for i in range(2) for row in rung(i)], "short.csv")
    _, text = run(planned, "forecast", "plan", "--at", "1e23", "--at", "1e24")
    lines = [line for line in text.splitlines() if "2 rungs over" in line]
    assert len(lines) == 2, "one for each metric"
    assert all("at '1e23', '1e24': too_few: 2 rungs" in line for line in lines)
