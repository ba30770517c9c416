"""Two processes read a file as one does; where the second is missing, or a line is wrong, nobody can tell."""

from __future__ import annotations

import io
import json
import sys
from collections import deque
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from lm_eval_logs import many, outcome

from checkpoints_db.readers import lm_eval_second, lm_eval_twin
from checkpoints_db.readers.lm_eval_samples import measure_of
from checkpoints_db.readers.lm_eval_stretch import Stretch

STRETCH = 5000


def in_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on the smallest file is read in several stretches, by two processes where the machine has none."""
    monkeypatch.setattr(lm_eval_twin, "LARGE", 1)
    monkeypatch.setattr(lm_eval_twin, "STRETCH", STRETCH)
    monkeypatch.setattr(lm_eval_twin, "_processors", lambda: 2)


def no_second(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    if how == "cannot start":
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
    elif how == "ends at once":
        monkeypatch.setattr(lm_eval_twin, "_MODULE", "checkpoints_db.errors")
    else:
        monkeypatch.setattr(lm_eval_twin, "_processors", lambda: 1)


@pytest.mark.parametrize("task", ["colors", "sums"])
def test_both_processes_find_the_same(task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = many(tmp_path / "run", task)
    in_stretches(monkeypatch)
    config = {"output_type": "multiple_choice" if task == "colors" else "generate_until"}
    bounds = list(lm_eval_twin.bounds_of(path, path.stat().st_size))
    first: dict[int, Any] = {}
    lm_eval_twin.work(lambda: Stretch(path, "none", measure_of(config, path)), deque(bounds), first)
    second: dict[int, Any] = {}
    with lm_eval_twin.second_process({"path": str(path), "chosen": "none", "config": config}) as process:
        assert lm_eval_twin.ask(process, deque(bounds), second, Event()) is None
    assert process is not None
    assert process.poll() is not None
    assert len(first) > 3
    assert first.keys() == second.keys()
    for number, taken in first.items():
        np.testing.assert_equal(second[number], taken)


@pytest.mark.parametrize("task", ["colors", "repeat", "prose", "sums"])
def test_stretches_give_what_the_whole_gives(task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = many(tmp_path / "run", task)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    whole = outcome(path)
    assert path.stat().st_size > 3 * STRETCH
    in_stretches(monkeypatch)
    assert outcome(path) == whole


@pytest.mark.parametrize("how", ["cannot start", "ends at once", "one processor"])
def test_without_a_second_process_the_first_reads_all(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = many(tmp_path / "run", "sums")
    whole = outcome(path)
    in_stretches(monkeypatch)
    no_second(monkeypatch, how)
    assert outcome(path) == whole


@pytest.mark.parametrize("place", [0, -1])
@pytest.mark.parametrize("line", ['{"doc_id": 1,', '{"doc_id": NaN}', "[1]", '{"doc_id": 1, "target": "x"}', "", "x"])
def test_what_is_wrong_is_said_with_the_line_of_the_file(
    line: str, place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = many(tmp_path / "run", "colors")
    lines = path.read_text("utf-8").splitlines()
    lines[place] = line
    path.write_text("\n".join(lines), "utf-8")
    whole = outcome(path)
    in_stretches(monkeypatch)
    assert outcome(path) == whole


def test_rows_of_a_later_stretch_are_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target outside the choices is told when all rows are counted, from where the row lies in the whole file."""
    path = many(tmp_path / "run", "colors")
    lines = path.read_text("utf-8").splitlines()
    lines[-2] = json.dumps({**json.loads(lines[-2]), "target": "9"})
    path.write_text("\n".join(lines) + "\n", "utf-8")
    in_stretches(monkeypatch)
    assert f"line {len(lines) - 1}, target" in str(outcome(path))


def test_the_second_process_answers_what_the_first_would_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = many(tmp_path / "run", "sums")
    job: dict[str, Any] = {"path": str(path), "chosen": "none", "config": {"output_type": "generate_until"}}
    orders, answers = io.BytesIO(), io.BytesIO()
    for message in (job, (0, path.stat().st_size), (3, 40)):
        lm_eval_twin.send(orders, message)
    orders.seek(0)
    lm_eval_second.answer(orders, answers)
    answers.seek(0)
    assert lm_eval_twin.received(answers) == "ready"
    taken, damaged = lm_eval_twin.received(answers), lm_eval_twin.received(answers)
    assert taken["lines"] == len(taken["doc_ids"]) == len(path.read_text("utf-8").splitlines())
    assert damaged is None  # it began inside a line
    with pytest.raises(ValueError, match="no message"):
        lm_eval_twin.received(answers)


def test_arrays_go_through_a_pipe_as_they_are() -> None:
    arrays = [
        np.array(values, dtype) for values, dtype in (([1.5, np.nan], "d"), ([2**40], "q"), ([], "I"), ([-1], "b"))
    ]
    pipe = io.BytesIO()
    lm_eval_twin.send(pipe, {"arrays": arrays, "text": "é"})
    pipe.seek(0)
    found = lm_eval_twin.received(pipe)
    for one, other in zip(found["arrays"], arrays, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)
    assert found["text"] == "é"


def test_a_second_process_that_ends_early_gives_its_stretch_back(tmp_path: Path) -> None:
    path = many(tmp_path / "run", "sums")
    job = {"path": str(path), "chosen": "none", "config": {"output_type": "generate_until"}, "x": "y" * 2**20}
    done: dict[int, Any] = {}
    with lm_eval_twin.second_process(job) as process:
        assert process is not None
        assert process.stdout is not None
        assert lm_eval_twin.received(process.stdout) == "ready"
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdout = io.BytesIO(pipe_of("ready"))
        assert lm_eval_twin.ask(process, deque([(7, 0, 10)]), done, Event()) == (7, 0, 10)
    assert not done


def pipe_of(message: Any) -> bytes:
    pipe = io.BytesIO()
    lm_eval_twin.send(pipe, message)
    return pipe.getvalue()
