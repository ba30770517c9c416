"""lm-evaluation-harness logs: what is read, what is refused, and in which words."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers import read
from checkpoints_db.readers.lm_eval_metrics import metric_of
from checkpoints_db.records import Reading

DATA = Path(__file__).parents[1] / "data" / "readers"
TIME = "2026-01-01T00-00-00.000000"
Change = Callable[[dict[str, Any]], object]


def changed(folder: Path, change: Change, source: str = f"lm_eval_0_4_13/results_{TIME}.json") -> Path:
    """A copy of an example, changed."""
    body = json.loads((DATA / source).read_text("utf-8"))
    change(body)
    path = folder / Path(source).name
    path.write_text(json.dumps(body), "utf-8")
    return path


def the(readings: tuple[Reading, ...], task: str, metric: str) -> Reading:
    found = [r for r in readings if (r.task, r.metric.name) == (task, metric)]
    assert len(found) == 1
    return found[0]


def test_0_4_13_results():
    out = read(DATA / "lm_eval_0_4_13" / f"results_{TIME}.json")
    acc = the(out.readings, "colors", "acc,none")
    assert (acc.value, acc.stderr, acc.n, acc.model) == (2 / 3, 1 / 3, 3, "toy/m1-step500")
    assert (acc.params, acc.harness, acc.remarks) == (41216, "lm_eval 0.4.13", ())
    assert acc.date == datetime(2026, 1, 1, tzinfo=UTC)
    assert (acc.metric.kind, acc.metric.direction) == ("thresholded", "higher")
    assert (acc.metric.lower, acc.metric.upper) == (0, 1)
    assert (acc.family, acc.run, acc.step) == (None, None, None)
    brier = the(out.readings, "colors", "brier_score,none")
    assert (brier.metric.kind, brier.metric.direction, brier.metric.upper) == ("continuous", "lower", 2)
    assert brier.stderr is None
    assert the(out.readings, "repeat", "perplexity,none").metric.lower == 1
    assert the(out.readings, "sums", "exact_match,flexible-extract").value == 1
    assert the(out.readings, "sums", "exact_match,strict-match").value == 0.5


def test_groups_are_left_out_with_a_note():
    out = read(DATA / "lm_eval_0_4_13" / f"results_{TIME}.json")
    assert {r.task for r in out.readings} == {"colors", "repeat", "prose", "sums"}
    assert "everything" in out.notes[0]


@pytest.mark.parametrize("sign", ["groups", "group_subtasks", "sample_count"])
def test_any_one_sign_of_a_group_is_enough(sign: str, tmp_path: Path):
    def change(body: dict[str, Any]) -> None:
        for table in {"groups", "group_subtasks"} - {sign}:
            body.pop(table)
        if sign != "sample_count":
            body["results"]["everything"].pop("sample_count")

    assert "everything" not in {r.task for r in read(changed(tmp_path, change)).readings}


def test_0_3_results_keep_the_revision_in_the_model():
    out = read(DATA / "lm_eval_0_3" / "70m_step1000.json")
    ppl = the(out.readings, "lambada_openai", "ppl")
    assert (ppl.model, ppl.value, ppl.stderr, ppl.harness) == ("toy/pythia-70m@step1000", 130.9, 5.9, "lm_eval 0.3")
    assert (ppl.metric.direction, ppl.metric.kind) == ("lower", "continuous")
    assert (ppl.n, ppl.step, ppl.params) == (None, None, None)


def test_0_3_with_a_neox_configuration_names_the_weights_it_loaded(tmp_path: Path):
    neox = {"load": "/ckpts/19M", "iteration": 103000, "save": "/x"}
    path = changed(tmp_path, lambda b: b["config"].update(model_args=neox), "lm_eval_0_3/70m_step1000.json")
    assert read(path).readings[0].model == "/ckpts/19M@step103000"


def test_0_4_revision_is_part_of_the_model(tmp_path: Path):
    path = changed(tmp_path, lambda b: b["config"]["model_args"].update(revision="step1000"))
    assert read(path).readings[0].model == "toy/m1-step500@step1000"


def test_without_a_model_name_the_arguments_name_it(tmp_path: Path):
    path = changed(tmp_path, lambda b: b.pop("model_name"))
    assert read(path).readings[0].model == "toy/m1-step500"


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        (lambda b: b["config"].update(limit=2.0), True),
        (lambda b: b["versions"].update(colors=2.0), True),
        (lambda b: b["n-shot"].update(colors=5), True),
        (lambda b: b["n-samples"].update(colors={"original": 9, "effective": 3}), True),
        (lambda b: b.update(chat_template_sha="ab"), True),
        (lambda b: b.update(system_instruction_sha="ab"), True),
        (lambda b: b.update(fewshot_as_multiturn=True), True),
        (lambda b: b["task_hashes"].update(colors="f" * 64), True),
        (lambda b: b.update(lm_eval_version="0.5.0"), True),
        (lambda b: b.update(lm_eval_version="0.4.11"), False),
        (lambda b: b.update(date=1.0, model_name="other"), False),
        (lambda b: b["n-shot"].update(repeat=5), False),
    ],
)
def test_conditions_differ_exactly_when_the_test_differed(change: Change, differs: bool, tmp_path: Path):
    plain = the(read(changed(tmp_path, lambda _: None)).readings, "colors", "acc,none")
    other = the(read(changed(tmp_path, change)).readings, "colors", "acc,none")
    assert (plain.conditions != other.conditions) is differs


def test_samples_and_results_have_the_same_conditions():
    folder = DATA / "lm_eval_0_4_13"
    results = the(read(folder / f"results_{TIME}.json").readings, "colors", "acc,none")
    assert {r.conditions for r in read(folder / f"samples_colors_{TIME}.jsonl").readings} == {results.conditions}


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b["config"].update(limit=3.0),
        lambda b: [b["n-samples"].update({t: {"original": 100, "effective": 3}}) for t in b["n-samples"]],
    ],
)
def test_a_part_of_the_documents_is_remarked(change: Change, tmp_path: Path):
    assert {r.remarks for r in read(changed(tmp_path, change)).readings} == {("limit",)}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (
            lambda b: b["results"]["colors"].update({"acc,none": 1.37}),
            r"results\.colors\.acc,none: 1\.37 is outside 0\.\.1$",
        ),
        (lambda b: b["results"]["colors"].update({"acc,none": -0.1}), r"results\.colors\.acc,none: -0\.1 is outside"),
        (lambda b: b["results"]["colors"].update({"brier_score,none": 5}), r"brier_score,none: 5 is outside 0\.\.2"),
        (lambda b: b["results"]["repeat"].update({"perplexity,none": 0.5}), r"perplexity,none: 0\.5 is outside 1\.\."),
        (lambda b: b["results"]["colors"].update({"acc_stderr,none": -0.2}), r"acc_stderr,none: -0\.2 is negative"),
        (lambda b: b["results"]["colors"].update({"acc,none": True}), r"acc,none: true or false where a number"),
        (lambda b: b["results"]["colors"].update({"acc,none": "0.5"}), r"acc,none: text .* where a number"),
        (lambda b: b["results"]["colors"].update({"acc,none": [0.5]}), r"acc,none: a list where a number"),
        (lambda b: b["results"]["colors"].update({"acc,none": float("nan")}), r"results\.colors\.acc,none: NaN"),
        (lambda b: b["results"]["colors"].update({"acc,none": float("-inf")}), r"results\.colors\.acc,none: -Infinity"),
        (lambda b: b["config"].update(seed=[1, float("inf")]), r"config\.seed\.1: Infinity"),
        (lambda b: b["config"].update(model_num_parameters=-5), r"config\.model_num_parameters: -5 is not positive"),
        (lambda b: b["config"].update(limit="all"), r"config\.limit: text"),
        (lambda b: b.update(date="yesterday"), r"date: text"),
        (lambda b: b.update(date=1e300), r"date: 1e\+300 is no time"),
        (lambda b: b.update(results=[1, 2]), r"results: a list where an object"),
        (lambda b: b["results"].update(colors=3), r"results\.colors: a number where an object"),
        (lambda b: b["n-samples"]["colors"].update(effective=4000), r"n-samples\.colors\.effective: 4000 documents"),
        (lambda b: b["n-samples"]["colors"].update(effective=0), r"n-samples\.colors\.effective: 0 is not a whole"),
        (lambda b: (b.pop("model_name"), b["config"].update(model_args={})), r"model_name: the log does not say"),
        (lambda b: b["results"].update({"": {"acc,none": 0.5}}), r"task"),
        (lambda b: b["results"].update({"x" * 501: {"acc,none": 0.5}}), r"at most 500"),
        (lambda b: b["results"]["colors"].update({"y" * 501: 0.5}), r"at most 500"),
        (lambda b: b["results"].update({"\x1b[31mred": {"acc,none": 0.5}}), r"results: the name '.x1b\[31mred' holds"),
        (lambda b: b["results"].update({"a\ud800": {"acc,none": 0.5}}), r"results: the name 'a.ud800' holds"),
        (lambda b: b["results"]["colors"].update({"a\nb,none": 0.5}), r"results\.colors: the name 'a.nb,none' holds"),
        (lambda b: b.update(model_name="a\u202eb"), r"model_name: the name 'a.u202eb' holds"),
    ],
)
def test_what_is_refused_names_file_and_field(change: Change, field: str, tmp_path: Path):
    path = changed(tmp_path, change)
    with pytest.raises(UnreadableFile, match=field) as caught:
        read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"acc": 0.38', '"acc": 1e999', r"results\.arc_easy\.acc: 1e999 is not a finite"),
        ('"acc": 0.38', '"acc": 0.38, "acc": 0.99', "acc: this key occurs twice"),
        ('"acc": 0.38', '"acc": ' + "9" * 5000, "thousands of digits"),
        ('"acc": 0.38', '"acc": ' + "9" * 400, "too large"),
        ('"ppl": 130.9', '"ppl": ' + "[" * 100_000 + "]" * 100_000, "nested deeper"),
        ('"acc": 0.38', '"acc": 0,38', "not JSON"),
    ],
)
def test_json_no_parser_should_swallow(old: str, new: str, why: str, tmp_path: Path):
    text = (DATA / "lm_eval_0_3" / "70m_step1000.json").read_text("utf-8")
    path = tmp_path / "x.json"
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(UnreadableFile, match=why):
        read(path)


def test_absent_values_are_noted_and_not_made_up(tmp_path: Path):
    def change(body: dict[str, Any]) -> None:
        body["results"]["colors"].update({"acc,none": "N/A", "brier_score,none": None})
        body["results"]["sums"] = {"alias": "sums", "bypass,strict-match": 999, "bypass_stderr,strict-match": "N/A"}

    out = read(changed(tmp_path, change))
    assert {r.task for r in out.readings} == {"repeat", "prose"}
    assert sum("no value" in note for note in out.notes) == 3


def test_an_unknown_parameter_count_is_none(tmp_path: Path):
    path = changed(tmp_path, lambda b: b["config"].update(model_num_parameters=-1))
    assert read(path).readings[0].params is None


def test_an_unknown_metric_gets_no_range_and_a_note_on_its_direction(tmp_path: Path):
    out = read(changed(tmp_path, lambda b: b["results"]["sums"].update({"elegance,none": 73.5})))
    metric = the(out.readings, "sums", "elegance,none").metric
    assert (metric.lower, metric.upper, metric.kind, metric.direction) == (None, None, "thresholded", "higher")
    assert any("elegance" in note and "direction" in note for note in out.notes)


def test_the_log_knows_the_direction_best(tmp_path: Path):
    path = changed(
        tmp_path,
        lambda b: (
            b["higher_is_better"]["sums"].update(elegance=False) or b["results"]["sums"].update({"elegance,none": 73.5})
        ),
    )
    out = read(path)
    assert the(out.readings, "sums", "elegance,none").metric.direction == "lower"
    assert not any("elegance" in note for note in out.notes)


def test_chance_is_known_only_where_the_configuration_lists_the_choices(tmp_path: Path):
    plain = read(changed(tmp_path, lambda _: None))
    listed = read(changed(tmp_path, lambda b: b["configs"]["colors"].update(doc_to_choice=["A", "B", "C", "D"])))
    assert the(plain.readings, "colors", "acc,none").metric.chance is None
    assert the(listed.readings, "colors", "acc,none").metric.chance == 0.25
    assert the(listed.readings, "colors", "brier_score,none").metric.chance is None


def test_percent_scaled_f1_of_squad_is_not_refused():
    assert metric_of("f1,none", "squadv2", True)[0].upper == 100
    assert metric_of("f1,none", "coqa", True)[0].upper == 1


def test_key_order_does_not_matter(tmp_path: Path):
    source = DATA / "lm_eval_0_4_13" / f"results_{TIME}.json"
    path = tmp_path / "upload"
    path.write_text(json.dumps(json.loads(source.read_text("utf-8")), sort_keys=True), "utf-8")
    by_name = {(r.task, r.metric.name): r for r in read(path).readings}
    assert by_name == {(r.task, r.metric.name): r for r in read(source).readings}


def test_the_readers_leave_the_files_alone(tmp_path: Path):
    shutil.copytree(DATA / "lm_eval_0_4_13", tmp_path / "run")
    before = {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir()}
    for path in sorted((tmp_path / "run").iterdir()):
        read(path)
    assert {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir()} == before


@pytest.mark.parametrize(
    ("file", "digest"),
    [
        ("lm_eval_0_3/70m_step1000.json", "f3dff70f645cc39c"),
        ("lm_eval_0_4_2/results.json", "661c724e817cef0a"),
        (f"lm_eval_0_4_13/results_{TIME}.json", "9aee1e20b61e04f0"),
    ],
)
def test_conditions_are_what_stored_results_have(file: str, digest: str):
    """Another digest for the same conditions would split every ladder that is already in a store."""
    assert read(DATA / file).readings[0].conditions.startswith(digest)
