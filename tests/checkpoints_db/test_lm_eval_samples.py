"""Per-sample logs: continuous metrics worked out on paper, and rows that do not add up."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from checkpoints_db.errors import IncompleteResult, UnreadableFile
from checkpoints_db.readers import Readout, read

DATA = Path(__file__).parents[1] / "data" / "readers"
TIME = "2026-01-01T00-00-00.000000"
# Each right choice over its best rival, each divided by its characters: red/blue, blé/wheat, sea/fire.
PLAIN_MARGINS = (
    math.log(0.5) / 3 - math.log(0.25) / 4,
    math.log(0.1) / 3 - math.log(0.3) / 5,
    math.log(0.4) / 3 - math.log(0.2) / 4,
)
Rows = list[dict[str, Any]]
NEW, OLD = "lm_eval_0_4_13", "lm_eval_0_4_2"
PLAIN = DATA / NEW / f"samples_colors_{TIME}.jsonl"
OLD_SAMPLES = "pretrained__toy__m1-step500,dtype__float32_colors.jsonl"


def run_folder(tmp_path: Path, source: str = NEW) -> Path:
    shutil.copytree(DATA / source, tmp_path / "run")
    return tmp_path / "run"


def changed(tmp_path: Path, change: Callable[[Rows], object], task: str = "colors") -> Path:
    path = run_folder(tmp_path) / f"samples_{task}_{TIME}.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    change(rows)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def configured(path: Path, task: str = "colors", **keys: Any) -> Path:
    results = path.parent / f"results_{TIME}.json"
    body = json.loads(results.read_text("utf-8"))
    body["configs"][task].update(keys)
    results.write_text(json.dumps(body), "utf-8")
    return path


def values(out: Readout) -> dict[str, float]:
    return {reading.metric.name: reading.value for reading in out.readings}


@pytest.mark.parametrize("path", [PLAIN, DATA / OLD / OLD_SAMPLES], ids=[NEW, OLD])
def test_multiple_choice_worked_out_on_paper(path: Path):
    """p = (.5, .25) right 1st; (.1, .3) right 1st; (.2, .2, .4) right 3rd; answers of 3, 4 (blé) and 3 bytes."""
    out = read(path)
    assert values(out) == pytest.approx(
        {
            "log_likelihood": math.log(0.5 * 0.1 * 0.4) / 3,
            "log_likelihood_per_byte": math.log(0.5 * 0.1 * 0.4) / 10,
            "prob_answer": 1 / 3,
            "prob_choice": 17 / 36,
            "brier": (2 / 9 + 9 / 8 + 3 / 8) / 3,
            "log_prob_choice": math.log(2 / 3 * 1 / 4 * 1 / 2) / 3,
            "margin": (PLAIN_MARGINS[0] + PLAIN_MARGINS[1] + PLAIN_MARGINS[2]) / 3,
            # Choices made with 2/3 (right), 3/4 (wrong) and 1/2 (right), each in a bin of its own.
            "expected_calibration_error": (1 / 3 + 3 / 4 + 1 / 2) / 3,
            "log_likelihood_per_character": math.log(0.5 * 0.1 * 0.4) / 9,
            "bits_per_byte": -math.log2(0.5 * 0.1 * 0.4) / 10,
        },
        abs=1e-12,
    )
    by_name = {reading.metric.name: reading for reading in out.readings}
    assert {reading.n for reading in out.readings} == {3}
    thresholded = {name for name, reading in by_name.items() if reading.metric.kind == "thresholded"}
    assert thresholded == {"prob_answer", "expected_calibration_error"}, "products and right-or-wrong jump"
    assert by_name["prob_choice"].metric.chance == pytest.approx(4 / 9)
    assert by_name["prob_answer"].metric.chance is None
    assert by_name["prob_answer"].stderr == pytest.approx(math.sqrt((1 / 36 + 49 / 900 + 1 / 225) / 2 / 3))
    assert by_name["brier"].metric.direction == "lower"
    assert by_name["log_likelihood"].model == "toy/m1-step500"


def test_loglikelihood_worked_out_on_paper():
    """p = .5 for naïve (6 bytes), .25 for so (2 bytes)."""
    out = read(DATA / NEW / f"samples_repeat_{TIME}.jsonl")
    per_byte = math.log(0.5 * 0.25) / 8
    assert values(out) == pytest.approx(
        {
            "log_likelihood": math.log(0.125) / 2,
            "log_likelihood_per_byte": per_byte,
            "log_likelihood_per_character": math.log(0.5 * 0.25) / 7,
            "bits_per_byte": 3 / 8,
            "prob_answer": 0.375,
        }
    )
    residuals = [math.log(0.5) - 6 * per_byte, math.log(0.25) - 2 * per_byte]
    stderr = math.sqrt(2 * sum(r * r for r in residuals)) / 8
    assert out.readings[1].stderr == pytest.approx(stderr)


def test_rolling_gives_nats_per_byte():
    assert values(read(DATA / NEW / f"samples_prose_{TIME}.jsonl")) == {
        "log_likelihood": -1.5,
        "log_likelihood_per_byte": -0.25,
        "log_likelihood_per_character": -0.25,
        "bits_per_byte": pytest.approx(0.25 / math.log(2)),
    }


def test_samples_wait_for_their_results_file(tmp_path: Path):
    path = run_folder(tmp_path) / f"samples_colors_{TIME}.jsonl"
    (path.parent / f"results_{TIME}.json").rename(path.parent / "results_2026-01-01T00-00-01.000000.json")
    with pytest.raises(IncompleteResult, match=f"results_{TIME}.json beside it names the model"):
        read(path)
    (path.parent / "results_2026-01-01T00-00-01.000000.json").rename(path.parent / f"results_{TIME}.json")
    assert len(read(path).readings) == 10


def test_the_results_file_may_have_another_stem(tmp_path: Path):
    path = run_folder(tmp_path) / f"samples_colors_{TIME}.jsonl"
    (path.parent / f"results_{TIME}.json").rename(path.parent / f"night-run_{TIME}.json")
    assert len(read(path).readings) == 10
    shutil.copy(path.parent / f"night-run_{TIME}.json", path.parent / f"day-run_{TIME}.json")
    with pytest.raises(UnreadableFile, match="2 results files share its time"):
        read(path)


def test_a_task_the_results_file_does_not_have(tmp_path: Path):
    folder = run_folder(tmp_path)
    path = folder / f"samples_colours_{TIME}.jsonl"
    (folder / f"samples_colors_{TIME}.jsonl").rename(path)
    with pytest.raises(UnreadableFile, match="has no task 'colours'"):
        read(path)


def test_old_samples_wait_for_results_json(tmp_path: Path):
    path = run_folder(tmp_path, OLD) / OLD_SAMPLES
    (path.parent / "results.json").unlink()
    with pytest.raises(IncompleteResult, match=r"results\.json beside it names the model"):
        read(path)


def test_old_results_of_another_run_are_not_taken(tmp_path: Path):
    path = run_folder(tmp_path, OLD) / OLD_SAMPLES
    results = path.parent / "results.json"
    results.write_text(results.read_text("utf-8").replace("m1-step500", "m2-step500"), "utf-8")
    with pytest.raises(UnreadableFile, match="overwrites"):
        read(path)


def test_missing_rows_are_incomplete_and_extra_rows_unreadable(tmp_path: Path):
    with pytest.raises(IncompleteResult, match="2 of 3 documents"):
        read(changed(tmp_path, lambda rows: rows.pop()))
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(UnreadableFile, match="4 documents where the results file says 3"):
        read(changed(tmp_path, lambda rows: rows.append({**rows[0], "doc_id": 7})))


def test_every_filter_is_counted(tmp_path: Path):
    with pytest.raises(IncompleteResult, match="1 of 2 documents under filter 'strict-match'"):
        read(changed(tmp_path, lambda rows: rows.pop(0), "sums"))
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(IncompleteResult, match="no rows under filter 'flexible-extract'"):
        read(changed(tmp_path, lambda rows: rows.__delitem__(slice(2, 4)), "sums"))


def test_repeated_rows_count_once(tmp_path: Path):
    out = read(changed(tmp_path, lambda rows: rows.extend(rows[:2])))
    assert values(out) == values(read(PLAIN))
    assert "2 repeated rows" in out.notes[0]


def test_rows_in_another_order_give_the_same(tmp_path: Path):
    out = read(changed(tmp_path, lambda rows: rows.reverse()))
    assert out.readings == read(PLAIN).readings


def ll(rows: Rows, row: int, choice: int, value: str) -> None:
    rows[row]["filtered_resps"][choice][0] = value


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda r: ll(r, 1, 0, "nan"), r"line 2, filtered_resps\[0\]: log-likelihood nan"),
        (lambda r: ll(r, 1, 0, "-inf"), r"line 2, filtered_resps\[0\]: log-likelihood -inf"),
        (lambda r: ll(r, 1, 0, "-1e400"), r"line 2, filtered_resps\[0\]: log-likelihood -1e400"),
        (lambda r: ll(r, 2, 1, "3.5"), r"line 3, filtered_resps\[1\]: log-likelihood 3\.5 .* at most 0"),
        (lambda r: ll(r, 2, 1, "x"), r"line 3, filtered_resps\[1\]: 'x' is not a log-likelihood"),
        (lambda r: r[0].update(acc=0.0), r"line 1: acc is 0, recomputed from the log-likelihoods it is 1"),
        (lambda r: r[1].update(target="1"), r"line 2: acc is 0, recomputed .* 1"),
        (lambda r: r[0].update(acc="yes"), r"line 1, acc: text"),
        (lambda r: r[0].update(target="2"), r"line 1, target: 2 where there are 2 choices"),
        (lambda r: r[0]["filtered_resps"].pop(), r"line 1, filtered_resps: 1 answers to 2 requests"),
        (lambda r: r[0].pop("filtered_resps"), r"line 1, filtered_resps: no list"),
        (lambda r: r[0].pop("arguments"), r"line 1, arguments: missing"),
        (lambda r: r[0]["arguments"]["gen_args_0"].update(arg_1=3), r"line 1, arguments\[0\]: not a pair of texts"),
        (lambda r: ll(r, 1, 0, "-1e308"), r"line 2, filtered_resps\[0\]: log-likelihood -1e308"),
        (lambda r: r[0].update(doc_id="a"), r"line 1, doc_id: text"),
        (lambda r: r[0].update(doc_id=-1), r"line 1, doc_id: -1 is not a whole number"),
        (lambda r: r.append({**r[0], "target": "1"}), r"line 4: document 0 was already answered otherwise on line 1"),
        (lambda r: r[0]["arguments"]["gen_args_0"].update(arg_1=" \ud800"), r"line 1, arguments: half of a surrogate"),
    ],
)
def test_rows_that_do_not_add_up_are_named(change: Callable[[Rows], object], why: str, tmp_path: Path):
    with pytest.raises(UnreadableFile, match=why):
        read(changed(tmp_path, change))


def test_greedy_must_agree_with_acc(tmp_path: Path):
    with pytest.raises(UnreadableFile, match="line 1: acc is 0, but is_greedy is True"):
        read(changed(tmp_path, lambda rows: rows[0].update(acc=0), "repeat"))


def test_a_broken_line_in_the_middle_is_no_unfinished_file(tmp_path: Path):
    path = run_folder(tmp_path) / f"samples_colors_{TIME}.jsonl"
    lines = path.read_text("utf-8").split("\n")
    lines[1] = lines[1][:80]
    path.write_text("\n".join(lines), "utf-8")
    with pytest.raises(UnreadableFile, match="line 2: not JSON"):
        read(path)


def test_blank_lines_crlf_and_line_separators_inside_strings(tmp_path: Path):
    path = run_folder(tmp_path) / f"samples_colors_{TIME}.jsonl"
    text = path.read_text("utf-8").replace("Question 0:", "Question\u2028 0:")
    path.write_bytes(text.replace("\n", "\r\n\r\n").encode("utf-8"))
    assert len(read(path).readings) == 10


def test_a_text_target_is_the_choice_of_that_name(tmp_path: Path):
    def change(rows: Rows) -> None:
        for row, target in zip(rows, ("red", "blé", "sea"), strict=True):
            row["target"] = target

    assert values(read(changed(tmp_path, change))) == values(read(PLAIN))


def test_several_right_answers_add_up(tmp_path: Path):
    out = read(changed(tmp_path, lambda rows: rows[2].update(target="[1, 2]")))
    whole = {"log_likelihood", "prob_answer", "prob_choice"}
    assert set(values(out)) == {*whole, "log_prob_choice", "margin", "expected_calibration_error"}
    assert values(out)["prob_answer"] == pytest.approx((0.5 + 0.1 + 0.6) / 3)
    assert values(out)["prob_choice"] == pytest.approx((2 / 3 + 1 / 4 + 3 / 4) / 3)
    assert any("several right answers" in note for note in out.notes)


def test_a_document_without_a_right_answer_is_left_out(tmp_path: Path):
    out = read(changed(tmp_path, lambda rows: rows[1].update(target="-100")))
    assert values(out)["prob_answer"] == pytest.approx((0.5 + 0.4) / 2)
    assert out.readings[0].n == 2
    assert any("1 documents have no right answer" in note for note in out.notes)


def winogrande(rows: Rows) -> None:
    """Two contexts before one continuation; the target is the continuation."""
    rows.pop()
    rows.append({**rows[0], "doc_id": 2})
    for row in rows:
        row["target"] = "is late."
        for i in (0, 1):
            row["arguments"][f"gen_args_{i}"] = {"arg_0": f"Person {i}", "arg_1": " is late."}


def test_several_contexts_name_the_answer_in_a_field_of_the_document(tmp_path: Path):
    path = configured(changed(tmp_path, winogrande), doc_to_text="label")
    assert values(read(path))["prob_answer"] == pytest.approx((0.5 + 0.1 + 0.5) / 3)


def test_of_two_contexts_acc_gives_the_answer_away(tmp_path: Path):
    path = configured(changed(tmp_path, winogrande), doc_to_text="def doc_to_text(doc): ...")
    assert values(read(path))["prob_answer"] == pytest.approx((0.5 + 0.1 + 0.5) / 3)


def test_when_the_right_answer_stays_unknown_nothing_is_derived(tmp_path: Path):
    """Keeping only the documents the model got right would flatter it."""

    def change(rows: Rows) -> None:
        for row in rows:
            row["target"] = "a text that is no choice"
        rows[2]["acc"] = 0.0

    out = read(changed(tmp_path, change))
    assert out.readings == ()
    assert "right answer of 2 documents" in out.notes[0]


@pytest.mark.parametrize("target", ["maroon", "²", "--5", "[", "", "9" * 30])
def test_a_target_that_is_no_choice_is_not_taken_for_the_other_one(target: str, tmp_path: Path):
    """The harness gives such a document acc 0 whatever the model says."""
    out = read(changed(tmp_path, lambda rows: rows[0].update(target=target, acc=0.0)))
    assert out.readings == ()


def test_unconditional_requests_of_mutual_information_are_set_aside(tmp_path: Path):
    def change(rows: Rows) -> None:
        for row in rows:
            k = len(row["filtered_resps"])
            for i in range(k):
                asked = row["arguments"][f"gen_args_{i}"]
                row["arguments"][f"gen_args_{k + i}"] = {"arg_0": "", "arg_1": asked["arg_1"]}
            row["filtered_resps"] += [["-0.01", "False"]] * k
            row["acc_mutual_info"] = 0.0

    assert values(read(changed(tmp_path, change))) == values(read(PLAIN))


def test_a_task_with_its_own_acc_is_not_trusted_and_not_refused(tmp_path: Path):
    path = changed(tmp_path, lambda rows: rows[0].update(acc=0.73))
    with pytest.raises(UnreadableFile, match=r"acc is 0\.73"):
        read(path)
    out = read(configured(path, process_results="def process_results(doc, results): ..."))
    assert out.readings == ()
    assert "computes its own acc" in out.notes[0]


def test_a_choice_of_no_characters_has_no_margin(tmp_path: Path):
    out = read(changed(tmp_path, lambda rows: rows[0]["arguments"]["gen_args_1"].update(arg_1="")))
    assert "margin" not in values(out)
    assert any("no margin" in note for note in out.notes)


def test_both_files_of_a_run_carry_the_same_terms():
    """Terms tell in words what the digest of the conditions only compares."""
    samples, results = read(PLAIN), read(PLAIN.parent / f"results_{TIME}.json")
    terms = samples.readings[0].terms
    assert {reading.task: reading.terms for reading in results.readings}["colors"] == terms
    assert (terms["task"], terms["n_shot"], terms["samples_effective"], terms["limit"]) == ("colors", 0, 3, None)
    assert terms["harness"] == "0.4"


def test_terms_differ_exactly_where_conditions_do(tmp_path: Path):
    path = run_folder(tmp_path) / f"results_{TIME}.json"
    before = read(path).readings[0]
    body = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**body, "chat_template_sha": "abc"}), "utf-8")
    after = read(path).readings[0]
    assert after.conditions != before.conditions
    assert {**before.terms, "chat_template": "abc"} == after.terms


@pytest.mark.parametrize("sha", [["a"], {"a": 1}, "a\u202eb", "x" * 501])
def test_a_term_that_is_no_plain_value_is_refused(sha: object, tmp_path: Path):
    path = run_folder(tmp_path) / f"results_{TIME}.json"
    body = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**body, "chat_template_sha": sha}), "utf-8")
    with pytest.raises(UnreadableFile, match="chat_template"):
        read(path)
