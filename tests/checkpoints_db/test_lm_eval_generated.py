"""Generated answers of lm-eval: edit distance, and pass@k from repeated answers."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers import Readout, read
from checkpoints_db.samples import edits

DATA = Path(__file__).parents[1] / "data" / "readers" / "lm_eval_0_4_13"
TIME = "2026-01-01T00-00-00.000000"
FIRST = [{"name": "strict-match", "filter": [{"function": "regex"}, {"function": "take_first"}]}]
VOTE = [{"name": "strict-match", "filter": [{"function": "majority_vote"}, {"function": "take_first"}]}]


def folder(tmp_path: Path, answers: list[Any], targets: list[Any], said: list[Any], **config: Any) -> Path:
    """The samples of a task of two documents and one filter, with these answers; `said` is the row's exact_match."""
    shutil.copytree(DATA, tmp_path / "run")
    results = tmp_path / "run" / f"results_{TIME}.json"
    body = json.loads(results.read_text("utf-8"))
    body["results"]["sums"] = {"exact_match,strict-match": 0.5, "exact_match_stderr,strict-match": 0.5}
    body["configs"]["sums"].update(config)
    results.write_text(json.dumps(body), "utf-8")
    rows = [
        {
            "doc_id": i,
            "target": targets[i],
            "arguments": {"gen_args_0": {"arg_0": "?", "arg_1": {}}},
            "resps": answers[i],
            "filtered_resps": ["?"],
            "filter": "strict-match",
            "exact_match": said[i],
        }
        for i in range(2)
    ]
    path = tmp_path / "run" / f"samples_sums_{TIME}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def values(out: Readout) -> dict[str, float]:
    return {reading.metric.name: reading.value for reading in out.readings}


def test_one_answer_gives_its_distance_and_says_what_is_missing():
    out = read(DATA / f"samples_sums_{TIME}.jsonl")
    assert values(out) == {"edit_distance_characters": 0.5}
    metric = out.readings[0].metric
    assert (metric.kind, metric.direction, metric.lower) == ("continuous", "lower", 0)
    assert "no likelihood" in out.notes[0]


def test_distances_are_to_the_nearest_target_and_cluster_by_document(tmp_path: Path):
    """Document 0: kitten/sitting is 3, twice. Document 1: to "a red cat", 1 and 0 characters, 1 and 0 words."""
    answers = [[["kitten", " kitten. "]], [["a red bat", "a red cat."]]]
    out = read(folder(tmp_path, answers, ["sitting", "['a red cat', 'dog']"], [0, 0]))
    assert values(out)["edit_distance_characters"] == pytest.approx((3 + 3 + 1 + 0) / 4)
    assert values(out)["edit_distance_words"] == pytest.approx((1 + 1 + 1 + 0) / 4)
    characters = out.readings[0]
    # residual sums of the two documents: +2.5 and -2.5
    assert characters.stderr == pytest.approx(math.sqrt(2 * (2.5**2 + 2.5**2)) / 4)
    assert characters.n == 2


def test_a_list_of_numbers_is_one_target(tmp_path: Path):
    out = read(folder(tmp_path, [["[1, 2]"], ["3"]], ["[1, 2]", "3"], [1, 1]))
    assert values(out)["edit_distance_characters"] == 0


def test_repeats_give_unbiased_pass_at_k(tmp_path: Path):
    """2 of 4 and 0 of 4 right: pass@1 = (1/2 + 0)/2, pass@4 = (1 + 0)/2."""
    out = read(folder(tmp_path, [[["6", " 6.", "7", "8"]], [["1", "1", "1", "1"]]], ["6", "2"], [1.0, 0.0]))
    assert values(out)["pass@1"] == pytest.approx(0.25)
    assert values(out)["pass@4"] == pytest.approx(0.5)
    kinds = {reading.metric.name: reading.metric.kind for reading in out.readings}
    assert kinds["pass@4"] == "thresholded"
    assert {r.n for r in out.readings} == {2}, "documents, not answers"


