"""Exports of W&B and MLflow, in the layouts these write, read by declared columns."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tracker_exports import ACC, CHART, HISTORY, LOSS, MLFLOW, RUNS, SEARCHED, STORE, WANDB, answer, opened, rows, store

from checkpoints_db.errors import EvidenceError, IncompleteResult, SettingsError, UnknownFormat, UnreadableFile
from checkpoints_db.readers import read
from checkpoints_db.readers.columns import columns_of
from checkpoints_db.readers.mapped import Mapped


def test_a_chart_of_wandb(tmp_path: Path) -> None:
    out = opened(tmp_path, WANDB + 'step = "Step"\n' + LOSS, "wandb_export_2026.csv", CHART)
    assert rows(out) == [
        ("lab/s0", "pile", "loss", 100, 3.5, None),
        ("lab/s0", "pile", "loss", 200, 3.25, None),
        ("a - b", "pile", "loss", 200, 2.5, None),
    ]
    assert [r.remarks for r in out.readings] == [(), ("averaged over steps",), ()]
    first = out.readings[0]
    assert (first.n, first.terms, first.harness) == (2000, {"n_shot": 0}, "wandb")
    assert first.conditions
    assert (first.metric.kind, first.metric.direction) == ("continuous", "lower")
    assert out.notes == ("column val/loss: 1 values are not finite",)


def test_the_runs_table_of_wandb(tmp_path: Path) -> None:
    keys = 'params = "n_params"\ndate = "Created"\nfinished = { State = "finished" }\n'
    keys += 'fixed = { family = "lab", step = 9 }\n'
    out = opened(tmp_path, WANDB + keys + ACC, "wandb.csv", RUNS)
    assert rows(out) == [
        ("lab/s0", "arc", "acc", 9, 0.25, 0.01),
        ("lab/s0", "sums", "acc", 9, 0.5, None),
        ("lab/s1", "arc", "acc", 9, 0.5, None),
    ]
    assert [(r.params, r.family, r.remarks) for r in out.readings[1:]] == [
        (1e6, "lab", ()),
        (2e6, "lab", ("State crashed",)),
    ]
    assert out.readings[0].date == datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert out.notes == ("2 columns are not declared in [[table]] 'wandb': Runtime, lr",)


def test_a_history_of_wandb(tmp_path: Path) -> None:
    keys = WANDB + 'step = "_step"\ntokens = "tokens"\ndate = "_timestamp"\n'
    out = opened(tmp_path, keys + LOSS, "wandb.jsonl", HISTORY)
    assert rows(out) == [("s0", "pile", "loss", 0, 9.0, None), ("s0", "pile", "loss", 200, 3.0, None)]
    assert [r.tokens for r in out.readings] == [None, 9000]
    assert out.readings[0].date == datetime(2026, 11, 23, 3, 18, 43, 500000, UTC)
    last = opened(tmp_path, keys + 'rows = "last"\n' + LOSS, "wandb.jsonl", HISTORY)
    assert rows(last) == [("s0", "pile", "loss", 200, 3.0, None)]


def test_a_summary_of_wandb(tmp_path: Path) -> None:
    body = {"_step": 300, "_wandb": {"runtime": 5}, "eval": {"arc/acc": 0.5}, "eval/sums/acc": 0.25, "size": "70m"}
    keys = '[[table]]\nname = "s"\nfiles = ["*-summary.json"]\nfixed = { model = "s0" }\nstep = "_step"\n'
    keys += 'terms = { size = "size" }\n'
    dotted = ACC.replace("eval/{task}", "eval.{task}")
    out = opened(tmp_path, keys + ACC + dotted, "run-1/files/wandb-summary.json", json.dumps(body, indent=2))
    assert rows(out) == [("s0", "sums", "acc", 300, 0.25, None), ("s0", "arc", "acc", 300, 0.5, None)]
    assert out.readings[0].terms == {"size": "70m"}


def test_search_runs_of_mlflow(tmp_path: Path) -> None:
    out = opened(tmp_path, MLFLOW, "runs.csv", SEARCHED)
    assert rows(out) == [
        ("s3", "sums", "acc", None, 0.52, 0.01),
        ("s2", "sums", "acc", None, 0.42000000000000004, 0.01),
    ]
    assert [(r.params, r.remarks) for r in out.readings] == [(1e9, ()), (1e8, ("status RUNNING",))]
    assert out.readings[0].date == datetime(2026, 11, 23, 3, 18, 43, 848000, UTC)


def test_search_runs_as_parquet_say_the_same(tmp_path: Path) -> None:
    columns = {
        "run_id": ["bae1", "f580"],
        "status": ["FINISHED", "RUNNING"],
        "start_time": pa.array([1795403923848000000, 1795403923840000000], pa.timestamp("ns", "UTC")),
        "metrics.eval/sums/acc": [0.52, 0.42000000000000004],
        "metrics.eval/sums/acc_stderr": [0.01, 0.01],
        "params.n_params": ["1000000000", "100000000"],
        "tags.mlflow.runName": ["s3", "s2"],
        "tags.list": [["any"], None],
    }
    pq.write_table(pa.table(columns), tmp_path / "runs.parquet")
    out = opened(tmp_path, MLFLOW, "runs.parquet", (tmp_path / "runs.parquet").read_bytes())
    assert out.readings == opened(tmp_path, MLFLOW, "runs.csv", SEARCHED).readings


def test_an_answer_of_the_mlflow_server(tmp_path: Path) -> None:
    loss = LOSS.replace('"val', '"metrics.val')
    out = opened(
        tmp_path,
        MLFLOW.replace("[[table.metric]]", 'step = "step"\n[[table.metric]]') + loss,
        "runs.json",
        json.dumps(answer()),
    )
    assert rows(out) == [("s3", "sums", "acc", 200, 0.52, 0.01)]
    assert (out.readings[0].params, out.readings[0].remarks) == (1e9, ())
    assert "next_page_token" in out.notes[0]
    assert "not finite" in out.notes[1]
    gone = answer()
    gone["runs"][0]["info"]["lifecycle_stage"] = "deleted"
    assert opened(tmp_path, MLFLOW, "runs.json", json.dumps(gone)).readings[0].remarks == ("deleted",)


def test_the_file_store_of_mlflow(tmp_path: Path) -> None:
    run = store(tmp_path)
    (tmp_path / "columns.toml").write_text(STORE)
    reader = Mapped(columns_of(tmp_path / "columns.toml"))
    out = read(run / "metrics/eval/sums/acc", [reader])
    assert rows(out) == [("lab/s3", "sums", "acc", 100, 0.51, 0.01), ("lab/s3", "sums", "acc", 200, 0.52, 0.02)]
    assert out.readings[0].date == datetime(2026, 11, 23, 3, 18, 43, 851000, UTC)
    assert rows(read(run / "metrics/eval/old/acc", [reader])) == [("lab/s3", "old", "acc", 0, 0.5, None)]
    assert rows(read(run / "metrics/eval/metrics/acc", [reader])) == [("lab/s3", "metrics", "acc", 100, 0.25, None)]
    passed = read(run / "metrics/val/loss", [reader])
    assert passed.readings == ()
    assert "metrics.val/loss" in passed.notes[0]
    with pytest.raises(UnknownFormat):
        read(run / "params/model", [reader])


def test_the_example_reads_what_it_says(tmp_path: Path) -> None:
    reader = Mapped(columns_of(Path(__file__).parents[2] / "examples" / "columns.toml"))
    assert [table.name for table in reader.tables] == ["wandb chart", "wandb runs", "mlflow runs", "mlflow store"]
    run = store(tmp_path)
    assert rows(read(run / "metrics/eval/sums/acc", [reader]))[1] == ("s3", "sums", "acc", 200, 0.52, 0.02)
    (tmp_path / "wandb_export_1.csv").write_text(CHART.replace("val/loss", "eval/arc/nll"))
    assert rows(read(tmp_path / "wandb_export_1.csv", [reader]))[0] == ("lab/s0", "arc", "nll", 100, 3.5, None)


def test_a_file_store_that_is_half_there(tmp_path: Path) -> None:
    run = store(tmp_path)
    (tmp_path / "columns.toml").write_text(STORE.replace('name = "store"', 'name = "store"\nfiles = ["acc"]'))
    reader = Mapped(columns_of(tmp_path / "columns.toml"))
    path = run / "metrics/eval/sums/acc"
    path.write_text("1795403923851 0.51 100\n1795403923853 0.5")
    with pytest.raises(IncompleteResult, match="its last line has no end"):
        read(path, [reader])
    path.write_text("1795403923851 0.51 100\nhello\n")
    with pytest.raises(UnreadableFile, match="line 2: 'hello' is not `milliseconds value step`"):
        read(path, [reader])
    path.write_text("1795403923851 0.51 100\n")
    (run / "params/model").unlink()
    with pytest.raises(IncompleteResult, match=r"params\.model of its run is not there") as caught:
        read(path, [reader])
    assert caught.value.waits_for == "params.model"


@pytest.mark.parametrize(
    ("declared", "name", "text", "why"),
    [
        (
            WANDB + 'step = "_step"\n' + LOSS,
            "wandb.csv",
            CHART,
            "column _step: missing, and .* wants it as step; the nearest is 'Step'",
        ),
        (
            WANDB + LOSS.replace("val/loss", "val/los"),
            "wandb.csv",
            CHART,
            "column val/los: missing.* nearest is 'val/loss'",
        ),
        (
            WANDB + ACC,
            "wandb.csv",
            CHART,
            r"column eval/\{task\}/acc: missing, .*; there are 'Step', 'Name', 'val/loss'",
        ),
        (WANDB + LOSS + 'stderr = "se"\n', "wandb.csv", CHART, "column se: missing"),
        (WANDB + LOSS, "wandb.csv", CHART, "line 3: .* of lab/s0 is 3.25 here and 3.5 in line 2; name the step"),
        (WANDB + ACC + ACC, "wandb.csv", RUNS, r"column eval/arc/acc: two \[\[table.metric\]\] of 'wandb' fit it"),
        (
            WANDB + ACC,
            "wandb.csv",
            RUNS.replace("0.25", "1.25"),
            r"line 2, column eval/arc/acc: 1\.25 is outside 0\.\.1",
        ),
        (WANDB + ACC, "wandb.csv", RUNS.replace("0.25", "high"), "line 2, column eval/arc/acc: 'high' is not a number"),
        (WANDB + ACC, "wandb.csv", RUNS.replace('"0.01"', '"-1"'), "line 2, column eval/arc/acc: stderr"),
        (WANDB + ACC, "wandb.csv", RUNS.replace("lab/s1", ""), "line 3, column Name: empty, and it names the model"),
        (WANDB + ACC, "wandb.csv", RUNS + '"x"\n', "line 4: 1 cells where the header has 9"),
        (WANDB + ACC, "wandb.csv", RUNS + '"x\n', "not CSV"),
        (
            WANDB + 'step = "Runtime"\n' + ACC,
            "wandb.csv",
            RUNS.replace('"60"', '"1.5"'),
            "line 2, column Runtime: 1.5 is not a whole",
        ),
        (
            WANDB + 'params = "n_params"\n' + ACC,
            "wandb.csv",
            RUNS.replace("1e6", "-1e6"),
            "column n_params: -1e.06 is negative",
        ),
        (WANDB + 'date = "State"\n' + ACC, "wandb.csv", RUNS, "column State: 'finished' is no date"),
        (WANDB + ACC, "wandb.csv", RUNS.replace("lab/s1", "a\x1b[2J"), "line 3, column Name: .*cannot be shown"),
        (WANDB + LOSS, "wandb.jsonl", HISTORY.replace('"s0"', "7.5"), "line 1, column Name: '7.5' is no name"),
        (WANDB + LOSS, "wandb.jsonl", HISTORY.replace("9.0", "true"), "line 1, column val/loss: true or false"),
        (MLFLOW, "runs.json", '{"runs": [7]}', r"runs\[0\]: a number"),
        (
            MLFLOW,
            "runs.json",
            '{"runs": [{"data": {"metrics": [{"key": 1}]}}]}',
            r"runs\[0\]\.data\.metrics\[0\]: a key and a value",
        ),
    ],
)
def test_what_does_not_fit_is_named(declared: str, name: str, text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=why) as caught:
        opened(tmp_path, declared, name, text)
    assert str(tmp_path / name) in str(caught.value)


def test_a_resumed_run_may_log_again_where_that_is_declared(tmp_path: Path) -> None:
    again = HISTORY + '{"_step": 200, "Name": "s0", "tokens": 9000, "val/loss": 2.5}\n'
    keys = WANDB + 'step = "_step"\n' + LOSS
    with pytest.raises(UnreadableFile, match=r"line 5: .* is 2.5 here and 3 in line 3"):
        opened(tmp_path, keys, "wandb.jsonl", again)
    out = opened(tmp_path, keys.replace("[[table.", 'repeats = "last"\n[[table.'), "wandb.jsonl", again)
    assert [r.value for r in out.readings] == [9.0, 2.5]
    assert "1 values were logged twice; the later one counts" in out.notes
    same = HISTORY + HISTORY.splitlines()[2] + "\n"
    assert len(opened(tmp_path, keys, "wandb.jsonl", same).readings) == 2


def test_of_equal_steps_the_later_row_is_the_last(tmp_path: Path) -> None:
    two = '{"Name": "s0", "State": "FINISHED", "val/loss": 3.0}\n{"Name": "s0", "State": "running", "val/loss": 2.0}\n'
    keys = WANDB + 'rows = "last"\nfinished = { State = "finished" }\n' + LOSS
    (last,) = opened(tmp_path, keys, "wandb.jsonl", two).readings
    assert (last.value, last.remarks) == (2.0, ("State running",))
    (only,) = opened(tmp_path, keys, "wandb.jsonl", two.splitlines()[0] + "\n" + '{"Name": "s0"}\n').readings
    assert (only.value, only.remarks) == (3.0, ())


def test_without_files_the_columns_decide(tmp_path: Path) -> None:
    keys = WANDB.replace('files = ["wandb*"]\n', "")
    assert len(opened(tmp_path, keys + ACC, "anything.csv", RUNS).readings) == 3
    with pytest.raises(UnknownFormat, match="declare its columns"):
        opened(tmp_path, keys + LOSS, "anything.csv", RUNS)
    twice = keys + ACC + keys.replace("wandb", "other") + ACC
    with pytest.raises(UnknownFormat, match=r"'wandb' and 'other' of the declared columns fit it"):
        opened(tmp_path, twice, "anything.csv", RUNS)


def test_declared_columns_come_before_the_plain_table_and_beside_nobody_else(tmp_path: Path) -> None:
    table = "model,task,metric,value\nm,t,acc,0.5\n"
    value = LOSS.replace("val/loss", "value")
    out = opened(tmp_path, WANDB.replace('"Name"', '"model"') + value, "wandb.csv", table)
    assert (out.reader, out.readings[0].metric.name) == ("columns wandb", "loss")
    assert opened(tmp_path, WANDB + value, "other.csv", table).reader == "table"
    log = Path(__file__).parents[1] / "data" / "readers" / "bigbench" / "scores_house_2m.json"
    with pytest.raises(UnknownFormat, match="columns and bigbench both recognise"):
        opened(tmp_path, WANDB + value, "wandb.json", log.read_bytes())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x =\n", "columns.toml: "),
        ("[table]\n", "with two brackets"),
        ('[[tables]]\nname = "a"\n', r"tables: this file holds \[\[table\]\]"),
        (WANDB + 'stpe = "_step"\n' + LOSS, r"\[\[table\]\] 'wandb': stpe: unknown key; did you mean 'step'"),
        (
            WANDB + LOSS + 'dirction = "lower"\n',
            r"\[\[table.metric\]\] number 1: dirction: unknown key; did you mean 'direction'",
        ),
        (WANDB + ACC + LOSS.replace('kind = "continuous"\n', ""), r"number 2: kind: Field required"),
        (WANDB + LOSS.replace('"lower"', '"down"'), "direction: Input should be 'higher' or 'lower'"),
        (WANDB, "'wandb': metric: Field required"),
        (WANDB.replace('model = "Name"\n', "") + LOSS, "name the column that holds the model or the run"),
        (WANDB + 'fixed = { model = "m" }\n' + LOSS, "model is a column and fixed; keep one"),
        (WANDB + LOSS.replace('task = "pile"\n', ""), r"give a task, or \{task\} in column"),
        (WANDB + LOSS + 'stderr = "{task}_se"\n', r"stderr may hold \{task\} once, and only where column does"),
        (WANDB + LOSS + WANDB + LOSS, r"two \[\[table\]\] are called 'wandb'"),
    ],
)
def test_a_bad_declaration_is_named(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "columns.toml").write_text(text)
    with pytest.raises(SettingsError, match=why) as caught:
        columns_of(tmp_path / "columns.toml")
    assert "columns.toml" in str(caught.value)


def test_a_file_of_declarations_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        columns_of(tmp_path / "columns.toml")


@pytest.mark.parametrize(
    ("declared", "name", "text"),
    [
        (WANDB + 'step = "Step"\n' + LOSS, "wandb.csv", CHART),
        (WANDB + ACC, "wandb.csv", RUNS),
        (WANDB + 'step = "_step"\ndate = "_timestamp"\n' + LOSS, "wandb.jsonl", HISTORY),
        (MLFLOW, "runs.csv", SEARCHED),
        (MLFLOW, "runs.json", json.dumps(answer())),
    ],
)
def test_damage_anywhere_is_evidence(declared: str, name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "columns.toml").write_text(declared, "utf-8")
    reader, path = Mapped(columns_of(tmp_path / "columns.toml")), tmp_path / name
    draw, refused = np.random.default_rng(5), 0
    pieces = [
        b"",
        b"\x00",
        b"\xff",
        b'"',
        b",",
        b"\n",
        b"{",
        b"[]",
        b"null",
        b"9" * 400,
        b"1e999",
        b"\xe2\x80\xae",
        b"-",
    ]
    for _ in range(200):
        raw = text.encode()
        at = int(draw.integers(len(raw)))
        path.write_bytes(raw[:at] + pieces[int(draw.integers(len(pieces)))] + raw[at + int(draw.integers(0, 12)) :])
        try:
            found = read(path, [reader])
        except EvidenceError:
            refused += 1
        else:
            assert all(np.isfinite(reading.value) for reading in found.readings)
    assert refused > 20
