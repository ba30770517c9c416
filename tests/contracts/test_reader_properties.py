"""For every reader: the figures that went in come out; whatever is damaged, a reader reads or refuses as evidence."""

from __future__ import annotations

import copy
import json
import math
import shutil
import statistics
import struct
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import harness_logs
import pytest
from acme import LOG
from harness_logs import Asked
from hypothesis import given, settings
from hypothesis import strategies as st
from inspect_logs import DEFLATE, STORED, ZSTD, Entry, as_eval, entries, log
from more_readers import MORE, read

from checkpoints_db.errors import EvidenceError
from checkpoints_db.readers import READERS
from checkpoints_db.readers.context import context_of

DATA = Path(__file__).parents[1] / "data" / "readers"
WRITERS: dict[str, Callable[[Path, str, Sequence[Asked]], list[Path]]] = {
    name: getattr(harness_logs, name)
    for name in ("lm_eval", "inspect", "helm", "openai_evals", "bigbench", "olmes", "table")
}
NAMES = {  # what each harness calls the share of right answers, and the likelihood of the right one
    "lm_eval": ("acc,none", "log_likelihood"),
    "inspect": ("accuracy,match", None),
    "helm": ("exact_match", None),
    "openai_evals": ("accuracy", "log_likelihood"),
    "bigbench": ("multiple_choice_grade", None),
    "olmes": ("acc_raw", "log_likelihood"),
    "table": ("acc", "log_likelihood"),
}
each_reader = pytest.mark.parametrize("name", READERS.names())
likelihoods = st.floats(-60, -1e-6)
documents = st.lists(st.builds(Asked, likelihoods, likelihoods), min_size=2, max_size=9)
models = st.from_regex(r"[a-z]{1,8}/[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


def emptied(folder: Path) -> Path:
    """A folder that every example finds empty."""
    shutil.rmtree(folder / "run", ignore_errors=True)
    (folder / "run").mkdir()
    return folder / "run"


def test_every_reader_has_a_writer() -> None:
    assert set(WRITERS) == set(NAMES) == set(READERS.names())


@each_reader
@given(asked=documents, model=models)
@settings(max_examples=20)
def test_the_figures_that_went_in_come_out(name: str, asked: list[Asked], model: str, folder: Path) -> None:
    paths = WRITERS[name](emptied(folder), model, asked)
    readings = [reading for path in paths for reading in read(path).readings]
    found = {reading.metric.name: reading for reading in readings}
    assert len(found) == len(readings)
    assert {reading.model for reading in readings} == {model}
    right, likely = NAMES[name]
    assert found[right].value == pytest.approx(harness_logs.share(asked), abs=1e-12)
    assert found[right].n in (len(asked), None)
    assert found[right].n or name == "bigbench"
    if likely is not None:
        lls = [each.ll for each in asked]
        assert found[likely].value == pytest.approx(statistics.fmean(lls), rel=1e-9)
        assert found[likely].n == len(asked)
        if name != "table":
            assert found[likely].stderr == pytest.approx(statistics.stdev(lls) / len(lls) ** 0.5, rel=1e-6, abs=1e-9)


# -- damage -----------------------------------------------------------------------------------------------------------

EXAMPLES = [path for example in sorted(DATA.iterdir()) for path in sorted(example.iterdir())]
EXAMPLES.append(LOG)
TEXTS = [path for path in EXAMPLES if path.suffix not in (".eval", ".parquet")]
DEEP: Any = json.loads("[" * 300 + "]" * 300)
numbers = st.one_of(
    st.sampled_from([0, -1, 1, 2**63, 10**400, 1e308, -1e308, 5e-324, -0.0, math.nan, math.inf, -math.inf]),
    st.floats(),
    st.integers(),
)
texts = st.sampled_from(["", " ", "x", "\u202e", "\ud800", "\x1b[31m", "9" * 700, "NaN", "../../x", "1e999", "=1+1"])
values = st.one_of(st.none(), st.booleans(), numbers, texts, st.sampled_from([[], {}, [None], {"name": {}}, DEEP]))


def places(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in inner:
        yield (*path, key)
        yield from places(value, (*path, key))


@cache
def lines_of(path: Path) -> list[str]:
    """The JSON values of a file, as text: one, or one a line."""
    text = path.read_text(encoding="utf-8")
    return text.splitlines() if text.count("\n{") else [text]


@cache
def places_of(path: Path, line: int) -> list[tuple[Any, ...]]:
    return list(places(json.loads(lines_of(path)[line])))


def damaged(path: Path, data: st.DataObject) -> str:
    """The file with some values of one line changed, dropped, or given under a doubled key."""
    lines = list(lines_of(path))
    at = data.draw(st.integers(0, len(lines) - 1))
    body = json.loads(lines[at])
    for place in data.draw(st.lists(st.sampled_from(places_of(path, at)), min_size=1, max_size=3, unique=True)):
        inner = body
        try:
            for key in place[:-1]:
                inner = inner[key]
            how = data.draw(st.sampled_from(["change", "drop", "repeat"]))
            if how == "change":
                inner[place[-1]] = copy.deepcopy(data.draw(values))
            elif how == "drop":
                del inner[place[-1]]
            elif isinstance(inner, list):
                inner.append(inner[place[-1]])
            else:
                inner["\0twice"] = inner[place[-1]]
                lines[at] = json.dumps(body).replace(json.dumps("\0twice"), json.dumps(str(place[-1])))
                return "\n".join(lines)
        except (KeyError, IndexError, TypeError):  # an earlier change took the place away
            continue
    lines[at] = json.dumps(body)
    return "\n".join(lines)


def read_all(here: Path) -> None:
    """A file and those that lean on others: read, or refused as evidence; and no number that is not finite."""
    folder = here.parent
    for path in sorted(folder.iterdir()):
        if not context_of(path, MORE) and path != here:
            continue
        try:
            out = read(path)
        except EvidenceError as error:
            if str(folder) not in str(error):
                raise AssertionError("the message does not say which file") from error
            continue
        for reading in out.readings:
            said = [reading.value, reading.stderr, reading.params, reading.tokens, reading.flop, reading.n]
            assert all(number is None or math.isfinite(number) for number in said)


def copied(path: Path, folder: Path) -> Path:
    """The example and its neighbours."""
    run = emptied(folder)
    for each in [path] if path == LOG else path.parent.iterdir():
        shutil.copyfile(each, run / each.name)
    return run / path.name


@pytest.mark.parametrize(
    "path", [path for path in TEXTS if path.suffix != ".csv"], ids=lambda path: f"{path.parent.name}/{path.name}"
)
@given(data=st.data())
@settings(max_examples=25)
def test_any_values_of_the_json_may_be_damaged(path: Path, data: st.DataObject, folder: Path) -> None:
    here = copied(path, folder)
    here.write_bytes(damaged(path, data).encode("utf-8", "surrogatepass"))
    read_all(here)


@pytest.mark.parametrize("table", ["table/ladder.csv", "columns/history.csv"])
@given(data=st.data())
@settings(max_examples=80)
def test_any_cells_of_a_table_may_be_damaged(table: str, data: st.DataObject, folder: Path) -> None:
    here = copied(DATA / table, folder)
    rows = [line.split(",") for line in here.read_text(encoding="utf-8").splitlines()]
    cells = st.one_of(
        texts, numbers.map(str), st.text(max_size=5), st.sampled_from(['"', '"a', "a;b", "\0", "−1", "٣"])
    )
    for _ in range(data.draw(st.integers(1, 4))):
        row = rows[data.draw(st.integers(0, len(rows) - 1))]
        row[data.draw(st.integers(0, len(row) - 1))] = data.draw(cells)
    here.write_bytes("\n".join(map(",".join, rows)).encode("utf-8", "surrogatepass"))
    read_all(here)


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "BOM": lambda raw: b"\xef\xbb\xbf" + raw,
    "two BOMs": lambda raw: b"\xef\xbb\xbf" * 2 + raw,
    "CRLF": lambda raw: raw.replace(b"\n", b"\r\n"),
    "CR": lambda raw: raw.replace(b"\n", b"\r"),
    "UTF-16": lambda raw: raw.decode().encode("utf-16"),
    "UTF-16 without BOM": lambda raw: raw.decode().encode("utf-16-le"),
    "UTF-32": lambda raw: raw.decode().encode("utf-32"),
    "EBCDIC": lambda raw: raw.decode().encode("cp500", "replace"),
    "latin 1": lambda raw: raw.replace(b"a", b"\xe4"),
    "half a surrogate pair": lambda raw: raw.replace(b"a", b"\xed\xa0\x80", 1),
    "zero bytes": lambda raw: raw + b"\0" * 4096,
    "deep": lambda raw: b"[" * 200_000 + raw,
    "deep inside": lambda raw: raw.replace(b": ", b": " + b"[" * 100_000, 1),
    "twice": lambda raw: raw + raw,
    "backwards": lambda raw: raw[::-1],
    "no quotes": lambda raw: raw.replace(b'"', b""),
    "constants": lambda raw: raw.replace(b"0.5", b"NaN").replace(b"null", b"-Infinity"),
    "huge": lambda raw: raw.replace(b"0.5", b"1e999").replace(b": 1", b": " + b"1" * 5000),
    "a zip's first bytes": lambda raw: b"PK\x03\x04" + raw,
    "empty": lambda raw: b"",
    "one byte": lambda raw: raw[:1],
}
SAME = ("BOM", "CRLF")


@pytest.mark.parametrize("how", ENCODINGS)
def test_any_encoding_is_read_alike_or_refused(how: str, folder: Path) -> None:
    for path in TEXTS:
        here = copied(path, folder)
        here.write_bytes(ENCODINGS[how](path.read_bytes()))
        read_all(here)
        if how in SAME:
            assert read(here).readings == read(path).readings


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
@given(data=st.data())
@settings(max_examples=12)
def test_any_bytes_may_be_flipped_inserted_or_cut(path: Path, data: st.DataObject, folder: Path) -> None:
    here, raw = copied(path, folder), bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(0, len(raw) - 1)))
        how, piece = data.draw(st.sampled_from(["flip", "insert", "cut", "end"])), data.draw(st.binary(max_size=8))
        if how == "flip":
            raw[at : at + len(piece)] = piece
        elif how == "insert":
            raw[at:at] = piece
        else:
            del raw[at : None if how == "end" else at + 40]
    here.write_bytes(raw)
    read_all(here)


