"""Equal bytes under two models, moved folders, files that vanish before they are read: nothing lost, nothing twice."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from lab import Lab, rung
from typer.testing import CliRunner

from checkpoints_db.readers import read
from checkpoints_db.readers.context import context_of
from monitor.daemon import inbox
from monitor.faces.cli import app

DATA = Path(__file__).parents[2] / "data" / "readers"
LEANING = {
    "helm_lm": "stats.json",
    "helm_mc": "stats.json",
    "lm_eval_0_4_13": "samples_sums_2026-01-01T00-00-00.000000.jsonl",
    "lm_eval_0_4_2": "pretrained__toy__m1-step500,dtype__float32_colors.jsonl",
    "olmes": "task-000-colors-predictions.jsonl",
}
"""Of each harness whose files lean on others: one that names no model itself."""
each_harness = pytest.mark.parametrize("harness", LEANING)


def copy(lab: Lab, harness: str, name: str, *, model: str = "m1") -> Path:
    """The folder of a run, as if `model` had written it; the leaning file keeps its bytes."""
    target = lab.inbox / name
    shutil.copytree(DATA / harness, target)
    for path in sorted(target.iterdir()):
        if path.name != LEANING[harness] and not path.name.startswith("samples_"):
            path.write_text(path.read_text(encoding="utf-8").replace("m1", model), encoding="utf-8")
        path.rename(path.with_name(path.name.replace("m1", model)))
    return target


def held(lab: Lab) -> Counter[tuple[str, str, str]]:
    """How many readings there are of each metric of each task of each model; the catalogue knows none of them."""
    with lab.store() as store:
        store.ledger.verify()
        return Counter((u.reading.model, u.reading.task, u.reading.metric.name) for u in store.evidence.unplaced())


def statuses(lab: Lab) -> set[str]:
    with lab.store() as store:
        return {file.status for file in store.evidence.files()}


@each_harness
def test_equal_bytes_of_two_models_are_two_files(lab: Lab, harness: str) -> None:
    one, other = copy(lab, harness, "one"), copy(lab, harness, "other", model="m2")
    leaning = LEANING[harness]
    assert (one / leaning).read_bytes() == (other / leaning.replace("m1", "m2")).read_bytes()
    expected = {
        (reading.model, reading.task, reading.metric.name)
        for folder in (one, other)
        for path in folder.iterdir()
        for reading in read(path).readings
    }
    lab.cycle("scan")
    assert set(held(lab)) == expected
    assert len({model for model, _, _ in expected}) == 2
    lab.cycle("scan")
    assert set(held(lab)) == expected
    assert statuses(lab) == {"read"}


@each_harness
def test_a_folder_that_is_moved_or_copied_whole_says_nothing_new(lab: Lab, harness: str) -> None:
    one = copy(lab, harness, "one")
    lab.cycle("scan")
    before = held(lab)
    one.rename(lab.inbox / "moved")
    lab.cycle("scan")
    shutil.copytree(lab.inbox / "moved", lab.inbox / "copied")
    lab.cycle("scan")
    assert held(lab) == before
    assert max(before.values()) == 1
    with lab.store() as store:  # helm_lm has no scenario_state.json, and might get another one in each folder
        files = Counter(Path(file.path).name for file in store.evidence.files())
    assert max(files.values()) == (3 if harness == "helm_lm" else 1)


@each_harness
def test_equal_bytes_are_read_where_what_they_lean_on_lies(lab: Lab, harness: str) -> None:
    """A stray copy waits for its other half, which lies in another folder; the one beside it is read."""
    leaning = LEANING[harness]
    (lab.inbox / "a").mkdir()
    shutil.copyfile(DATA / harness / leaning, lab.inbox / "a" / leaning)
    lab.cycle("scan")
    assert statuses(lab) == {"waiting"}
    copy(lab, harness, "b")
    lab.cycle("scan")
    expected = {(r.model, r.task, r.metric.name) for r in read(lab.inbox / "b" / leaning).readings}
    assert expected <= set(held(lab))


STORE = """\
[[table]]
name = "store"
model = "tags.mlflow.runName"
step = "step"

[[table.metric]]
column = "metrics.eval/{task}/acc"
metric = "acc"
kind = "thresholded"
direction = "higher"
stderr = "metrics.eval/{task}/acc_stderr"
"""


def logged(folder: Path, run: str, model: str, tasks: tuple[str, ...]) -> Path:
    """A run in MLflow's file store, which logged equal values of several tasks in one call: equal bytes."""
    for task in tasks:
        for metric, value in (("acc", 0.5), ("acc_stderr", 0.01)):
            path = folder / run / "metrics" / "eval" / task / metric
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"1795403923851 {value} 100\n")
    tag = folder / run / "tags" / "mlflow.runName"
    tag.parent.mkdir()
    tag.write_text(model)
    (folder / run / "meta.yaml").write_text(f"run_id: {run}\n")
    (folder / "meta.yaml").write_text("name: ladder\n")
    return folder


