"""The plain long table: what it means, and what is refused at which line and column."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from checkpoints_db.errors import IncompleteResult, UnreadableFile
from checkpoints_db.readers import read

DATA = Path(__file__).parents[1] / "data" / "readers" / "table"
HEAD = "family,run,params,flop,step,date,task,metric,kind,direction,lower,upper,chance,value,stderr,n,role"
GOOD = {
    "family": "toy",
    "run": "s",
    "params": "1e6",
    "flop": "1e14",
    "step": "100",
    "date": "2026-01-01",
    "task": "colors",
    "metric": "acc",
    "kind": "thresholded",
    "direction": "higher",
    "lower": "0",
    "upper": "1",
    "chance": "0.25",
    "value": "0.5",
    "stderr": "0.02",
    "n": "500",
    "role": "train",
}


def table(folder: Path, *rows: dict[str, str], head: str = HEAD) -> Path:
    lines = [",".join({**GOOD, **row}[name] for name in head.split(",")) for row in rows]
    path = folder / "t.csv"
    path.write_text("\n".join([head, *lines, ""]), "utf-8")
    return path


def test_a_row_says_everything():
    first, loss, last = read(DATA / "ladder.csv").readings
    assert (first.family, first.run, first.model, first.step) == ("toy", "s", "toy/s", 100)
    assert (first.params, first.tokens, first.flop, first.role) == (1e6, 2e7, 1.2e14, "train")
    assert (first.value, first.stderr, first.n, first.conditions, first.harness) == (0.3, 0.02, 500, "", "")
    assert (first.metric.chance, first.metric.upper, first.date) == (0.25, 1, datetime(2026, 1, 1, tzinfo=UTC))
    assert (loss.metric.kind, loss.metric.direction) == ("continuous", "lower")
    assert (loss.metric.upper, loss.stderr) == (None, None)
    assert (last.date, last.role) == (datetime(2026, 1, 2, 9, tzinfo=UTC), "target")


def test_defaults_are_those_of_the_docstring(tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text("model,task,metric,value\nx/y,colors,acc,0.5\n", "utf-8")
    (reading,) = read(path).readings
    assert (reading.model, reading.family, reading.run) == ("x/y", None, None)
    assert (reading.metric.kind, reading.metric.direction, reading.metric.lower) == ("thresholded", "higher", None)


def test_csv_and_json_lines_say_the_same(tmp_path: Path):
    row = {"family": "toy", "run": "s", "flop": 1e14, "step": 100, "task": "t", "metric": "acc", "value": 0.5, "n": 9}
    lines, cells = tmp_path / "a.jsonl", tmp_path / "a.csv"
    lines.write_text(json.dumps({**row, "stderr": None}) + "\n", "utf-8")
    cells.write_text(",".join(row) + "\n" + ",".join(str(v) for v in row.values()) + "\n", "utf-8")
    assert read(lines).readings == read(cells).readings


def test_quotes_hold_commas_and_line_ends(tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text('run,task,metric,value,flop\n"a, b","say ""x""",acc,0.5,1\n', "utf-8")
    assert (read(path).readings[0].run, read(path).readings[0].task) == ("a, b", 'say "x"')
    path.write_text('run,task,metric,value,date\na,t,acc,0.5,"\n"\nc,d,acc,x,\n', "utf-8")
    with pytest.raises(UnreadableFile, match="line 4, column value"):
        read(path)