LIES = {
    "size": st.integers(0, 2**32 - 1),
    "crc": st.integers(0, 2**32 - 1),
    "flags": st.integers(0, 2**16 - 1),
    "packed": st.binary(max_size=60),
    "method": st.sampled_from([STORED, DEFLATE, ZSTD, 1, 12, 14, 97, 65_535]),
    "data": st.one_of(st.binary(max_size=30), values.map(lambda value: json.dumps(value).encode("utf-8", "replace"))),
    "name": st.sampled_from(["", "header.json", "../x", "/etc/passwd", "samples/a_epoch_1.json", "\u202e", "x" * 2000]),
}


@given(data=st.data(), method=st.sampled_from([STORED, DEFLATE, ZSTD]))
@settings(max_examples=80)
def test_any_header_of_a_zip_may_lie(data: st.DataObject, method: int, folder: Path) -> None:
    found: list[Entry] = entries(log(), method)
    for _ in range(data.draw(st.integers(1, 3))):
        lie = data.draw(st.sampled_from(sorted(LIES)))
        setattr(data.draw(st.sampled_from(found)), lie, data.draw(LIES[lie]))
    path = as_eval(emptied(folder), found)
    raw = bytearray(path.read_bytes())
    for field in data.draw(st.lists(st.integers(4, 21), max_size=2)):  # counts, sizes and offsets of the directory
        struct.pack_into("<B", raw, len(raw) - 22 + field, data.draw(st.integers(0, 255)))
    path.write_bytes(raw)
    read_all(path)