@pytest.mark.parametrize("apart", [True, False], ids=["as they land", "all at once"])
def test_equal_bytes_of_two_tasks_and_two_runs_of_one_file_store_are_four_files(lab: Lab, apart: bool) -> None:
    store = 'columns = "columns.toml"\n' + lab.config.read_text(encoding="utf-8")
    lab.config.write_text(store + '[[source]]\npath = "mlruns"\npattern = "*/*/metrics/**/acc"\n', encoding="utf-8")
    (lab.root / "columns.toml").write_text(STORE, encoding="utf-8")
    folder = logged(lab.root / "mlruns" / "7", "aa", "m1", ("sums", "colors"))
    if apart:
        lab.cycle("scan")
    logged(folder, "bb", "m2", ("sums", "colors"))
    lab.cycle("scan")
    expected = Counter((model, task, "acc") for model in ("m1", "m2") for task in ("sums", "colors"))
    assert held(lab) == expected
    folder.rename(lab.root / "mlruns" / "moved")
    lab.cycle("scan")
    assert held(lab) == expected
    with lab.store() as opened:
        assert [file.status for file in opened.evidence.files()] == ["read"] * 4


@pytest.mark.parametrize("harness", ["lm_eval_0_3", "bigbench", "openai_evals", "inspect", "table", "helm_lm"])
def test_a_file_that_speaks_for_itself_has_no_context(harness: str) -> None:
    contexts = {path.name: context_of(path) for path in (DATA / harness).iterdir()}
    leaning = {"stats.json"} if harness == "helm_lm" else set()
    assert {name for name, context in contexts.items() if context} == leaning


def test_a_file_that_moves_between_being_noted_and_being_read_is_read_where_it_is(lab: Lab) -> None:
    path = lab.arrive(rung(0), "s0.csv")
    with lab.store() as store:
        inbox.arrivals(store, inbox.sources_of(lab.settings), lab.root, lab.clock, lab.settings.daemon.settling)
    path.rename(lab.inbox / "elsewhere.csv")
    lab.cycle("scan")
    with lab.store() as store:
        assert len(store.evidence.results()) == 2
        assert [(f.status, Path(f.path).name) for f in store.evidence.files()] == [("read", "elsewhere.csv")]


def test_a_file_that_vanishes_before_it_is_read_is_waited_for_and_told(lab: Lab) -> None:
    path = lab.arrive(rung(0), "s0.csv")
    with lab.store() as store:
        inbox.arrivals(store, inbox.sources_of(lab.settings), lab.root, lab.clock, lab.settings.daemon.settling)
    kept = path.rename(lab.root / "kept.csv")
    lab.cycle("scan")
    assert statuses(lab) == {"waiting"}
    lab.clock.sleep(2 * 3600)
    lab.cycle("scan")
    with lab.store() as store:
        assert [(a.rule, a.state) for a in store.actions.alerts()] == [("waiting", "firing")]
    kept.rename(path)
    lab.cycle("scan")
    assert statuses(lab) == {"read"}
    with lab.store() as store:
        assert len(store.evidence.results()) == 2


def test_each_of_two_files_with_equal_bytes_can_be_shown_and_retried(lab: Lab) -> None:
    """Both are refused: beside neither of them is the task that they are of."""
    for name, model in (("one", "m1"), ("other", "m2")):
        folder = copy(lab, "lm_eval_0_4_13", name, model=model)
        samples = folder / LEANING["lm_eval_0_4_13"]
        samples.rename(folder / samples.name.replace("sums", "nothing"))
    lab.cycle("scan")
    with lab.store() as store:
        refused = store.evidence.files("quarantined")
    assert {Path(file.path).parent.name for file in refused} == {"one", "other"}
    assert len({file.sha256 for file in refused}) == 2
    assert len({file.bytes_digest for file in refused}) == 1
    for file in refused:
        for command in ("show", "retry"):
            done = CliRunner().invoke(
                app, ["quarantine", command, file.sha256[:12], "--json", "--config", str(lab.config)]
            )
            assert done.exit_code == 0, done.output
            assert json.loads(done.output)["path"] == file.path
    lab.cycle("scan")
    with lab.store() as store:
        assert store.evidence.files("quarantined") != []
        assert {file.sha256 for file in store.evidence.files("quarantined")} == {file.sha256 for file in refused}
