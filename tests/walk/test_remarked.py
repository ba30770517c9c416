"""Limited, cancelled, failed and invalidated evaluations, from the log to the seal: kept, marked, never trained on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import inspect_logs
import pytest
from lab import Lab

RUNGS, MARKED, DOCUMENTS = 6, 3, 40
TIME = "2026-01-01T00-00-00.000000"
Json = dict[str, Any]
Write = Callable[[Path, int, str], None]


def rights(i: int) -> int:
    return 8 + 4 * i


# -- one rung, as each harness writes it ------------------------------------------------------------------------------


def lm_eval(folder: Path, i: int, state: str) -> None:
    asked = DOCUMENTS // 2 if state in ("limit", "subset") else DOCUMENTS
    body = {
        "results": {"sums": {"alias": "sums", "acc,none": rights(i) / DOCUMENTS, "acc_stderr,none": 0.05}},
        "configs": {"sums": {"task": "sums", "output_type": "multiple_choice"}},
        "versions": {"sums": 1.0},
        "n-shot": {"sums": 0},
        "higher_is_better": {"sums": {"acc": True}},
        "n-samples": {"sums": {"original": DOCUMENTS, "effective": asked}},
        "config": {"model": "hf", "limit": asked if state == "limit" else None},
        "lm_eval_version": "0.4.13",
        "model_name": f"house/r{i}",
    }
    (folder / f"results_{TIME}.json").write_text(json.dumps(body))
    rows = [lm_eval_row(doc, doc < rights(i) * asked // DOCUMENTS) for doc in range(asked)]
    (folder / f"samples_sums_{TIME}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def lm_eval_row(doc: int, right: bool) -> Json:
    lls = ("-0.5", "-1.5") if right else ("-1.5", "-0.5")
    return {
        "doc_id": doc,
        "doc": {"choices": ["one", "two"], "label": 0},
        "target": "0",
        "arguments": {
            f"gen_args_{k}": {"arg_0": f"{doc}?", "arg_1": f" {text}"} for k, text in enumerate(("one", "two"))
        },
        "resps": [[[ll, "False"]] for ll in lls],
        "filtered_resps": [[ll, "False"] for ll in lls],
        "filter": "none",
        "metrics": ["acc"],
        "acc": float(right),
    }


def inspect(folder: Path, i: int, state: str) -> None:
    body = inspect_logs.log()
    body["eval"]["model"] = f"house/r{i}"
    body["eval"]["eval_id"] = f"eval{i}"
    del body["eval"]["metadata"]["params"], body["eval"]["metadata"]["tokens"], body["eval"]["metadata"]["step"]
    if state == "limit":
        body["eval"]["config"]["limit"] = 4
    if state == "subset":
        body["eval"]["config"]["sample_id"] = ["sum 0", "sum 1", "sum 2", "sum 3"]
    if state in ("cancelled", "error"):
        body["status"] = state
    body["invalidated"] = state == "invalidated"
    if state == "incomplete":
        body["results"]["completed_samples"] = 7
        body["samples"].pop()
    inspect_logs.as_json(folder, body)


def openai_evals(folder: Path, i: int, state: str) -> None:
    run = {"run_id": f"run{i}"}
    config = {"completion_fns": [f"house/r{i}"], "eval_spec": {"cls": "our:Toy"}, "seed": 1}
    config["max_samples"] = DOCUMENTS if state == "limit" else None
    spec = {"completion_fns": [f"house/r{i}"], "eval_name": "sums.dev.v0", "run_config": config, **run}
    events: list[Json] = []
    for doc in range(DOCUMENTS):
        texts = {
            "correct": doc < rights(i),
            "expected": "3",
            "sampled": "3" if doc < rights(i) else "9",
            "options": ["3"],
        }
        sample = {**run, "sample_id": f"sums.dev.{doc}"}
        events.append({**sample, "type": "sampling", "data": {"sampled": [texts["sampled"]]}})
        events.append({**sample, "type": "match", "data": texts})
    if state == "errors":
        events.append({**run, "sample_id": "sums.dev.0", "type": "error", "data": {"error": "timeout"}})
    lines = [{"spec": spec}, {"final_report": {"accuracy": rights(i) / DOCUMENTS}, **run}]
    lines += [{**event, "event_id": number} for number, event in enumerate(events)]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def helm(folder: Path, i: int, state: str) -> None:
    cap = {"limit": DOCUMENTS // 2, "capped alike": DOCUMENTS}.get(state, DOCUMENTS)
    adapter = {"method": "generation", "max_eval_instances": cap, "num_train_trials": 1, "model": f"house/r{i}"}
    spec = {"name": f"sums:model=house_r{i}", "scenario_spec": {"class_name": "our.Sums"}, "adapter_spec": adapter}
    right = [float(doc < rights(i) * cap // DOCUMENTS) for doc in range(cap)]
    (folder / "run_spec.json").write_text(json.dumps(spec))
    (folder / "stats.json").write_text(json.dumps([helm_stat(sum(right) / cap)]))
    instances = [
        {"instance_id": f"id{doc}", "train_trial_index": 0, "stats": [helm_stat(one)]} for doc, one in enumerate(right)
    ]
    (folder / "per_instance_stats.json").write_text(json.dumps(instances))


def helm_stat(mean: float) -> Json:
    return {"name": {"name": "exact_match", "split": "test"}, "count": 1, "sum": mean, "mean": mean}


# -- the walk ---------------------------------------------------------------------------------------------------------


def walked(lab: Lab, write: Write, state: str) -> Lab:
    """A ladder whose rung `MARKED` was evaluated in `state`, taken in by the daemon's scan."""
    models = "".join(f"house/r{i},r{i},{10**6 * 3**i},{10**8 * 3**i},{6e14 * 9**i}\n" for i in range(RUNGS))
    (lab.root / "models.csv").write_text("model,run,params,tokens,flop\n" + models)
    with (lab.root / "catalogue.toml").open("a") as catalogue:
        catalogue.write('[[run]]\nfamily = "lab"\ntable = "models.csv"\n')
    for i in range(RUNGS):
        (lab.inbox / f"r{i}").mkdir()
        write(lab.inbox / f"r{i}", i, state if i == MARKED else "whole")
    lab.cycle("scan")
    return lab


