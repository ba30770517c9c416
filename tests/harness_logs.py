"""Logs of one evaluation as each harness writes them, by hand: one task of two choices, the first of them right."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import inspect_logs

TIME = "2026-01-01T00-00-00.000000"
TEXTS = ("one", "three")
Json = dict[str, Any]


class Asked(NamedTuple):
    """One document: log-likelihoods of the right choice and of the wrong one."""

    ll: float
    other: float

    @property
    def right(self) -> bool:
        return self.ll >= self.other


def asked(right: int, documents: int) -> list[Asked]:
    """Documents of which the first few are answered rightly."""
    return [Asked(-0.5, -1.5) if i < right else Asked(-1.5, -0.5) for i in range(documents)]


def share(documents: Sequence[Asked]) -> float:
    return sum(each.right for each in documents) / len(documents)


def _lines(path: Path, rows: Sequence[Json]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def lm_eval(folder: Path, model: str, documents: Sequence[Asked], state: str = "whole") -> list[Path]:
    """Results and samples; `limit` and `subset` asked only half of the documents there are."""
    total = len(documents) * (2 if state in ("limit", "subset") else 1)
    body = {
        "results": {"sums": {"alias": "sums", "acc,none": share(documents), "acc_stderr,none": 0.05}},
        "configs": {"sums": {"task": "sums", "output_type": "multiple_choice"}},
        "versions": {"sums": 1.0},
        "n-shot": {"sums": 0},
        "higher_is_better": {"sums": {"acc": True}},
        "n-samples": {"sums": {"original": total, "effective": len(documents)}},
        "config": {"model": "hf", "limit": len(documents) if state == "limit" else None},
        "lm_eval_version": "0.4.13",
        "model_name": model,
    }
    results = folder / f"results_{TIME}.json"
    results.write_text(json.dumps(body), encoding="utf-8")
    rows = [_lm_eval_row(i, each) for i, each in enumerate(documents)]
    return [results, _lines(folder / f"samples_sums_{TIME}.jsonl", rows)]


def _lm_eval_row(number: int, each: Asked) -> Json:
    answers = [[str(each.ll), "False"], [str(each.other), "False"]]
    return {
        "doc_id": number,
        "doc": {"choices": list(TEXTS), "label": 0},
        "target": "0",
        "arguments": {f"gen_args_{k}": {"arg_0": f"{number}?", "arg_1": f" {text}"} for k, text in enumerate(TEXTS)},
        "resps": [[answer] for answer in answers],
        "filtered_resps": answers,
        "filter": "none",
        "metrics": ["acc"],
        "acc": float(each.right),
    }


def inspect(folder: Path, model: str, documents: Sequence[Asked], state: str = "whole") -> list[Path]:
    """One log as JSON, one epoch, one scorer."""
    body = inspect_logs.log()
    names = [f"sum {i}" for i in range(len(documents))]
    body["samples"] = [
        {
            "id": name,
            "epoch": 1,
            "input": "?",
            "target": "2",
            "scores": {"match": {"value": "C" if each.right else "I"}},
        }
        for name, each in zip(names, documents, strict=True)
    ]
    head = body["eval"]
    head["model"], head["eval_id"], head["config"] = model, f"eval of {model}", {"epochs": 1}
    head["dataset"] = {"name": "sums", "samples": len(names), "sample_ids": names, "shuffled": False}
    head["metadata"] = {}
    whole = inspect_logs.score("match", {"accuracy": share(documents)})
    whole["scored_samples"] = len(names)
    body["results"] = {"total_samples": len(names), "completed_samples": len(names), "scores": [whole]}
    if state == "limit":
        head["config"]["limit"] = len(names)
    if state == "subset":
        head["config"]["sample_id"] = names
    if state in ("cancelled", "error"):
        body["status"] = state
    if state == "incomplete":
        body["results"]["total_samples"] += 1
    body["invalidated"] = state == "invalidated"
    return [inspect_logs.as_json(folder, body)]


def openai_evals(folder: Path, model: str, documents: Sequence[Asked], state: str = "whole") -> list[Path]:
    """One log with the likelihoods of both choices."""
    run = {"run_id": f"run of {model}"}
    config = {"completion_fns": [model], "eval_spec": {"cls": "our:Toy"}, "seed": 1}
    config["max_samples"] = len(documents) if state == "limit" else None
    spec = {"completion_fns": [model], "eval_name": "sums.dev.v0", "run_config": config, **run}
    events: list[Json] = []
    for i, each in enumerate(documents):
        sample = {**run, "sample_id": f"sums.dev.{i}"}
        for text, ll in zip(TEXTS, each, strict=True):
            events.append({**sample, "type": "cond_logp", "data": {"prompt": "?", "completion": text, "logp": ll}})
        told = {"correct": each.right, "expected": TEXTS[0], "picked": None, "options": list(TEXTS)}
        events.append({**sample, "type": "match", "data": told})
    if state == "errors":
        events.append({**run, "sample_id": "sums.dev.0", "type": "error", "data": {"error": "timeout"}})
    report = {"final_report": {"accuracy": share(documents)}, **run}
    numbered = [{**event, "event_id": number} for number, event in enumerate(events)]
    return [_lines(folder / "log.jsonl", [{"spec": spec}, report, *numbered])]


def helm(folder: Path, model: str, documents: Sequence[Asked], state: str = "whole") -> list[Path]:
    """A run folder that reached its cap, as they all do; no requests, so no likelihoods."""
    del state
    adapter = {"method": "generation", "max_eval_instances": len(documents), "num_train_trials": 1, "model": model}
    name = f"sums:model={model.replace('/', '_')}"
    spec = {"name": name, "scenario_spec": {"class_name": "our.Sums"}, "adapter_spec": adapter}
    rows = [
        {"instance_id": f"id{i}", "train_trial_index": 0, "stats": [_stat(float(each.right))]}
        for i, each in enumerate(documents)
    ]
    bodies = {"stats.json": [_stat(share(documents))], "run_spec.json": spec, "per_instance_stats.json": rows}
    for file, body in bodies.items():
        (folder / file).write_text(json.dumps(body), encoding="utf-8")
    return [folder / file for file in bodies]


def _stat(mean: float) -> Json:
    return {"name": {"name": "exact_match", "split": "test"}, "count": 1, "sum": mean, "mean": mean}


def bigbench(folder: Path, model: str, documents: Sequence[Asked], state: str = "whole") -> list[Path]:
    """A score file."""
    del state
    family, _, run = model.partition("/")
    score = {"score_dict": {"multiple_choice_grade": share(documents)}, "number_of_shots": 0}
    body = {
        "model": {"model_family": family, "model_name": run, "total_params": 1e6},
        "task": {"name": "sums"},
        "scores": [score],
    }
    path = folder / "scores_house.json"
    path.write_text(json.dumps(body), encoding="utf-8")
    return [path]


def olmes(folder: Path, model: str, documents: Sequence[Asked], state: str = "whole") -> list[Path]:
    """Metrics and predictions of a task."""
    limit = len(documents) if state == "limit" else None
    body = {
        "task_name": "sums",
        "task_hash": "aa",
        "model_hash": "bb",
        "model_config": {"model": model},
        "task_config": {"primary_metric": "acc_raw", "num_shots": 0, "limit": limit},
        "num_instances": len(documents),
        "metrics": {"acc_raw": share(documents), "primary_score": share(documents)},
    }
    metrics = folder / "task-000-sums-metrics.json"
    metrics.write_text(json.dumps(body), encoding="utf-8")
    rows = [
        {
            "doc_id": i,
            "metrics": {"acc_raw": int(each.right), "correct_choice": 0, "sum_logits_corr": each.ll},
            "model_output": [
                {"sum_logits": ll, "num_tokens": 1, "num_chars": len(text)}
                for ll, text in zip(each, TEXTS, strict=True)
            ],
        }
        for i, each in enumerate(documents)
    ]
    return [metrics, _lines(folder / "task-000-sums-predictions.jsonl", rows)]


def table(folder: Path, model: str, documents: Sequence[Asked], state: str = "whole") -> list[Path]:
    """Rows of the plain table: CSV for the score, JSON lines for the likelihood."""
    del state
    path = folder / "scores.csv"
    n = len(documents)
    path.write_text(f"model,task,metric,value,n\n{model},sums,acc,{share(documents)!r},{n}\n", encoding="utf-8")
    ll = sum(each.ll for each in documents) / n
    row = {"model": model, "task": "sums", "metric": "log_likelihood", "kind": "continuous", "value": ll, "n": n}
    return [path, _lines(folder / "scores.jsonl", [row])]
