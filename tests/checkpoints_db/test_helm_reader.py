"""HELM run folders: one file speaks, standard errors come from instances, likelihoods only from the right tokens."""

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
Change = Callable[[Any], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(DATA / "helm_mc", tmp_path / "run")
    return tmp_path / "run"


def change(folder: Path, name: str, how: Change) -> None:
    body = json.loads((folder / name).read_text(encoding="utf-8"))
    how(body)
    (folder / name).write_text(json.dumps(body), encoding="utf-8")


def values(out: Readout) -> dict[str, float]:
    return {reading.metric.name: reading.value for reading in out.readings}


def test_only_stats_json_gives_readings():
    giving = {path.name for path in (DATA / "helm_mc").iterdir() if read(path).readings}
    assert giving == {"stats.json"}


def test_the_task_is_the_run_name_without_its_model_wherever_it_stands():
    assert {r.task for r in read(DATA / "helm_mc" / "stats.json").readings} == {"toy_mc:part=one"}
    assert {r.task for r in read(DATA / "helm_lm" / "stats.json").readings} == {"toy_lm:part=one"}


def test_model_date_and_harness_are_those_of_the_folder():
    reading = read(DATA / "helm_mc" / "stats.json").readings[0]
    assert (reading.model, reading.harness) == ("house/m1", "helm")
    assert reading.date is not None
    assert reading.date.timestamp() == 1795000000


def test_the_standard_error_is_that_over_instances_and_not_stddev():
    exact = next(r for r in read(DATA / "helm_mc" / "stats.json").readings if r.metric.name == "exact_match")
    assert exact.n == 3
    assert exact.stderr == pytest.approx(math.sqrt((2 / 3) * (1 / 3) / 2))


def test_perturbed_statistics_and_bookkeeping_are_left_out():
    out = read(DATA / "helm_mc" / "stats.json")
    assert [r.metric.name for r in out.readings].count("exact_match") == 1
    assert not {name for name in values(out) if name.startswith(("num_", "training_"))}


def test_likelihoods_of_separate_choices():
    # right answers: -0.25-0.5-0.25, -0.5-1-0.5-0.5 (parts of one letter), -1; 4 bytes each
    found = values(read(DATA / "helm_mc" / "stats.json"))
    assert found["log_likelihood"] == pytest.approx(-4.5 / 3)
    assert found["log_likelihood_per_byte"] == pytest.approx(-4.5 / 12)
    shares = [1 / (1 + math.exp(-2)), 1 / (1 + math.exp(2)), 1 / (1 + math.exp(-2.5))]
    assert found["prob_choice"] == pytest.approx(sum(shares) / 3)


def test_language_modelling_has_errors_by_the_delta_method():
    out = {r.metric.name: r for r in read(DATA / "helm_lm" / "stats.json").readings}
    assert out["bits_per_byte"].stderr == pytest.approx(0.25 / math.log(2))  # -4 and -8 nats over 8 bytes each
    assert out["perplexity"].stderr == pytest.approx(math.exp(1.5) * 0.5)
    assert out["logprob"].stderr == pytest.approx(2.0)
    assert out["bits_per_byte"].metric.direction == "lower"


def conditions(folder: Path) -> str:
    (found,) = {reading.conditions for reading in read(folder / "stats.json").readings}
    return found


def test_a_cap_is_a_condition_and_no_remark(folder: Path):
    """HELM always has one; a ladder under one cap answers the same questions."""
    whole = conditions(folder)
    change(folder, "run_spec.json", lambda spec: spec["adapter_spec"].update(method="generation"))
    uncapped = conditions(folder)
    change(folder, "run_spec.json", lambda spec: spec["adapter_spec"].update(max_eval_instances=3))
    capped = conditions(folder)
    assert len({whole, uncapped, capped}) == 3
    assert {r.remarks for r in read(folder / "stats.json").readings} == {()}


def test_under_a_cap_that_was_reached_the_instances_must_be_the_same(folder: Path):
    change(folder, "run_spec.json", lambda spec: spec["adapter_spec"].update(method="generation", max_eval_instances=3))
    first = conditions(folder)
    change(folder, "per_instance_stats.json", lambda rows: rows.reverse())
    assert conditions(folder) == first
    named = json.loads((folder / "per_instance_stats.json").read_text(encoding="utf-8"))[0]["instance_id"]
    change(
        folder,
        "per_instance_stats.json",
        lambda rows: [row.update(instance_id="id999") for row in rows if row["instance_id"] == named],
    )
    assert conditions(folder) != first


def test_below_the_cap_every_instance_was_asked(folder: Path):
    change(folder, "run_spec.json", lambda spec: spec["adapter_spec"].update(method="generation", max_eval_instances=9))
    first = conditions(folder)
    change(
        folder, "per_instance_stats.json", lambda rows: [row.update(instance_id=f"x{i}") for i, row in enumerate(rows)]
    )
    assert conditions(folder) == first


@pytest.mark.parametrize("missing", ["run_spec.json", "per_instance_stats.json", "scenario_state.json"])
def test_it_waits_for_its_neighbours(folder: Path, missing: str):
    (folder / missing).unlink()
    with pytest.raises(IncompleteResult, match=missing) as refused:
        read(folder / "stats.json")
    assert refused.value.waits_for == missing


def test_it_waits_for_a_neighbour_that_is_cut_off(folder: Path):
    state = folder / "scenario_state.json"
    state.write_bytes(state.read_bytes()[:-20])
    with pytest.raises(IncompleteResult) as refused:
        read(folder / "stats.json")
    assert refused.value.waits_for == "a whole scenario_state.json"


def test_without_separate_choices_the_requests_are_not_needed(folder: Path):
    change(folder, "run_spec.json", lambda spec: spec["adapter_spec"].update(method="generation"))
    (folder / "scenario_state.json").unlink()
    assert values(read(folder / "stats.json")) == {"exact_match": pytest.approx(2 / 3)}


def test_a_chat_template_behind_the_choice_gives_no_likelihood_and_a_remark(folder: Path):
    def template(state: Any) -> None:
        completion = state["request_states"][2]["result"]["completions"][0]
        completion["text"] += "<assistant>"
        completion["tokens"].append({"text": "<assistant>", "logprob": -3.0})

    change(folder, "scenario_state.json", template)
    out = read(folder / "stats.json")
    assert set(values(out)) == {"exact_match"}
    assert out.readings[0].remarks == ("choices_not_scored",)
    assert any("chat template" in note for note in out.notes)


def test_tokens_that_do_not_spell_the_choice_give_a_note(folder: Path):
    def garble(state: Any) -> None:
        state["request_states"][0]["result"]["completions"][0]["tokens"][-1]["text"] = "ub"

    change(folder, "scenario_state.json", garble)
    out = read(folder / "stats.json")
    assert set(values(out)) == {"exact_match"}
    assert out.readings[0].remarks == ()
    assert any("spell the choice" in note for note in out.notes)


def test_a_choice_that_helm_scored_otherwise_gives_a_note(folder: Path):
    def dearer(state: Any) -> None:
        state["request_states"][0]["result"]["completions"][0]["tokens"][-1]["logprob"] = -30.0

    change(folder, "scenario_state.json", dearer)
    out = read(folder / "stats.json")
    assert set(values(out)) == {"exact_match"}
    assert any("recomputed" in note for note in out.notes)


def test_instances_of_another_run_are_refused(folder: Path):
    change(folder, "per_instance_stats.json", lambda rows: rows[0]["stats"][1].update(mean=0.0))
    with pytest.raises(UnreadableFile, match="exact_match"):
        read(folder / "stats.json")


def test_requests_of_another_model_are_refused(folder: Path):
    change(folder, "scenario_state.json", lambda state: state["adapter_spec"].update(model="house/m2"))
    with pytest.raises(UnreadableFile, match="two runs share this folder"):
        read(folder / "stats.json")


def test_one_statistic_twice_is_refused(folder: Path):
    change(folder, "stats.json", lambda stats: stats.append(stats[2]))
    with pytest.raises(UnreadableFile, match="twice"):
        read(folder / "stats.json")


def test_models_share_conditions_and_instructions_part_them(folder: Path):
    first = read(folder / "stats.json").readings[0].conditions

    def both(how: Change) -> str:
        change(folder, "run_spec.json", lambda spec: how(spec["adapter_spec"]))
        change(folder, "scenario_state.json", lambda state: how(state["adapter_spec"]))
        return read(folder / "stats.json").readings[0].conditions

    assert both(lambda adapter: adapter.update(model="house/m2", model_deployment="house/m2")) == first
    assert both(lambda adapter: adapter.update(instructions="Think.")) != first


def test_another_split_is_another_task(folder: Path):
    change(folder, "run_spec.json", lambda spec: spec["adapter_spec"].update(method="generation"))
    for name in ("stats.json", "per_instance_stats.json"):
        text = (folder / name).read_text(encoding="utf-8").replace('"test"', '"valid"')
        (folder / name).write_text(text, encoding="utf-8")
    assert {r.task for r in read(folder / "stats.json").readings} == {"toy_mc:part=one,split=valid"}


def test_the_likelihood_of_text_the_model_wrote_is_left_out(tmp_path: Path):
    shutil.copytree(DATA / "helm_lm", tmp_path / "run")
    change(tmp_path / "run", "run_spec.json", lambda spec: spec["adapter_spec"].update(method="generation"))
    out = read(tmp_path / "run" / "stats.json")
    assert not out.readings
    assert any("left out" in note for note in out.notes)


def state_changed(folder: Path, how: Change) -> dict[str, float]:
    change(folder, "scenario_state.json", how)
    return values(read(folder / "stats.json"))


def tokens_of(state: Any, request: int) -> Any:
    return state["request_states"][request]["result"]["completions"][0]["tokens"]


def test_a_choice_without_a_space_before_it_counts_its_own_tokens(folder: Path):
    found = state_changed(folder, lambda state: tokens_of(state, 0)[1].update(text="\n"))
    assert found["log_likelihood"] == pytest.approx((-0.75 - 2.5 - 1) / 3)


def test_parts_of_a_letter_are_sure_only_behind_a_space(folder: Path):
    found = state_changed(folder, lambda state: tokens_of(state, 2)[1].update(text="\n"))
    assert set(found) == {"exact_match"}


def test_requests_that_calibrate_are_no_second_answer(folder: Path):
    def calibrated(state: Any) -> None:
        state["request_states"] += [{**each, "request_mode": "calibration"} for each in state["request_states"]]

    before = values(read(folder / "stats.json"))
    assert state_changed(folder, calibrated) == before


def test_several_train_trials_give_no_likelihood(folder: Path):
    change(folder, "run_spec.json", lambda spec: spec["adapter_spec"].update(num_train_trials=2))
    found = state_changed(folder, lambda state: state["adapter_spec"].update(num_train_trials=2))
    assert set(found) == {"exact_match"}


def test_requests_of_other_instances_are_refused(folder: Path):
    with pytest.raises(UnreadableFile, match="its instances are not those"):
        state_changed(folder, lambda state: state.update(request_states=state["request_states"][2:]))


def test_a_perturbed_instance_does_not_count(folder: Path):
    def again(rows: Any) -> None:
        rows.append({**rows[0], "instance_id": "id9", "perturbation": {"name": "typos"}})

    change(folder, "per_instance_stats.json", again)
    assert {reading.n for reading in read(folder / "stats.json").readings} == {3}
