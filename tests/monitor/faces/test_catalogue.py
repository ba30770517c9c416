"""`holdpoint catalogue check`: each model's place, the entry that gives it, and how its FLOP were counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, rung, write_table
from typer.testing import CliRunner

from checkpoints_db.catalogue import Catalogue
from checkpoints_db.catalogue.convention import counted, near, usual
from checkpoints_db.errors import SettingsError
from checkpoints_db.records import Checkpoint, Metric, Reading
from monitor.faces.cli import app

CATALOGUE = """\
[[family]]
name = "lab"
compare_at = "any"
flop_counts = "6 * non-embedding params * tokens"

[[run]]
family = "lab"
match = "org/{run}-step{step}"
tokens_per_step = 1000

[[run]]
family = "lab"
table = "models.csv"
"""


def check(lab: Lab, *words: str) -> tuple[int, Any]:
    done = CliRunner().invoke(app, ["catalogue", "check", "--json", *words, "--config", str(lab.config)])
    return done.exit_code, json.loads(done.output)


def row(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "task": "sums", "metric": "acc", "value": 0.5, **more}


@pytest.fixture
def placed(lab: Lab) -> Lab:
    """Models placed by a pattern, by a table and by themselves."""
    (lab.root / "catalogue.toml").write_text(CATALOGUE)
    (lab.root / "models.csv").write_text("model,run,params,tokens,flop\nold/a,a,1e6,2e7,1.2e14\nold/b,b,2e6,2e7,3e14\n")
    rows = [row("org/m1-step100", params=1e6, flop=6e11), row("old/a"), row("old/b")]
    write_table(lab.inbox / "news.csv", rows)
    write_table(lab.inbox / "self.csv", [row("x", family="own", run="x", params=1e6, tokens=1e7, flop=6.5e13)])
    assert lab.cycle("scan")
    return lab


def test_every_model_names_its_place_and_the_entry_that_gave_it(placed: Lab) -> None:
    code, said = check(placed)
    found = {r["model"]: (r["checkpoint"], r["by"], r["where"]) for r in said["checkpoints"]}
    assert found == {
        "org/m1-step100": ("lab/m1@100", "pattern", "catalogue.toml:6"),
        "old/a": ("lab/a@2e+07tok", "table", "models.csv:2"),
        "old/b": ("lab/b@2e+07tok", "table", "models.csv:3"),
        "x": ("own/x@1e+07tok", "source", "the log itself"),
    }
    assert {f["family"]: f["flop_counts"] for f in said["families"]} == {
        "lab": "6 * non-embedding params * tokens",
        "own": "",
    }
    assert code == 1
    (warning,) = said["warnings"]
    assert warning.startswith("lab/b@2e+07tok: FLOP are 1.25 times 6 * params * tokens, and 1 times elsewhere in lab")


def test_within_the_tolerance_nothing_is_said(placed: Lab) -> None:
    assert check(placed, "--family", "own")[0] == 0
    table = CliRunner().invoke(app, ["catalogue", "check", "--family", "own", "--config", str(placed.config)])
    assert table.exit_code == 0
    assert "the log itself" in table.output


def test_what_has_no_place_is_listed_with_the_reason(placed: Lab) -> None:
    write_table(placed.inbox / "more.csv", [row("nobody/knows")])
    placed.cycle("scan")
    code, said = check(placed, "--family", "own")
    assert code == 1
    assert [(u["model"], u["by"]) for u in said["unplaced"]] == [("nobody/knows", "nothing")]
    assert "no [[run]] matches" in said["unplaced"][0]["reason"]


def test_a_catalogue_that_changed_since_is_told(placed: Lab) -> None:
    path = placed.root / "catalogue.toml"
    path.write_text(path.read_text().replace("tokens_per_step = 1000", "tokens_per_step = 2000"))
    (placed.root / "models.csv").write_text("model,run,params,tokens,flop\nold/a,renamed,1e6,2e7,1.2e14\n")
    said = "\n".join(check(placed)[1]["warnings"])
    assert "lab/m1@100: the catalogue would now place it otherwise, lab/m1@100, params 1e+06, tokens 2e+05" in said
    assert "lab/a@2e+07tok: the catalogue would now place it otherwise, lab/renamed@2e+07tok" in said
    # Its entry is gone, but what was recorded names family and run: it stands as the log itself would have it.
    assert "lab/b@2e+07tok: the catalogue" not in said


def test_explain_tells_what_place_refuses(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(
        '\n[[run]]\nfamily = "f"\nmatch = "{run}"\n\n[[run]]\nfamily = "f"\nmatch = "a{run}"\nparams = 1\n'
    )
    known = Catalogue.from_toml(tmp_path / "c.toml")
    reading = Reading(task="t", metric=Metric(name="acc", kind="thresholded"), value=0.5, model="b")
    scaleless = known.explain(reading)
    assert (scaleless.by, scaleless.where, scaleless.checkpoint) == ("pattern", "c.toml:2", None)
    assert "neither parameters nor tokens" in scaleless.reason
    twice = known.explain(reading.model_copy(update={"model": "ab"}))
    assert (twice.by, twice.where, "match it" in twice.reason) == ("nothing", "", True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[[family]]\nname = "f"\nflop_counts = "a"\n[[family]]\nname = "f"\nflop_counts = "b"\n',
            r"4|5.*declared twice",
        ),
        ('[[family]]\nname = "f"\nflop_counts = "a"\nflop_counts = "b"\n', "not TOML"),
        (
            '[[family]]\nname = "f"\nflop_counts = "a"\n[[run]]\nfamily = "f"\nmatch = "{run}"\nflop_counts = "b"\n',
            r"c\.toml:4: flop_counts is 'b', and its \[\[family\]\] says 'a'",
        ),
        ('[[family]]\nname = "f"\nflop_counts = 6\n', "flop_counts"),
    ],
)
def test_a_family_has_one_convention(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(SettingsError, match=told):
        Catalogue.from_toml(tmp_path / "c.toml")


def test_the_usual_ratio_is_that_of_the_many() -> None:
    assert near(1.0, 1.15)
    assert not near(1.0, 1.1501)
    assert usual([]) is None

    def one(name: str, ratio: float, family: str = "f") -> Checkpoint:
        return Checkpoint(family=family, run=name, model=name, params=1e6, tokens=1e6, flop=6e12 * ratio)

    every = [
        one("a", 1.4),
        one("b", 1.0),
        one("c", 1.1),
        one("d", 2.0, "g"),
        Checkpoint(family="f", run="e", model="e"),
    ]
    assert [c.departs for c in counted(every)] == [True, False, False, False, False]


EFFECTIVE = """\
[[family]]
name = "lab"
axis = "effective_compute"
compare_at = "any"
estimator = "memo 12"
efficiency = 1.0

