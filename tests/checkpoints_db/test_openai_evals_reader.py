"""OpenAI evals: accuracy and its error from the matches, likelihoods from cond_logp, and no half of a run."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from checkpoints_db.errors import IncompleteResult, UnreadableFile
from checkpoints_db.readers import read

DATA = Path(__file__).parents[1] / "data" / "readers" / "openai_evals"
SUMS, PICK = DATA / "260101000000AAAA_m1_sums.jsonl", DATA / "260101000000BBBB_m1_pick.jsonl"
Rows = list[dict[str, Any]]


def rows_of(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def written(rows: Rows, folder: Path) -> Path:
    path = folder / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def numbered(rows: Rows) -> Rows:
    """The rows with event ids that count again from 0."""
    events = [row for row in rows if "type" in row]
    return [row if "type" not in row else {**row, "event_id": events.index(row)} for row in rows]


def test_accuracy_and_its_error_come_from_the_matches():
    (reading,) = read(SUMS).readings
    assert (reading.task, reading.metric.name, reading.model) == ("sums.dev", "accuracy", "house/m1")
    assert (reading.value, reading.n) == (0.5, 4)
    assert reading.stderr == pytest.approx(math.sqrt(0.25 / 3))  # and not the report's 0.3


def test_the_date_is_that_of_the_run():
    date = read(SUMS).readings[0].date
    assert date is not None
    assert date.isoformat() == "2026-01-01T00:00:00.500000+00:00"


def test_likelihoods_of_the_expected_answer():
    found = {reading.metric.name: reading for reading in read(PICK).readings}
    assert found["log_likelihood"].value == pytest.approx((-0.5 - 1.5 - 1) / 3)
    assert found["log_likelihood_per_byte"].value == pytest.approx(-3 / 9)
    assert found["prob_choice"].metric.chance == 0.5
    assert found["accuracy"].value == pytest.approx(2 / 3)


def test_the_report_may_stand_anywhere(tmp_path: Path):
    rows = rows_of(SUMS)
    assert read(written([rows[0], *rows[2:], rows[1]], tmp_path)).readings == read(SUMS).readings
    assert read(written([rows[1], rows[0], *rows[2:]], tmp_path)).readings == read(SUMS).readings


def test_events_in_another_order_are_the_same_run(tmp_path: Path):
    rows = rows_of(PICK)
    assert read(written([rows[0], *rows[:0:-1]], tmp_path)).readings == read(PICK).readings


@pytest.mark.parametrize(
    ("left", "why"),
    [
        (lambda row: "final_report" not in row, "no final_report"),
        (lambda row: row.get("event_id") != 3, "event 3 is missing"),
        (lambda row: row.get("event_id") != 7, r"was asked and has no match"),
    ],
)
def test_a_run_with_lines_missing_is_incomplete(left: Callable[[Any], bool], why: str, tmp_path: Path):
    with pytest.raises(IncompleteResult, match=why):
        read(written([row for row in rows_of(SUMS) if left(row)], tmp_path))


def test_a_sample_number_that_is_skipped_is_incomplete(tmp_path: Path):
    rows = numbered([row for row in rows_of(SUMS) if row.get("sample_id") != "sums.dev.0"])
    with pytest.raises(IncompleteResult, match="sample 0 of at least 4 is missing"):
        read(written(rows, tmp_path))


def test_samples_lost_at_the_end_are_seen_by_the_accuracy(tmp_path: Path):
    rows = [row for row in rows_of(SUMS) if row.get("sample_id") != "sums.dev.3"]
    with pytest.raises(IncompleteResult, match=r"accuracy is 0\.5, that of the 3 samples here is 0\.333"):
        read(written(numbered(rows), tmp_path))


def test_a_limited_run_says_so_and_may_skip_samples(tmp_path: Path):
    rows = numbered([row for row in rows_of(SUMS) if row.get("sample_id") not in ("sums.dev.0", "sums.dev.1")])
    rows[0]["spec"]["run_config"]["max_samples"] = 2
    (reading,) = read(written(rows, tmp_path)).readings
    assert reading.remarks == ("limit",)
    assert reading.conditions != read(SUMS).readings[0].conditions


def test_a_version_changes_the_conditions_and_not_the_task(tmp_path: Path):
    rows = rows_of(SUMS)
    rows[0]["spec"]["eval_name"] = "sums.dev.v1"
    (reading,) = read(written(rows, tmp_path)).readings
    assert reading.task == "sums.dev"
    assert reading.conditions != read(SUMS).readings[0].conditions


def test_another_model_has_the_same_conditions(tmp_path: Path):
    rows = rows_of(SUMS)
    rows[0]["spec"]["completion_fns"] = ["house/m2"]
    (reading,) = read(written(rows, tmp_path)).readings
    assert (reading.model, reading.conditions) == ("house/m2", read(SUMS).readings[0].conditions)


def test_an_error_is_a_remark(tmp_path: Path):
    rows = rows_of(SUMS)
    rows.append({**rows[-1], "event_id": 8, "type": "error", "data": {"message": "timeout"}})
    out = read(written(rows, tmp_path))
    assert out.readings[0].remarks == ("errors",)


def test_an_expected_answer_without_likelihood_gives_a_note(tmp_path: Path):
    rows = rows_of(PICK)
    rows = numbered([row for row in rows if row.get("data", {}).get("logp") != -0.5])
    out = read(written(rows, tmp_path))
    assert [reading.metric.name for reading in out.readings] == ["accuracy"]
    assert any("no continuous metric" in note for note in out.notes)


def test_two_runs_in_one_file_are_refused(tmp_path: Path):
    with pytest.raises(UnreadableFile, match="two runs"):
        read(written([*rows_of(SUMS), *rows_of(PICK)], tmp_path))


def test_an_event_twice_is_refused(tmp_path: Path):
    rows = rows_of(SUMS)
    with pytest.raises(UnreadableFile, match="event 7 is there twice"):
        read(written([*rows, rows[-1]], tmp_path))


def test_other_numbers_of_the_report_are_passed_on_without_error(tmp_path: Path):
    rows = rows_of(SUMS)
    rows[1]["final_report"].update(f1_score=0.25, usage_total_tokens=99)
    found = {r.metric.name: r for r in read(written(rows, tmp_path)).readings}
    assert found.keys() == {"accuracy", "f1_score"}
    assert found["f1_score"].stderr is None


def test_a_sample_that_failed_needs_no_match(tmp_path: Path):
    rows = rows_of(SUMS)
    lost = next(row for row in rows if row.get("type") == "match" and row["sample_id"] == "sums.dev.2")
    lost.update(type="error", data={"message": "timeout"})
    rows[1]["final_report"]["accuracy"] = 2 / 3
    (reading,) = read(written(rows, tmp_path)).readings
    assert (reading.n, reading.remarks) == (3, ("errors",))


def test_two_likelihoods_of_one_answer_are_refused(tmp_path: Path):
    rows = rows_of(PICK)
    first = next(row for row in rows if row.get("type") == "cond_logp")
    rows.append({**first, "event_id": 12, "data": {**first["data"], "logp": -7.0}})
    with pytest.raises(UnreadableFile, match="another log-likelihood"):
        read(written(rows, tmp_path))


def test_without_every_option_there_is_no_share_among_them(tmp_path: Path):
    rows = rows_of(PICK)
    for row in rows:
        if row.get("type") == "match":
            row["data"]["options"] = ["oui", "non", "si"]
    found = {reading.metric.name for reading in read(written(rows, tmp_path)).readings}
    assert found == {"accuracy", "log_likelihood", "log_likelihood_per_byte", "prob_answer"}
