"""Sheets as files: the same rows in CSV, JSON lines and Parquet; a file is whole or not there."""

from __future__ import annotations

import csv
import io
import json
from contextlib import nullcontext
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from asking import answer, run
from lab import Lab, rung

from checkpoints_db.sheets import SHEETS
from monitor.faces.cli import shell


@pytest.fixture
def paused(ladder: Lab) -> Lab:
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    ladder.cycle()
    return ladder


@pytest.mark.parametrize("what", SHEETS)
def test_every_format_has_the_same_rows(paused: Lab, tmp_path: Path, what: str) -> None:
    told = {
        form: answer(paused, "export", what, "--format", form, "--out", str(tmp_path / f"x.{form}"))
        for form in ("csv", "jsonl", "parquet")
    }
    rows = told["csv"]["rows"]
    assert [each["rows"] for each in told.values()] == [rows] * 3
    table = list(csv.DictReader(io.StringIO((tmp_path / "x.csv").read_text())))
    lines = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()]
    parquet = pq.read_table(tmp_path / "x.parquet").to_pylist()
    assert len(table) == len(lines) == len(parquet) == rows > 0
    assert list(table[0]) == list(lines[0]) == list(parquet[0]) == list(SHEETS[what].columns)
    for row, line, typed in zip(table, lines, parquet, strict=True):
        for name, value in line.items():
            assert row[name] == ("" if value is None else str(value))
            if not isinstance(value, str):
                assert typed[name] == value


def test_standard_output_takes_rows_that_are_text(paused: Lab) -> None:
    code, text = run(paused, "export", "decisions", "--format", "jsonl")
    assert code == 0
    assert [json.loads(line)["answer"] for line in text.splitlines()] == ["PAUSE"]
    code, text = run(paused, "export", "results", "--family", "nobody")
    assert (code, text.splitlines()) == (0, [",".join(SHEETS["results"].columns)])


def test_it_says_how_far_it_is(paused: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[tuple[str, int, int]]()
    monkeypatch.setattr("checkpoints_db.tables.PAGE", 10)
    monkeypatch.setattr(shell, "progress", lambda after: nullcontext(lambda *far: told.append(far)))
    code, text = run(paused, "export", "results")
    rows = len(text.splitlines()) - 1
    assert (code, told[0], told[-1]) == (0, ("results", 10, rows), ("results", rows, rows))


def test_what_cannot_be_is_refused_in_words(paused: Lab, tmp_path: Path) -> None:
    assert run(paused, "export", "results", "--format", "parquet")[0] == 2
    assert run(paused, "export", "results", "--json")[0] == 2
    assert run(paused, "export", "nonsense")[0] == 2
    assert run(paused, "export", "results", "--since", "yesterday")[0] == 2
    code, text = run(paused, "export", "results", "--out", str(tmp_path / "no" / "such" / "x.csv"))
    assert (code, "cannot be written" in text) == (1, True)


def test_a_file_is_whole_or_what_was_there_before(paused: Lab, tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    out.write_text("before")
    with paused.store() as store:
        store._tables._db.execute("DROP TRIGGER ledger_refuses_update")
        store._tables._db.execute("UPDATE ledger SET body = '{}' WHERE kind = 'verdict'")
    assert run(paused, "export", "verdicts", "--out", str(out))[0] == 1
    assert out.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir() if each.name.endswith(".part")] == []