[[run]]
family = "lab"
match = "new/{run}"
efficiency = 8
"""


def test_a_family_is_forecast_along_effective_compute(lab: Lab) -> None:
    """The new recipe is an eighth of the FLOP of the next rung, and stands above the last rung all the same."""
    (lab.root / "catalogue.toml").write_text(EFFECTIVE)
    lab.baseline([r for i in range(5) for r in rung(i)])
    rows = [{**r, "run": "", "family": "", "model": "new/s5", "flop": 1e18 * 4.0**5 / 8} for r in rung(5)]
    write_table(lab.inbox / "new.csv", rows)
    lab.cycle("scan")
    code, said = check(lab)
    assert (code, said["families"][0]["estimators"]) == (0, ["memo 12"])
    with lab.store() as store:
        checkpoint = store.evidence.results(run="s5")[0].result.checkpoint
        outcomes = {v.metric.name: v.outcome for _, v in store.judgements.verdicts("lab")}
    assert (checkpoint.effective_compute, checkpoint.estimator) == (1e18 * 4.0**5, "memo 12")
    assert outcomes == {"nll": "expected", "acc": "expected"}
    (lab.root / "catalogue.toml").write_text(EFFECTIVE.replace("memo 12", "memo 13"))
    code, said = check(lab)
    assert code == 1
    assert any("would now place it otherwise" in w and "by memo 13" in w for w in said["warnings"])