@pytest.mark.parametrize(
    ("cell", "text", "why"),
    [
        ("flop", "-3", "-3 is not positive"),
        ("flop", "0", "0 is not positive"),
        ("params", "-1e6", "is not positive"),
        ("flop", "nan", "'nan' is not a number"),
        ("flop", "∞", "is not a number"),
        ("flop", "1e999", "not a finite"),
        ("value", "1.37", r"1\.37 is outside 0\.\.1"),
        ("value", "inf", "is not a number"),
        ("value", "1_0", "is not a number"),
        ("value", "٠", "is not a number"),
        ("value", "0x1", "is not a number"),
        ("value", "", "missing"),
        ("value", '"0,7"', "decimals with a point"),
        ("stderr", "-0.1", "-0.1 is negative"),
        ("n", "0", "0 is not a whole number of at least 1"),
        ("n", "2.5", "not a whole number"),
        ("step", "-1", "at least 0"),
        ("kind", "smooth", "'smooth' is none of continuous, thresholded"),
        ("direction", "up", "none of higher, lower"),
        ("role", "test", "none of train, target"),
        ("chance", "1.5", r"1\.5 is outside"),
        ("lower", "1", "not below upper"),
        ("date", "yesterday", "is not a date"),
        ("date", "2026-01-01T09:00", "has no zone"),
        ("task", "", "missing"),
        ("metric", "", "missing"),
        ("run", "", "neither run nor model"),
    ],
)
def test_bad_cells_are_named_by_line_and_column(cell: str, text: str, why: str, tmp_path: Path):
    path = table(tmp_path, {}, {"run": "m", cell: text})
    with pytest.raises(UnreadableFile, match=rf"t\.csv: line 3, column {cell}: .*{why}|line 3, column {cell}: {why}"):
        read(path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("run,task,metric,value,flops\na,b,c,1,1\n", "line 1: unknown column 'flops'; did you mean flop"),
        ("run,task,metric,value,zebra\na,b,c,1,1\n", "line 1: unknown column 'zebra'; known are"),
        ("run,task,metric,value,run\na,b,c,1,1\n", "line 1, column run: this column occurs twice"),
        ("run,task,metric\na,b,c\n", "line 1: column value is missing"),
        ("task,metric,value\nb,c,1\n", "line 1: column run or model is missing"),
        ("run;task;metric;value\na;b;c;1\n", "line 1: columns are separated by semicolons"),
        ("run\ttask\tmetric\tvalue\na\tb\tc\t1\n", "line 1: columns are separated by tabs"),
        ("run,task,metric,value\na,b,c,1\na,b,d\n", "line 3: 3 cells where the header has 4"),
        ("run,task,metric,value\na,b,c,1\n\na,b,d,1,2\n", "line 4: 5 cells where the header has 4"),
        ('run,task,metric,value\na,b,c,1\na,"b,d,1\n', "line 3: not CSV"),
        ("run,task,metric,value\na,b,c,1\na,b,c,2\n", "line 3: .* is already on line 2"),
        (
            "run,task,metric,value,direction\na,b,c,1,lower\nx,b,c,2,higher\n",
            "line 3, column direction: higher here, lower on line 2",
        ),
        ("run,task,metric,value\na,b,c\0,1\n", "line 2: a zero byte"),
        ("run,task,metric,value\n\x1b[31ma,b,c,1\n", r"line 2, column run: the name .* cannot be shown"),
        ("run,task,metric,value\na,\u202eb,c,1\n", r"line 2, column task: the name .* cannot be shown"),
        ('run,task,metric,value\na,"b\nb",c,1\n', r"line 2, column task: the name .* cannot be shown"),
    ],
)
def test_bad_tables_are_named_by_line(text: str, why: str, tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(UnreadableFile, match=why):
        read(path)


@pytest.mark.parametrize(
    ("second", "why"),
    [
        ('{"run": "b", "task": "t", "metric": "m", "value": "0.5"}', "line 2, column value: text"),
        ('{"run": "b", "task": "t", "metric": "m", "value": true}', "line 2, column value: true or false"),
        ('{"run": "b", "task": "t", "metric": "m", "value": NaN}', "line 2, value: NaN"),
        ('{"run": "b", "task": 3, "metric": "m", "value": 1}', "line 2, column task: 3 is not text"),
        ('{"run": "b", "task": "t", "metric": "m", "vlaue": 1}', "line 2: unknown column 'vlaue'; did you mean value"),
        ('{"run": "b", "run": "c", "task": "t", "metric": "m", "value": 1}', "line 2, run: this key occurs twice"),
        ("[1]", "line 2: a list where an object"),
    ],
)
def test_bad_json_lines(second: str, why: str, tmp_path: Path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"run": "a", "task": "t", "metric": "m", "value": 1}\n' + second + "\n", "utf-8")
    with pytest.raises(UnreadableFile, match=why):
        read(path)


def test_a_cut_json_line_is_incomplete(tmp_path: Path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"run": "a", "task": "t", "metric": "m", "value": 1}\n{"run": "b", "ta', "utf-8")
    with pytest.raises(IncompleteResult, match="line 2"):
        read(path)


def test_not_available_is_left_out_with_a_note(tmp_path: Path):
    out = read(table(tmp_path, {"value": "N/A"}, {"run": "m"}))
    assert [reading.run for reading in out.readings] == ["m"]
    assert out.notes == ("line 2: no value (N/A)",)


def test_an_open_last_line_is_mentioned(tmp_path: Path):
    path = table(tmp_path, {})
    path.write_text(path.read_text("utf-8").rstrip("\n"), "utf-8")
    assert "no line end" in read(path).notes[0]


def test_the_same_metric_may_differ_between_families(tmp_path: Path):
    path = table(tmp_path, {"upper": "1"}, {"family": "other", "upper": "100"})
    assert len(read(path).readings) == 2


def test_checkpoints_without_a_step_differ_by_their_scale(tmp_path: Path):
    assert len(read(table(tmp_path, {"step": ""}, {"step": "", "flop": "2e14"})).readings) == 2
