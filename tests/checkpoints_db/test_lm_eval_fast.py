"""Rows that are decoded fast say what strict reading says; what strict reading refuses is refused in the same words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lm_eval_logs import MANY, many, outcome

from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers import json_lines, lm_eval_stretch, read
from checkpoints_db.readers.lm_eval_shape import Shape, Shapes, keys_in


def no_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on every row is read strictly."""
    monkeypatch.setattr("checkpoints_db.readers.lm_eval_shape.MOST", 0)


def changed(line: str, **keys: Any) -> str:
    return json.dumps({**json.loads(line), **keys}, ensure_ascii=False)


DAMAGE: dict[str, Callable[[str], str | bytes]] = {
    "nothing": lambda line: line,
    "doubled key": lambda line: line[:-1] + ', "target": "0"}',
    "doubled key below": lambda line: line.replace('"arg_0"', '"arg_1": "x", "arg_0"', 1),
    "doubled key, spaced": lambda line: line[:-1] + ', "target"   \t   : "0"}',
    "doubled unused key": lambda line: line[:-1] + ', "x": 1, "x": 1}',
    "NaN": lambda line: line[:-1] + ', "x": NaN}',
    "overflow": lambda line: line[:-1] + ', "x": 1e999}',
    "overflow in a known field": lambda line: line.replace('"doc_id": ', '"doc_id": 1e999, "y": ', 1),
    "thousands of digits": lambda line: line[:-1] + ', "x": ' + "9" * 5000 + "}",
    "bottomless": lambda line: line[:-1] + ', "x": ' + "[" * 5000 + "]" * 5000 + "}",
    "latin-1": lambda line: line[:-1].encode() + ', "x": "é"}'.encode("latin-1"),
    "zero byte": lambda line: line[:-1] + ', "x": "\0"}',
    "half a line": lambda line: line[: len(line) // 2],
    "two rows": lambda line: line + line,
    "no object": lambda line: "[1]",
    "surrogate": lambda line: line[:-1] + ', "x": "\\ud800"}',
    "another field": lambda line: line[:-1] + ', "x": 1}',
    "no filter": lambda line: json.dumps({k: v for k, v in json.loads(line).items() if k != "filter"}),
    "filter as a number": lambda line: changed(line, filter=1),
    "negative document": lambda line: changed(line, doc_id=-1),
    "enormous document": lambda line: changed(line, doc_id=2**70),
    "document as a float": lambda line: changed(line, doc_id=float(json.loads(line)["doc_id"])),
    "target as a number": lambda line: changed(line, target=0),
    "target out of range": lambda line: changed(line, target="9"),
    "target unknown": lambda line: changed(line, target="xyzzy"),
    "target none of them": lambda line: changed(line, target="-100"),
    "target null": lambda line: changed(line, target=None),
    "acc as text": lambda line: changed(line, acc="1.0"),
    "acc wrong": lambda line: changed(line, acc=0.25),
    "exact_match as text": lambda line: changed(line, exact_match="1.0"),
    "answers missing": lambda line: changed(line, filtered_resps=[], resps=[]),
    "answers of three": lambda line: changed(line, filtered_resps=[["-1", "True", "x"]] * 2),
    "likelihood above 0": lambda line: changed(line, filtered_resps=[["1.5", "True"]] * 2),
    "likelihood nan": lambda line: changed(line, filtered_resps=[["nan", "True"]] * 2),
    "likelihood no number": lambda line: changed(line, filtered_resps=[["x", "True"]] * 2),
    "arguments as a list": lambda line: changed(line, arguments=[["a", " b"], ["a", " c"]]),
    "empty line": lambda line: line + "\n\r\n",
    "the same again": lambda line: line + "\n" + line,
    "the same otherwise": lambda line: line + "\n" + changed(line, target="zzz", filtered_resps=[]),
    "a colon behind a quote": lambda line: changed(line, doc={"q": '": ":', "r": ":"}),
    "CRLF": lambda line: line + "\r",
}


@pytest.mark.parametrize("damage", list(DAMAGE))
@pytest.mark.parametrize(
    ("task", "place"), [("colors", 0), ("colors", 40), ("colors", -1), ("repeat", 40), ("prose", 0), ("sums", 40)]
)
def test_fast_and_strict_reading_agree(
    task: str, damage: str, place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = many(tmp_path / "run", task)
    lines: list[Any] = path.read_text("utf-8").splitlines()
    lines[place] = DAMAGE[damage](lines[place])
    raw = [line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line for line in lines]
    path.write_bytes(b"\n".join(raw) + b"\n")
    fast = outcome(path)
    no_shapes(monkeypatch)
    assert outcome(path) == fast


@pytest.mark.parametrize("task", ["colors", "repeat", "prose", "sums"])
def test_the_usual_rows_are_decoded_fast(task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first row of a file is read strictly: where all are, nobody would notice but the clock."""
    path, strictly = many(tmp_path / "run", task), []
    of = lm_eval_stretch.line_of
    monkeypatch.setattr(lm_eval_stretch, "line_of", lambda line, path: strictly.append(line.number) or of(line, path))
    read(path)
    assert len(strictly) <= lm_eval_stretch.TOGETHER
    assert strictly[0] == 1


def test_blocks_of_any_size_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = many(tmp_path / "run", "colors")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    whole = outcome(path)
    for size in (7, 100, 5000):
        monkeypatch.setattr(json_lines, "BLOCK", size)
        monkeypatch.setattr(lm_eval_stretch, "ENOUGH", size)
        assert outcome(path) == whole


def test_a_line_without_end_is_refused_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = many(tmp_path / "run", "colors")
    path.write_bytes(path.read_bytes() + b'{"doc_id": "' + b"x" * 3000)
    monkeypatch.setattr(json_lines, "BLOCK", 500)
    monkeypatch.setattr(json_lines, "MAX_LINE", 2000)
    with pytest.raises(UnreadableFile, match=f"line {3 * MANY + 1}: longer than the limit of 2000 bytes"):
        read(path)


def test_keys_are_never_counted_too_few() -> None:
    lines = [b'{"a":1,"b" :{"c"\t : 2}}', b'{"a": ": x"}', b'{"a": "\\": "}', b'{"a"     : 1}', b"[1]"]
    counted = [keys_in(line) for line in lines]
    assert all(found >= true for found, true in zip(counted, [3, 1, 1, 1, 0], strict=True))
    assert (counted[0], counted[4]) == (3, 0)


def test_a_shape_refuses_every_other_one() -> None:
    body = {"doc_id": 1, "doc": {"q": "x"}, "arguments": {"g": {"arg_0": "a", "arg_1": "b"}}}
    shape = Shape(body, {"doc_id": int})
    rows = shape.decoded(json.dumps(body).encode())
    assert [row.doc_id for row in rows] == [1]
    for other in ({**body, "more": 1}, {**body, "doc": {}}, {**body, "doc_id": "1"}, {"doc_id": 1}):
        assert shape.decoded(json.dumps(other).encode()) == []
    shapes = Shapes({"doc_id": int, "arguments": dict})
    shapes.learn({"doc_id": "no number", "arguments": body["arguments"]}, b'{"doc_id": "no number"}')
    assert shapes.decoded(json.dumps(body).encode(), 1) == []
