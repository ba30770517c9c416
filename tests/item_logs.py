"""Per-sample logs of lm-eval with chosen likelihoods, for ladders of models that exist on paper only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lab import Lab
from numpy.typing import NDArray

from checkpoints_db.records import Fault, GateState
from monitor import cases, watch
from monitor.daemon import inbox
from monitor.settings import Source

TASK = "facts"
DOCUMENTS = 120


def digest(text: str) -> str:
    """As the harness hashes."""
    return hashlib.sha256(text.encode()).hexdigest()


def row(doc_id: int, name: str, ll: float, right: bool) -> dict[str, Any]:
    """One row of a log-likelihood task."""
    pair = [f"{ll}", str(right)]
    return {
        "doc_id": doc_id,
        "doc": {"prompt": f"{name}=", "answer": "abcdef"},
        "target": "abcdef",
        "arguments": {"gen_args_0": {"arg_0": f"{name}=", "arg_1": "abcdef"}},
        "resps": [[pair]],
        "filtered_resps": [pair],
        "filter": "none",
        "metrics": ["acc"],
        "doc_hash": digest(name),
        "prompt_hash": digest(f"{name}="),
        "target_hash": digest("abcdef"),
        "acc": int(right),
    }


def write_log(
    folder: Path,
    model: str,
    lls: NDArray[np.float64],
    right: NDArray[np.bool_],
    names: Sequence[str] | None = None,
    task_hash: str = "one",
    second: int = 0,
) -> Path:
    """A results file and its samples; returns the samples file."""
    folder.mkdir(parents=True, exist_ok=True)
    time, n = f"2026-01-01T00-00-{second:02d}.000000", len(lls)
    names = names or [f"q{i}" for i in range(n)]
    rows = [row(i, names[i], float(lls[i]), bool(right[i])) for i in range(n)]
    samples = folder / f"samples_{TASK}_{time}.jsonl"
    samples.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
    share = float(np.mean(right))
    body = {
        "results": {TASK: {"alias": TASK, "acc,none": share, "acc_stderr,none": (share * (1 - share) / n) ** 0.5}},
        "configs": {TASK: {"task": TASK, "output_type": "loglikelihood", "target_delimiter": ""}},
        "versions": {TASK: 1.0},
        "n-shot": {TASK: 0},
        "higher_is_better": {TASK: {"acc": True}},
        "n-samples": {TASK: {"original": n, "effective": n}},
        "config": {"model": "hf", "model_args": {"pretrained": model}},
        "task_hashes": {TASK: task_hash},
        "model_name": model,
        "date": 1.8e9,
        "lm_eval_version": "0.4.13",
    }
    (folder / f"results_{time}.json").write_text(json.dumps(body), encoding="utf-8")
    return samples


def answers(rung: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Likelihoods of a ladder that learns smoothly, and which answers are then the greedy ones."""
    rng = np.random.default_rng([seed, rung])
    hard = np.random.default_rng(seed).normal(0, 1.5, DOCUMENTS)
    lls = -np.logaddexp(0, 8.0 - 0.8 * rung + hard + rng.normal(0, 0.3, DOCUMENTS))
    chance = 1 / (1 + np.exp(-(0.4 + 3 * (lls + np.log(2)) / np.sqrt(6))))
    return lls, (lls > np.log(0.5)) | (rng.random(DOCUMENTS) < chance)


class ItemLab(Lab):
    """A lab whose models are i0, i1, ... and whose logs are per-sample logs of lm-eval."""

    def __init__(self, root: Path, rungs: int = 6) -> None:
        super().__init__(root)
        (root / "catalogue.toml").write_text(
            '[[family]]\nname = "lab"\naxis = "flop"\ncompare_at = "any"\n[[run]]\ntable = "models.csv"\n'
        )
        lines = [f"lab,i{i},paper/i{i},{1e6 * 2**i},{1e18 * 4.0**i}" for i in range(rungs + 3)]
        (root / "models.csv").write_text("family,run,model,params,flop\n" + "\n".join(lines) + "\n")
        for i in range(rungs):
            write_log(root / "history" / f"i{i}", f"paper/i{i}", *answers(i))
        self.remember()
        with self.store() as store:
            watch.seal_missing(store, self.rules())

    def remember(self) -> None:
        """What lies in the folder of history is history."""
        with self.store() as store:
            source = Source(path=self.root / "history", pattern="**/*")
            files = inbox.arrivals(store, [source], self.root, self.clock, self.settings.daemon.settle, baseline=True)
            watch.take_in(store, self.rules(), files)
        self.clock.sleep(60)

    def was(self, run: int, lls: Any, right: Any, **more: Any) -> dict[str, Fault]:
        """A log of model `run` is history too; the faults in it, by name."""
        write_log(self.root / "history" / f"i{run}", f"paper/i{run}", lls, right, **more)
        self.remember()
        with self.store() as store:
            found = cases.measured(store, self.catalogue, "lab", f"i{run}")
        return {fault.name: fault for fault in found.faults}

    def comes(self, run: int, lls: Any, right: Any, **more: Any) -> GateState:
        """A log of model `run` arrives and is judged; what its gate says."""
        write_log(self.inbox / f"i{run}", f"paper/i{run}", lls, right, **more)
        assert self.cycle()
        return self.ask(f"i{run}")
