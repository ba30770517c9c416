"""`holdpoint series doctor` on logs of lm-eval that went through the whole walk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, rung, write_table
from typer.testing import CliRunner

from monitor.faces.cli import app


def run(lab: Lab, *words: str) -> str:
    done = CliRunner().invoke(app, [*words, "--config", str(lab.config)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def log(path: Path, i: int, acc: float, *, n_shot: int = 0, limit: float | None = None) -> None:
    """The results of model `toy/m<i>` on one task, as lm-eval 0.4.13 writes them."""
    asked = 400 if limit is None else int(limit)
    body: dict[str, Any] = {
        "results": {"arc": {"alias": "arc", "acc,none": acc, "acc_stderr,none": 0.02}},
        "configs": {"arc": {"output_type": "multiple_choice", "doc_to_choice": ["a", "b", "c", "d"]}},
        "versions": {"arc": 1.0},
        "n-shot": {"arc": n_shot},
        "higher_is_better": {"arc": {"acc": True}},
        "n-samples": {"arc": {"original": 400, "effective": asked}},
        "config": {"model": "hf", "model_num_parameters": 1000 * 4**i, "limit": limit, "bootstrap_iters": 0},
        "model_name": f"toy/m{i}",
        "lm_eval_version": "0.4.13",
    }
    path.mkdir(exist_ok=True)
    (path / f"results_{i}_{n_shot}_{limit}.json").write_text(json.dumps(body), "utf-8")


@pytest.fixture
def logs(lab: Lab) -> Path:
    (lab.root / "catalogue.toml").write_text('[[run]]\nfamily = "toy"\nmatch = "toy/{run}"\n')
    return lab.root / "logs"


def test_a_ladder_split_by_shots_and_shortened_by_a_limit_and_chance(lab: Lab, logs: Path):
    for i, acc in enumerate((0.25, 0.26, 0.4, 0.5, 0.6)):
        log(logs, i, acc, n_shot=5 if i == 4 else 0)
    log(logs, 5, 0.7, limit=10)
    run(lab, "ingest", "--baseline", str(logs))
    found = json.loads(run(lab, "series", "doctor", "--json"))
    (split,) = found["split"]
    assert split["differing"] == ["limit", "n_shot", "samples_effective"]
    sides = [(side["runs"], side["terms"]["n_shot"], side["terms"]["samples_effective"]) for side in split["sides"]]
    assert sides == [(["m0", "m1", "m2", "m3"], 0, 400), (["m4"], 5, 400), (["m5"], 0, 10)]
    short = {each["series"]: each for each in found["short"]}
    main = short[split["sides"][0]["series"]]
    assert (main["telling"], main["at_chance"]) == (["m2", "m3"], ["m0", "m1"])
    assert short[split["sides"][2]["series"]]["remarked"] == {"m5": ["limit"]}
    words = run(lab, "series", "doctor")
    assert "m4: number of shown examples 5 (not 0)" in words
    assert "m0, m1 at chance" in words


def test_a_sound_ladder_has_nothing_to_tell(lab: Lab, logs: Path):
    for i, acc in enumerate((0.4, 0.5, 0.6, 0.7)):
        log(logs, i, acc)
    run(lab, "ingest", "--baseline", str(logs))
    assert "No series is split" in run(lab, "series", "doctor")
    assert json.loads(run(lab, "series", "doctor", "--json")) == {"split": [], "short": []}
    log(logs, 4, 0.8, n_shot=5)
    run(lab, "ingest", "--baseline", str(logs))
    assert len(json.loads(run(lab, "series", "doctor", "--json"))["split"]) == 1
    other = [{**row, "family": "other", "run": "o1"} for row in rung(1)]
    run(lab, "ingest", "--baseline", str(write_table(lab.root / "other.csv", other)))
    assert json.loads(run(lab, "series", "doctor", "--family", "other", "--json"))["split"] == []


def test_marks_do_not_change_what_trains_a_forecast(lab: Lab, logs: Path):
    """Four rungs at chance are four points: the engine needs them to say `plateau`."""
    for i in range(4):
        log(logs, i, 0.25)
    log(logs, 4, 0.9, limit=10)
    run(lab, "ingest", "--baseline", str(logs))
    marks = [each["mark"] for each in json.loads(run(lab, "series", "doctor", "--json"))["short"]]
    assert "at chance" in marks
    rungs = [len(each["points"]) for each in json.loads(run(lab, "series", "list", "--json"))]
    assert sorted(rungs) == [0, 4], "what is marked trains, what is limited does not"
