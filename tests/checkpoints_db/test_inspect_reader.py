"""Inspect logs: numbers worked out on paper, states that must not train, and logs that do not add up."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inspect_logs import as_eval, as_json, entries, log, score

from checkpoints_db.errors import EvidenceError, IncompleteResult, UnreadableFile
from checkpoints_db.readers import Readout, read
from checkpoints_db.readers.inspect_samples import pass_at
from checkpoints_db.records import Reading

Json = dict[str, Any]
Change = Callable[[Json], object]


def readout(folder: Path, change: Change = lambda body: None) -> Readout:
    body = log()
    change(body)
    return read(as_json(folder, body))


def named(out: Readout) -> dict[str, Reading]:
    return {reading.metric.name: reading for reading in out.readings}


def refusal(folder: Path, change: Change, kind: type[EvidenceError] = UnreadableFile) -> str:
    with pytest.raises(kind) as caught:
        readout(folder, change)
    return str(caught.value)


def set_in(*keys: Any, to: Any) -> Change:
    def change(body: Json) -> None:
        for key in keys[:-1]:
            body = body[key]
        body[keys[-1]] = to

    return change


MATCH = ("results", "scores", 0)


@pytest.mark.parametrize(
    ("metric", "value", "stderr"),
    [
        # 1, 1/2, 0, 1/2 over the epochs of four samples: sd sqrt(1/6), n 4 and not 8
        ("accuracy,match", 0.5, math.sqrt(1 / 6) / 2),
        ("pass@2,match", 0.75, 0.25),
        ("mean,soft.p_correct", 0.5, math.sqrt((0.16 + 0.01 + 0.16 + 0.01) / 3) / 2),
        ("log_likelihood,target_perplexity", -2.0, math.sqrt(2 / 3) / 2),
        # -8 nats in 16 tokens; residuals t - R b are 0, -1, -1, 2
        ("log_likelihood_per_token,target_perplexity", -0.5, math.sqrt(4 / 3 * 6) / 16),
        ("perplexity_per_token,target_perplexity", math.exp(0.5), math.exp(0.5) * math.sqrt(8) / 16),
        ("perplexity_per_seq,target_perplexity", math.exp(0.625), math.exp(0.625) * math.sqrt(0.3125 / 3) / 2),
    ],
)
def test_values_and_errors_of_paper(metric: str, value: float, stderr: float, tmp_path: Path):
    reading = named(readout(tmp_path))[metric]
    assert reading.value == pytest.approx(value, rel=1e-12)
    assert reading.stderr == pytest.approx(stderr, rel=1e-9)
    assert reading.n == 4


def test_both_containers_and_both_compressions_say_the_same(tmp_path: Path):
    plain = readout(tmp_path)
    assert len(plain.readings) == 7
    for method in (0, 8, 93):
        assert read(as_eval(tmp_path, entries(log(), method))) == plain


def test_who_when_and_how_large(tmp_path: Path):
    reading = readout(tmp_path).readings[0]
    assert (reading.task, reading.model, reading.harness) == ("sums", "toy/m1", "inspect_ai 0.3.285")
    assert (reading.params, reading.tokens, reading.step, reading.flop) == (1000, 2e6, 50, None)
    assert reading.date == datetime(2026, 1, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize("said", [True, "8k", None])
def test_a_scale_that_is_no_number_is_not_taken(said: object, tmp_path: Path):
    assert readout(tmp_path, set_in("eval", "metadata", "params", to=said)).readings[0].params is None


def test_a_local_model_is_its_path_and_its_revision(tmp_path: Path):
    def change(body: Json) -> None:
        body["eval"].update(model="hf/local", model_args={"model_path": "ckpt/m1", "revision": "step50"})

    assert readout(tmp_path, change).readings[0].model == "ckpt/m1@step50"


def test_kinds_and_directions(tmp_path: Path):
    def change(body: Json) -> None:
        body["results"]["scores"] += [score(name, {"mean": 0.5}) for name in ("f1", "distance", "charm")]

    out = readout(tmp_path, change)
    shapes = {
        name: (r.metric.kind, r.metric.direction, r.metric.lower, r.metric.upper) for name, r in named(out).items()
    }
    assert shapes["accuracy,match"] == ("thresholded", "higher", 0, 1)
    assert shapes["mean,f1"] == ("thresholded", "higher", 0, 1)
    assert shapes["mean,distance"] == ("continuous", "lower", None, None)
    assert shapes["mean,charm"] == ("thresholded", "higher", None, None)
    assert shapes["perplexity_per_token,target_perplexity"] == ("continuous", "lower", 1, None)
    said = [note.partition(":")[0] for note in out.notes if "which direction" in note]
    assert said == ["mean,soft.p_correct", "mean,distance", "mean,charm"]


@pytest.mark.parametrize(
    ("remark", "change"),
    [
        ("cancelled", set_in("status", to="cancelled")),
        ("errored", set_in("status", to="error")),
        ("invalidated", set_in("invalidated", to=True)),
        ("limit", set_in("eval", "config", "limit", to=4)),
        ("limit", set_in("eval", "config", "sample_id", to=["sum 1"])),
        ("incomplete", set_in("results", "total_samples", to=9)),
        ("incomplete", lambda body: body["samples"].pop()),
    ],
)
def test_what_must_not_train_is_kept_and_marked(remark: str, change: Change, tmp_path: Path):
    assert {reading.remarks for reading in readout(tmp_path).readings} == {()}
    out = readout(tmp_path, change)
    assert len(out.readings) == 7
    assert all(remark in reading.remarks for reading in out.readings)


def test_a_value_its_samples_contradict_is_marked(tmp_path: Path):
    out = readout(tmp_path, set_in(*MATCH, "metrics", "accuracy", "value", to=0.6))
    assert named(out)["accuracy,match"].remarks == ("contradicted",)
    assert named(out)["pass@2,match"].remarks == ()
    assert any("its samples give 0.5" in note for note in out.notes)


def test_a_running_log_is_waited_for(tmp_path: Path):
    with pytest.raises(IncompleteResult) as caught:
        readout(tmp_path, set_in("status", to="started"))
    assert caught.value.waits_for == "the end of the run"
    running = [entry for entry in entries(log()) if entry.name not in ("header.json", "summaries.json")]
    with pytest.raises(IncompleteResult, match=r"no header\.json beside 8 samples") as caught:
        read(as_eval(tmp_path, running))
    assert caught.value.waits_for == "the end of the run"


def test_unscored_is_left_out_and_told(tmp_path: Path):
    def change(body: Json) -> None:
        for sample in body["samples"]:
            if sample["id"] == "sum 2":
                sample["scores"]["match"]["value"] = math.nan
        body["results"]["scores"][0]["metrics"]["accuracy"]["value"] = 2 / 3
        body["results"]["scores"][1]["metrics"]["accuracy"]["value"] = 1.0

    out = readout(tmp_path, change)
    assert "match: 2 of 8 scores (25%) are NaN, left out" in out.notes
    assert named(out)["accuracy,match"].n == 3
    assert named(out)["accuracy,match"].stderr == pytest.approx(1 / 6)


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_a_metric_without_value_is_missing(value: object, tmp_path: Path):
    out = readout(tmp_path, set_in(*MATCH, "metrics", "accuracy", "value", to=value))
    assert "accuracy,match" not in named(out)
    assert any("accuracy,match: the log has no value" in note for note in out.notes)


def test_without_samples_the_stated_error_stands(tmp_path: Path):
    def change(body: Json) -> None:
        body["samples"] = []
        body["results"]["scores"][0]["metrics"]["stderr"]["value"] = 0.3

    reading = named(readout(tmp_path, change))["accuracy,match"]
    assert (reading.stderr, reading.n, reading.remarks) == (0.3, 4, ())


def test_one_sample_has_no_standard_error(tmp_path: Path):
    def change(body: Json) -> None:
        body["samples"] = []
        body["results"]["scores"][0].update(scored_samples=1)

    assert named(readout(tmp_path, change))["accuracy,match"].stderr is None


def test_a_clustered_error_is_not_made_smaller(tmp_path: Path):
    def change(body: Json) -> None:
        body["results"]["scores"][0]["metrics"]["stderr"].update(value=0.4, params={"cluster": "topic"})

    assert named(readout(tmp_path, change))["accuracy,match"].stderr == 0.4


def test_a_group_has_the_error_and_n_of_its_own_samples(tmp_path: Path):
    def change(body: Json) -> None:
        params = {"group_key": "topic", "metric": {"name": "accuracy"}}
        carry = {"name": "carry", "group": "grouped", "value": 0.75, "params": params}
        body["results"]["scores"][0]["metrics"]["carry"] = carry

    reading = named(readout(tmp_path, change))["carry,match"]
    assert (reading.value, reading.stderr, reading.n) == (0.75, pytest.approx(0.25), 2)
    assert reading.metric.upper == 1


def test_pass_at_k_is_given_for_every_k_the_log_does_not_state(tmp_path: Path):
    def change(body: Json) -> None:
        del body["results"]["scores"][1]
        for number in range(4):
            third = {"id": f"sum {number}", "epoch": 3, "scores": {"match": {"value": "I"}}}
            body["samples"].append(third)
        body["results"]["scores"][0]["metrics"]["accuracy"]["value"] = 1 / 3

    out = named(readout(tmp_path, change))
    assert "pass@1,match" not in out  # it is the accuracy
    assert out["pass@2,match"].value == pytest.approx((1 + 2 / 3 + 0 + 2 / 3) / 4)
    assert out["pass@3,match"].value == pytest.approx(0.75)


def test_pass_at_k_agrees_with_binomials():
    for n in range(1, 12):
        for c in range(n + 1):
            for k in range(1, n + 1):
                exact = 1 - math.comb(n - c, k) / math.comb(n, k)
                assert pass_at(k, [1.0] * c + [0.0] * (n - c)) == pytest.approx(exact, abs=1e-12)


def test_partial_credit_has_no_pass_at_k(tmp_path: Path):
    out = readout(tmp_path, lambda body: body["samples"][0]["scores"]["match"].update(value=0.3))
    assert not [name for name in named(out) if name.startswith("pass@1")]


def test_a_target_likelihood_that_one_sample_lacks_is_not_averaged(tmp_path: Path):
    out = readout(tmp_path, lambda body: body["samples"][0]["scores"]["target_perplexity"].pop("metadata"))
    assert not [name for name in named(out) if name.startswith("log_likelihood")]


@pytest.mark.parametrize(
    "change",
    [
        set_in("eval", "task_version", to=2),
        set_in("eval", "task_args", to={"shots": 5}),
        set_in("eval", "dataset", "sample_ids", to=["sum 0"]),
        set_in("eval", "dataset", "samples", to=5),
        set_in("eval", "model_generate_config", "temperature", to=0.7),
        set_in("plan", "config", "max_tokens", to=16),
        set_in("plan", "steps", to=[{"solver": "chain_of_thought", "params": {}}]),
        set_in(*MATCH, "params", to={"numeric": True}),
        set_in("eval", "config", "epochs", to=4),
        set_in("eval", "config", "limit", to=2),
        set_in("eval", "packages", "inspect_ai", to="0.4.1"),
    ],
)
def test_other_conditions_have_another_digest(change: Change, tmp_path: Path):
    assert readout(tmp_path, change).readings[0].conditions != readout(tmp_path).readings[0].conditions


@pytest.mark.parametrize(
    "change",
    [
        set_in("eval", "model", to="toy/m2"),
        set_in("eval", "metadata", "params", to=9),
        set_in("eval", "created", to="2026-02-01T00:00:00Z"),
        set_in("eval", "eval_id", to="other"),
        set_in("eval", "dataset", "location", to="/elsewhere"),
        set_in("eval", "dataset", "sample_ids", to=[f"sum {n}" for n in (3, 1, 0, 2)]),
        set_in("plan", "config", "max_retries", to=3),
        set_in("eval", "packages", "inspect_ai", to="0.3.300"),
    ],
)
def test_what_does_not_matter_leaves_the_digest(change: Change, tmp_path: Path):
    assert readout(tmp_path, change).readings[0].conditions == readout(tmp_path).readings[0].conditions


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (set_in("version", to=99), "version: 99 is newer than 2"),
        (set_in("version", to="2"), "version: text"),
        (set_in("status", to="paused"), "status: 'paused' is none of"),
        (set_in("status", to=[]), "status:"),
        (set_in("eval", "task", to=""), "eval.task:"),
        (set_in("eval", "task", to="a\u202eb"), "eval.task: the name"),
        (set_in("eval", "model", to=None), "eval.model:"),
        (set_in("eval", "created", to="yesterday"), "eval.created:"),
        (set_in("eval", "created", to=7), "eval.created:"),
        (set_in("eval", "metadata", "params", to=-1), "eval.metadata.params: -1"),
        (set_in("eval", "metadata", "step", to=1.5), "eval.metadata.step"),
        (set_in("eval", "dataset", "sample_ids", to=[[1]]), "sample_ids"),
        (set_in("eval", "task_args", to={"x": math.nan}), "task_args"),
        (set_in("results", "scores", to={}), "results.scores: not a list"),
        (set_in("results", "completed_samples", to="8"), "results.completed_samples: text"),
        (set_in(*MATCH, "name", to=3), r"results.scores[0].name"),
        (set_in(*MATCH, "metrics", "accuracy", "value", to="0.9"), "metrics.accuracy.value: text"),
        (set_in(*MATCH, "metrics", "accuracy", "value", to=1.2), "1.2 is outside 0..1"),
        (set_in(*MATCH, "metrics", "accuracy", to=1), "metrics.accuracy: a number"),
        (set_in(*MATCH, "metrics", "a\x1b[2J", to=score("a", {"a": 1.0})["metrics"]["a"]), "cannot be shown"),
        (set_in("results", "scores", 1, "reducer", to="mean"), "accuracy,match is already in"),
        (set_in("samples", to={}), "samples: not a list"),
        (set_in("samples", 1, to=7), "samples[1]: a number"),
        (set_in("samples", 1, "id", to=None), "samples[1].id"),
        (set_in("samples", 1, "epoch", to=0), "samples[1].epoch"),
        (set_in("samples", 1, "scores", to=[1]), "samples[1].scores: a list"),
        (set_in("samples", 1, "id", to="sum 0"), "epoch 1 occurs twice"),
        (
            lambda body: body["samples"][0]["scores"]["target_perplexity"]["metadata"].update(sum_log_probs=1.0),
            "1 is no",
        ),
        (lambda body: body["samples"][0]["scores"]["target_perplexity"]["metadata"].update(num_tokens=1e13), "1e+13"),
        (
            lambda body: body["results"].update(scores=[score(f"s{n}", {"a": 1.0}) for n in range(2501)]),
            "limit of 5000",
        ),
    ],
)
def test_a_log_that_does_not_add_up_is_refused_by_field(change: Change, says: str, tmp_path: Path):
    assert says in refusal(tmp_path, change)


def test_enormous_scores_do_not_overflow(tmp_path: Path):
    def change(body: Json) -> None:
        for sample in body["samples"]:
            sample["scores"]["match"]["value"] = 1.7e308

    assert named(readout(tmp_path, change))["accuracy,match"].stderr == pytest.approx(0.204124, rel=1e-5)


def test_a_log_without_scores_says_so(tmp_path: Path):
    def change(body: Json) -> None:
        body["status"], body["results"] = "error", None

    out = readout(tmp_path, change)
    assert out.readings == ()
    assert any("ended with status error" in note for note in out.notes)


def test_the_shape_before_scores_was_a_list(tmp_path: Path):
    def change(body: Json) -> None:
        first = body["results"]["scores"][0]
        body["results"] = {"scorer": {"name": "match", "params": {}}, "metrics": first["metrics"]}

    assert "accuracy,match" in named(readout(tmp_path, change))


def test_without_summaries_the_samples_are_read(tmp_path: Path):
    found = [entry for entry in entries(log()) if entry.name != "summaries.json"]
    for entry in found[1:3]:  # the shape of large samples: a folder with more beside it
        entry.name = entry.name.removesuffix(".json") + "/sample.json"
    assert read(as_eval(tmp_path, found)) == readout(tmp_path)


def test_a_missing_sample_marks_the_log(tmp_path: Path):
    found = [entry for entry in entries(log()) if entry.name != "samples/sum 1_epoch_2.json"]
    out = read(as_eval(tmp_path, found))
    assert {reading.remarks for reading in out.readings} == {("incomplete",)}
    assert "7 samples are in the file where 8 are listed" in out.notes


def test_a_damaged_sample_marks_the_log(tmp_path: Path):
    found = entries(log())
    found[3].crc = 1
    out = read(as_eval(tmp_path, found))
    assert {reading.remarks for reading in out.readings} == {("damaged",)}
    assert any(found[3].name in note for note in out.notes)


def places(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in inner:
        yield (*path, key)
        yield from places(value, (*path, key))


STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([-1, 0, 2, 10**400, -(10**30), 1e308, -1e308, math.nan, math.inf, -math.inf]),
    st.sampled_from(["", "nan", "C", "1e999", "\ud800", "x" * 600, "\x1b[2J", "started"]),
    st.sampled_from([[], {}, [1], {"a": 1}, [[]], {"value": None}, [[[["deep"]]]]]),
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.sampled_from(list(places(log()))), STRANGE), min_size=1, max_size=3))
def test_whatever_a_field_holds_only_evidence_errors_leave(changes: list[tuple[tuple[Any, ...], Any]], tmp_path: Path):
    body = log()
    for path, strange in changes:
        try:
            set_in(*path, to=strange)(body)
        except (KeyError, IndexError, TypeError):  # an earlier change took the place away
            continue
    try:
        out = read(as_json(tmp_path, body))
    except EvidenceError as error:
        if "log.json" not in str(error):
            raise AssertionError("the message does not say which file") from error
    else:
        assert all(math.isfinite(reading.value) for reading in out.readings)