def test_the_answers_of_0_4_2_are_one_list(tmp_path: Path):
    out = read(folder(tmp_path, [["6"], ["1"]], ["6", "2"], [1.0, 0.0]))
    assert values(out) == {"edit_distance_characters": 0.5}


def test_marks_the_harness_does_not_share_are_not_used(tmp_path: Path):
    """The harness's filter found a 2 in the answer; comparing the answer as given does not."""
    answers = [[["6", "6"]], [["it is 2", "it is 2"]]]
    out = read(folder(tmp_path, answers, ["6", "2"], [1.0, 1.0], filter_list=FIRST))
    assert set(values(out)) == {"edit_distance_characters"}
    assert "exact_match of document 1 is 1" in out.notes[1]


def test_a_vote_does_not_vouch_for_the_first_answer(tmp_path: Path):
    answers = [[["6", "6"]], [["1", "1"]]]
    out = read(folder(tmp_path, answers, ["6", "2"], [1.0, 0.0], filter_list=VOTE))
    assert "no filter of the task scores the first answer" in out.notes[1]
    shutil.rmtree(tmp_path / "run")
    assert "pass@2" in values(read(folder(tmp_path, answers, ["6", "2"], [1.0, 0.0], filter_list=FIRST)))


@pytest.mark.parametrize(("ignoring", "rate"), [({}, 0.0), ({"ignore_case": True, "ignore_punctuation": True}, 1.0)])
def test_case_and_punctuation_count_as_the_task_says(ignoring: dict[str, bool], rate: float, tmp_path: Path):
    answers = [[["Yes!", "yes"]], [["No", "no"]]]
    metrics = [{"metric": "exact_match", **ignoring}]
    out = read(folder(tmp_path, answers, ["yes", "no"], [rate, rate], metric_list=metrics))
    assert values(out)["pass@1"] == (1.0 if ignoring else 0.5)


def test_answers_too_long_to_compare_leave_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = folder(tmp_path, [["66666"], ["1"]], ["6666", "2"], [1.0, 0.0])
    assert "edit_distance_characters" in values(read(path))
    monkeypatch.setattr(edits, "LARGEST", 19)
    out = read(path)
    assert out.readings == ()
    assert "an answer of 5 and a target of 4" in out.notes[1]


@pytest.mark.parametrize(
    ("answers", "target", "why"),
    [
        ([], "6", "line 1, resps: not the answers to one request"),
        ([["6"], ["7"]], "6", "line 1, resps: not the answers to one request"),
        ([[]], "6", "line 1, resps: not a list of texts"),
        ([[6]], "6", "line 1, resps: not a list of texts"),
        ("6", "6", "line 1, resps: not the answers to one request"),
        ([["6"]], None, "line 1, target: missing"),
        ([["6"]], {"a": 1}, "line 1, target: missing"),
    ],
)
def test_answers_that_are_none_are_named(answers: Any, target: Any, why: str, tmp_path: Path):
    with pytest.raises(UnreadableFile, match=why):
        read(folder(tmp_path, [answers, [["1"]]], [target, "2"], [1.0, 0.0]))


def test_halves_of_surrogates_and_bottomless_lists_are_only_text(tmp_path: Path):
    out = read(folder(tmp_path, [[["\ud800", "a"]], [["1", "1"]]], ["[" * 3000, "2"], [0.0, 0.0]))
    assert values(out)["pass@2"] == 0


def test_a_document_that_only_one_filter_has_gives_no_pass_at_k(tmp_path: Path):
    """Without a count of documents (0.4.2) filters cannot be checked against it."""
    path = folder(tmp_path, [[["6", "6"]], [["1", "1"]]], ["6", "2"], [1.0, 0.0])
    results = path.parent / f"results_{TIME}.json"
    body = json.loads(results.read_text("utf-8"))
    del body["n-samples"]
    results.write_text(json.dumps(body), "utf-8")
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    first = [{**row, "filter": "a-first"} for row in rows]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*first, *rows, {**rows[0], "doc_id": 2}]), "utf-8")
    out = read(path)
    assert set(values(out)) == {"edit_distance_characters"}
    assert any("document 2 is not there under every filter" in note for note in out.notes)