ALL = tuple(f"r{i}" for i in range(RUNGS))
OTHERS = tuple(run for run in ALL if run != f"r{MARKED}")


def told(lab: Lab) -> tuple[set[str], set[str], set[tuple[str, ...]]]:
    """Remarks of the marked rung, the runs that any series has a point of, and the runs that seals were made from."""
    with lab.store() as store:
        store.ledger.verify()
        assert store.evidence.files("quarantined", "waiting", "arrived") == []
        assert store.evidence.unplaced() == []
        kept = store.evidence.results(run=f"r{MARKED}")
        assert kept
        points = {point.run for name in store.evidence.series_ids() for point in store.evidence.series(name).points}
        seals = {sealed.forecast.rungs for sealed in store.judgements.all_sealed()}
        return {remark for seen in kept for remark in seen.result.remarks}, points, seals


@pytest.mark.parametrize("write", [lm_eval, inspect, openai_evals, helm])
def test_a_whole_rung_trains(lab: Lab, write: Write) -> None:
    remarks, points, seals = told(walked(lab, write, "whole"))
    assert remarks == set()
    assert f"r{MARKED}" in points
    assert seals == {ALL}


@pytest.mark.parametrize(
    ("write", "state", "remark"),
    [
        (lm_eval, "limit", "limit"),
        (lm_eval, "subset", "limit"),
        (inspect, "limit", "limit"),
        (inspect, "subset", "limit"),
        (inspect, "cancelled", "cancelled"),
        (inspect, "error", "errored"),
        (inspect, "invalidated", "invalidated"),
        (inspect, "incomplete", "incomplete"),
        (openai_evals, "limit", "limit"),
        (openai_evals, "errors", "errors"),
    ],
    ids=lambda x: x if isinstance(x, str) else x.__name__,
)
def test_a_rung_with_a_remark_is_kept_marked_and_never_trained_on(
    lab: Lab, write: Write, state: str, remark: str
) -> None:
    remarks, points, seals = told(walked(lab, write, state))
    assert remark in remarks
    assert points == {*OTHERS}
    assert seals == {OTHERS}


def test_a_helm_run_under_a_smaller_cap_is_a_series_of_its_own(lab: Lab) -> None:
    """No remark: HELM always has a cap. Under another one it answers other questions, and trains nothing else."""
    remarks, _, seals = told(walked(lab, helm, "limit"))
    assert remarks == set()
    assert seals == {OTHERS}
    with lab.store() as store:
        runs = [{point.run for point in store.evidence.series(name).points} for name in store.evidence.series_ids()]
    assert sorted(map(len, runs)) == [1, RUNGS - 1]


def test_a_clean_repeat_takes_the_place_of_a_cancelled_one_whichever_comes_first(lab: Lab) -> None:
    walked(lab, inspect, "cancelled")
    again = lab.inbox / "again"
    again.mkdir()
    inspect(again, MARKED, "whole")
    lab.cycle("scan")
    _, points, _ = told(lab)
    assert f"r{MARKED}" in points
    late = lab.inbox / "late"
    late.mkdir()
    inspect(late, MARKED, "invalidated")
    lab.cycle("scan")
    remarks, points, _ = told(lab)
    assert {"cancelled", "invalidated"} <= remarks
    assert f"r{MARKED}" in points
    with lab.store() as store:
        assert [alert for alert in store.actions.alerts() if alert.rule == "conflict"] == []
