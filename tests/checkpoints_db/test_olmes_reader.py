"""OLMES: metrics and predictions of one task, which never state one number twice, and must be of one run."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from checkpoints_db import samples
from checkpoints_db.errors import IncompleteResult, UnreadableFile
from checkpoints_db.readers import Readout, read
from checkpoints_db.readers.olmes_metrics import stderr_of
from checkpoints_db.records import Reading

DATA = Path(__file__).parents[1] / "data" / "readers" / "olmes"
METRICS, PREDICTIONS = "task-000-colors-metrics.json", "task-000-colors-predictions.jsonl"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(DATA, tmp_path / "out")
    return tmp_path / "out"


def found(out: Readout) -> dict[str, Reading]:
    return {reading.metric.name: reading for reading in out.readings}


def change(folder: Path, **fields: Any) -> None:
    """Change the metrics file: top-level fields, or `metrics` and the configurations by key."""
    body = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    for name, value in fields.items():
        body[name] = {**body[name], **value} if isinstance(value, dict) else value
    (folder / METRICS).write_text(json.dumps(body), encoding="utf-8")


def rows_of(folder: Path) -> list[Any]:
    return [json.loads(line) for line in (folder / PREDICTIONS).read_text(encoding="utf-8").splitlines()]


def write(rows: list[Any], folder: Path) -> Path:
    (folder / PREDICTIONS).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder / PREDICTIONS


def test_acc_variants_have_the_standard_error_of_the_single_answers():
    out = found(read(DATA / METRICS))
    rows = rows_of(DATA)
    for name in ("acc_raw", "acc_per_token"):
        assert out[name].stderr == pytest.approx(samples.mean([row["metrics"][name] for row in rows]).stderr)


@pytest.mark.parametrize(("share", "n"), [(0.5, 5), (1.0, 1)])
def test_a_mean_that_is_not_of_zeros_and_ones_has_no_such_error(share: float, n: int):
    assert stderr_of(share, n) is None


def test_identity_of_the_task():
    reading = read(DATA / METRICS).readings[0]
    assert (reading.task, reading.model, reading.n, reading.harness) == ("colors:rc", "house/m1@step500", 4, "olmes")
    assert reading.date is not None
    assert reading.date.isoformat() == "2026-01-01T00:00:00+00:00"


def test_metrics_and_predictions_never_state_the_same_metric(folder: Path):
    one, other = found(read(folder / METRICS)), found(read(folder / PREDICTIONS))
    assert one.keys() == {"acc_raw", "acc_per_token"}
    assert not one.keys() & other.keys()
    (folder / PREDICTIONS).rename(folder / "elsewhere.jsonl")
    alone = found(read(folder / METRICS))
    assert {"sum_logits_corr", "bits_per_byte_corr"} <= alone.keys()
    assert not alone.keys() & other.keys()
    assert alone["sum_logits_corr"].value == pytest.approx(other["log_likelihood"].value)


def test_primary_score_repeats_another_and_is_left_out():
    assert "primary_score" not in found(read(DATA / METRICS))


def test_a_primary_score_of_its_own_is_kept(folder: Path):
    change(folder, task_config={"primary_metric": "judge"})
    assert found(read(folder / METRICS))["primary_score"].value == 0.75


def test_a_primary_score_that_differs_is_refused(folder: Path):
    change(folder, metrics={"primary_score": 0.25})
    with pytest.raises(UnreadableFile, match=r"primary_score: 0\.25, but acc_per_token is 0\.75"):
        read(folder / METRICS)


def test_likelihoods_of_the_predictions():
    out = found(read(DATA / PREDICTIONS))
    assert out["log_likelihood"].value == pytest.approx((-1 - 4 - 0.5 - 3) / 4)
    assert out["log_likelihood_per_token"].value == pytest.approx(-8.5 / (1 + 4 + 1 + 2))
    assert out["log_likelihood_per_char"].value == pytest.approx(-8.5 / (4 + 8 + 4 + 4))
    assert out["prob_choice"].metric.chance == pytest.approx((2 / 3 + 1) / 4)
    assert all(reading.stderr is not None and reading.stderr > 0 for reading in out.values())


def test_bits_per_byte_with_the_space_never_shares_a_name_with_ours():
    out = found(read(DATA / PREDICTIONS))
    assert not {"log_likelihood_per_byte", "bits_per_byte", "bits_per_byte_corr"} & out.keys()
    bits = [x / math.log(2) for x in (1 / 4, 4 / 8, 0.5 / 4, 3 / 4)]
    assert out["bits_per_byte_corr_per_instance"].value == pytest.approx(sum(bits) / 4)


def test_predictions_wait_for_their_metrics(folder: Path):
    (folder / METRICS).unlink()
    with pytest.raises(IncompleteResult) as refused:
        read(folder / PREDICTIONS)
    assert refused.value.waits_for == METRICS


def test_missing_documents_are_incomplete(folder: Path):
    with pytest.raises(IncompleteResult, match="3 of 4 documents"):
        read(write(rows_of(folder)[:3], folder))


def test_more_documents_than_were_asked_are_refused(folder: Path):
    change(folder, num_instances=3)
    with pytest.raises(UnreadableFile, match=r"4 documents where task-000-colors-metrics\.json says 3"):
        read(folder / PREDICTIONS)


def test_a_line_cut_off_in_the_middle_is_damage_and_not_the_end(folder: Path):
    lines = (folder / PREDICTIONS).read_text(encoding="utf-8").splitlines()
    lines[1] = lines[1][:-5]
    (folder / PREDICTIONS).write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(UnreadableFile, match="line 2: not JSON: the line ends too early"):
        read(folder / PREDICTIONS)


def test_a_document_twice_is_refused(folder: Path):
    rows = rows_of(folder)
    with pytest.raises(UnreadableFile, match="line 5, doc_id: document 3 is already on line 4"):
        read(write([*rows, rows[-1]], folder))


def test_predictions_of_another_model_are_refused(folder: Path):
    rows = rows_of(folder)
    rows[2]["model_hash"] = "cc33"
    with pytest.raises(UnreadableFile, match="line 3, model_hash"):
        read(write(rows, folder))


def test_an_acc_that_is_not_that_of_the_metrics_is_refused(folder: Path):
    rows = rows_of(folder)
    rows[0]["metrics"]["acc_raw"] = 0
    with pytest.raises(UnreadableFile, match=r"acc_raw: 0\.25 over the documents, 0\.5 in"):
        read(write(rows, folder))


def test_a_likelihood_that_is_not_that_of_the_right_choice_is_refused(folder: Path):
    rows = rows_of(folder)
    rows[1]["metrics"]["correct_choice"] = 0
    with pytest.raises(UnreadableFile, match=r"line 2, metrics\.sum_logits_corr"):
        read(write(rows, folder))


def test_documents_without_likelihood_give_a_note_and_not_half_a_mean(folder: Path):
    rows = rows_of(folder)
    rows[1]["metrics"]["sum_logits_corr"] = None
    out = read(write(rows, folder))
    assert not out.readings
    assert "1 documents have no log-likelihood" in out.notes[0]


def test_a_limit_is_a_remark_and_another_condition(folder: Path):
    whole = read(folder / METRICS).readings[0]
    change(folder, task_config={"limit": 4})
    part = read(folder / METRICS).readings[0]
    assert (whole.remarks, part.remarks) == ((), ("limit",))
    assert whole.conditions != part.conditions


def test_models_share_conditions(folder: Path):
    change(folder, model_config={"model": "house/m2"}, model_hash="dd44")
    assert read(folder / METRICS).readings[0].conditions == read(DATA / METRICS).readings[0].conditions


def test_metrics_of_many_tasks_one_a_line(folder: Path):
    body = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    other = {**body, "task_name": "shapes:rc", "task_hash": "ee55"}
    path = folder / "metrics-all.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in (body, other)), encoding="utf-8")
    assert {reading.task for reading in read(path).readings} == {"colors:rc", "shapes:rc"}


def test_a_summary_over_all_tasks_gives_nothing(tmp_path: Path):
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps({"all_primary_scores": ["colors:rc: 0.75"], "tasks": []}), encoding="utf-8")
    out = read(path)
    assert not out.readings
    assert "summary" in out.notes[0]
