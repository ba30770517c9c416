"""Exports of W&B and MLflow in the layouts these write, and declarations that fit them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from checkpoints_db.readers import Readout, read
from checkpoints_db.readers.columns import columns_of
from checkpoints_db.readers.mapped import Mapped

ACC = """\
[[table.metric]]
column = "eval/{task}/acc"
metric = "acc"
kind = "thresholded"
direction = "higher"
lower = 0.0
upper = 1.0
stderr = "eval/{task}/acc_stderr"
"""
LOSS = """\
[[table.metric]]
column = "val/loss"
task = "pile"
metric = "loss"
kind = "continuous"
direction = "lower"
n = 2000
terms = { n_shot = 0 }
"""
WANDB = '[[table]]\nname = "wandb"\nfiles = ["wandb*"]\nmodel = "Name"\nharness = "wandb"\n'
MLFLOW = f"""\
[[table]]
name = "mlflow"
model = "tags.mlflow.runName"
params = "params.n_params"
date = "start_time"
files = ["runs.*"]
finished = {{ status = "FINISHED" }}
{ACC.replace('"eval', '"metrics.eval')}"""


def opened(folder: Path, declared: str, name: str, text: str | bytes) -> Readout:
    (folder / "columns.toml").write_text(declared, "utf-8")
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read(path, [Mapped(columns_of(folder / "columns.toml"))])


def rows(out: Readout) -> list[tuple[Any, ...]]:
    return [(r.model, r.task, r.metric.name, r.step, r.value, r.stderr) for r in out.readings]


CHART = (
    '"Step","lab/s0 - val/loss","lab/s0 - val/loss__MIN","lab/s0 - val/loss__MAX","a - b - val/loss",'
    '"a - b - val/loss__MIN","a - b - val/loss__MAX"\n'
    '"100","3.5","3.5","3.5","","",""\n"200","3.25","3.1","3.4","2.5","2.5","2.5"\n"300","","","","NaN","NaN","NaN"\n'
)
RUNS = (
    '"Name","State","Created","Runtime","n_params","eval/arc/acc","eval/arc/acc_stderr","eval/sums/acc","lr"\n'
    '"lab/s0","finished","2026-11-23T09:00:00.000Z","60","1e6","0.25","0.01","0.5","1e-3"\n'
    '"lab/s1","crashed","2026-11-23T10:00:00.000Z","60","2000000","0.5","","","1e-3"\n'
)
HISTORY = (
    '{"_step": 0, "_timestamp": 1795403923.5, "Name": "s0", "tokens": 0, "val/loss": 9.0}\n'
    '{"_step": 100, "_timestamp": 1795403924, "Name": "s0", "tokens": 5000, "lr": 0.1}\n'
    '{"_step": 200, "_timestamp": 1795403925, "Name": "s0", "tokens": 9000, "val/loss": 3.0}\n'
    '{"_step": 300, "_timestamp": 1795403926, "Name": "s0", "tokens": 12000, "val/loss": NaN}\n'
)
SEARCHED = (
    ",run_id,experiment_id,status,artifact_uri,start_time,end_time,metrics.eval/sums/acc,metrics.eval/sums/acc_stderr,"
    "params.n_params,tags.mlflow.runName\n"
    "0,bae1,4358,FINISHED,file:///m,2026-11-23 03:18:43.848000+00:00,2026-11-23 03:18:43.854000+00:00,0.52,0.01,"
    "1000000000,s3\n"
    "1,f580,4358,RUNNING,file:///m,2026-11-23 03:18:43.840000+00:00,,0.42000000000000004,0.01,100000000,s2\n"
)


def answer() -> dict[str, Any]:
    return {
        "runs": [
            {
                "info": {
                    "run_id": "bae1",
                    "run_name": "s3",
                    "status": "FINISHED",
                    "start_time": 1795403923848,
                    "lifecycle_stage": "active",
                },
                "data": {
                    "metrics": [
                        {"key": "eval/sums/acc", "value": 0.52, "timestamp": 1795403923853, "step": "200"},
                        {"key": "eval/sums/acc_stderr", "value": 0.01, "timestamp": 1795403923853, "step": 200},
                        {"key": "val/loss", "value": "NaN", "timestamp": 1795403923853, "step": 100},
                    ],
                    "params": [{"key": "n_params", "value": "1000000000"}],
                    "tags": [{"key": "mlflow.runName", "value": "s3"}],
                },
            }
        ],
        "next_page_token": "abc",
    }


STORE = f"""\
[[table]]
name = "store"
model = "params.model"
step = "step"
date = "timestamp"
{ACC.replace('"eval', '"metrics.eval')}"""


def store(folder: Path) -> Path:
    run = folder / "mlruns" / "4358" / "bae1"
    for name, text in {
        "meta.yaml": "run_id: bae1\n",
        "params/model": "lab/s3",
        "tags/mlflow.runName": "s3",
        "metrics/val/loss": "1795403923851 3.5 100\n",
        "metrics/eval/sums/acc": "1795403923851 0.51 100\n1795403923853 0.52 200\n",
        "metrics/eval/sums/acc_stderr": "1795403923851 0.01 100\n1795403923853 0.02 200\n",
        "metrics/eval/old/acc": "1795403923851 0.5\n",
        "metrics/eval/metrics/acc": "1795403923851 0.25 100 data 0abc\n",
    }.items():
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(text)
    return run
