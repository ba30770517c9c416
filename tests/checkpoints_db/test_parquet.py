"""The plain table as Parquet: what it says, what it may not make us allocate, and that damage is only ever evidence."""

from __future__ import annotations

import io
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from checkpoints_db.errors import EvidenceError, IncompleteResult, UnreadableFile
from checkpoints_db.readers import parquet, read
from checkpoints_db.readers.parquet_pages import header_of, largest_page

COLUMNS: dict[str, Any] = {
    "family": ["f"] * 4,
    "run": ["a", "a", "b", "b"],
    "params": [1e6, 1e6, 2e6, 2e6],
    "step": [100, 100, 100, 100],
    "date": [datetime(2026, 11, 23, 9, tzinfo=UTC)] * 4,
    "task": ["t", "u", "t", "u"],
    "metric": ["acc"] * 4,
    "value": [0.25, 0.5, 0.75, None],
    "n": [100, None, 100, None],
}


def written(path: Path, columns: dict[str, Any] | None = None, **how: Any) -> Path:
    pq.write_table(pa.table(columns or {**COLUMNS, "value": [0.25, 0.5, 0.75, 1.0]}), path, **how)
    return path


@pytest.mark.parametrize(
    "how",
    [
        {"compression": "snappy"},
        {"compression": "zstd", "use_dictionary": False},
        {"compression": "gzip", "data_page_version": "2.0"},
        {"compression": "none", "row_group_size": 1},
        {"store_schema": False, "use_deprecated_int96_timestamps": True},
    ],
)
def test_a_table_reads_the_same_however_it_is_packed(how: dict[str, Any], tmp_path: Path) -> None:
    plain = tmp_path / "t.csv"
    plain.write_text(
        "family,run,params,step,date,task,metric,value,n\n"
        "f,a,1e6,100,2026-11-23T09:00:00Z,t,acc,0.25,100\nf,a,1e6,100,2026-11-23T09:00:00Z,u,acc,0.5,\n"
        "f,b,2e6,100,2026-11-23T09:00:00Z,t,acc,0.75,100\nf,b,2e6,100,2026-11-23T09:00:00Z,u,acc,1,\n"
    )
    columns = {**COLUMNS, "value": [0.25, 0.5, 0.75, 1.0]}
    if "store_schema" in how:
        columns.pop("date")
        plain.write_text(plain.read_text().replace("date,", "").replace("2026-11-23T09:00:00Z,", ""))
    found = read(written(tmp_path / "t.parquet", columns, **how))
    assert found.readings == read(plain).readings
    assert (found.reader, len(found.readings), found.notes) == ("table", 4, ())


def test_other_types_of_numbers_and_dates(tmp_path: Path) -> None:
    columns = {
        "model": pa.array(["m"]).dictionary_encode(),
        "task": pa.array(["t"], pa.large_string()),
        "metric": ["acc"],
        "value": [Decimal("0.25")],
        "step": pa.array([7], pa.int8()),
        "date": [date(2026, 11, 23)],
        "tokens": pa.array([1e9], pa.float32()),
        "__index_level_0__": [3],
    }
    (found,) = read(written(tmp_path / "t", columns)).readings
    assert (found.value, found.step, found.tokens) == (0.25, 7, 1e9)
    assert found.date == datetime(2026, 11, 23, tzinfo=UTC)


def test_nanoseconds_are_cut(tmp_path: Path) -> None:
    stamp = pa.array([1_795_424_400_123_456_789], pa.timestamp("ns", "UTC"))
    columns = {"model": ["m"], "task": ["t"], "metric": ["acc"], "value": [0.5], "date": stamp}
    (found,) = read(written(tmp_path / "t", columns)).readings
    assert found.date is not None
    assert found.date.microsecond == 123456


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"valeu": [1.0] * 4}, r"columns: unknown column 'valeu'; did you mean value"),
        ({"value": None}, "columns: column value is missing"),
        ({"value": [0.1, float("nan"), 0.2, 0.3]}, r"row 2, column value: nan is not a finite number"),
        ({"value": [0.1, float("inf"), 0.2, 0.3]}, r"row 2, column value: inf is not a finite number"),
        ({"value": ["0.1"] * 4}, "row 1, column value: text .* where a number is expected"),
        ({"value": [True] * 4}, "row 1, column value: true or false"),
        ({"value": [[0.1]] * 4}, "column value: nested"),
        ({"value": [{"a": 1.0}] * 4}, "column value: nested"),
        ({"task": [b"\xff"] * 4}, "column task: of type binary; write it as text"),
        ({"task": ["x" * 5000] * 4}, "column task: a text of 5000 bytes"),
        ({"task": ["a\x1b[2J"] * 4}, "row 1, column task: .*cannot be shown"),
        ({"n": pa.array([b"x" * 99] * 4, pa.binary(99))}, "column n: of a fixed length"),
        ({"run": ["a"] * 4, "task": ["t"] * 4}, "row 2: .* is already on row 1"),
        ({"date": [datetime(2026, 1, 1, 9)] * 4}, "row 1, column date: .* has no zone"),  # noqa: DTZ001
    ],
)
def test_a_bad_table_is_named_by_row_and_column(change: dict[str, Any], why: str, tmp_path: Path) -> None:
    columns = {**COLUMNS, "value": [0.25, 0.5, 0.75, 1.0], **change}
    path = written(tmp_path / "t.parquet", {name: cells for name, cells in columns.items() if cells is not None})
    with pytest.raises(UnreadableFile, match=why) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_without_the_extra_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "t.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # as it is where nobody installed it
    with pytest.raises(UnreadableFile, match=r"pip install 'holdpoint\[parquet\]'"):
        read(path)


def test_a_page_that_would_fill_the_memory_is_not_decompressed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kilobytes that want two megabytes: refused by the header of the page, before the text is there to be long."""
    columns = {**COLUMNS, "value": [0.1] * 4, "task": ["x" * 2_000_000, "t", "u", "v"]}
    path = written(tmp_path / "t.parquet", columns, use_dictionary=False, compression="zstd", write_statistics=False)
    assert path.stat().st_size < 10_000
    assert "column task: a text of 2000000 bytes" in read_error(path, monkeypatch, "MAX_PAGES", 3_000_000)
    assert "column task: its pages need more than 1000000" in read_error(path, monkeypatch, "MAX_PAGES", 1_000_000)


def test_rows_columns_and_footer_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "t.parquet")
    assert "more than 3; split" in read_error(path, monkeypatch, "MAX_ROWS", 3)
    assert "more than 8; leave" in read_error(path, monkeypatch, "MAX_COLUMNS", 8)
    assert "footer" in read_error(path, monkeypatch, "MAX_FOOTER", 100)


def read_error(path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> str:
    with monkeypatch.context() as patched:
        patched.setattr(parquet, limit, value)
        with pytest.raises(UnreadableFile) as caught:
            read(path)
    return str(caught.value)


def test_too_many_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"value": np.zeros(parquet.MAX_ROWS + 1)}), path)
    with pytest.raises(UnreadableFile, match="250001 are more than 250000; split the file"):
        parquet.Parquet(path)


@pytest.mark.parametrize(
    "raw", [b"", b"\x00", b"\x15", b"\x15\x00\x15", b"\x1c" * 40, b"\x19\xff", b"\x15\x00\x15\x01\x00"]
)
def test_no_page_header(raw: bytes) -> None:
    with pytest.raises(ValueError, match="page"):
        header_of(raw)


def test_a_page_header() -> None:
    """Type 0, 100 bytes that lie there as 60, and a struct that is passed over."""
    head = header_of(bytes([0x15, 0, 0x15, 200, 1, 0x15, 120, 0x2C, 0x15, 8, 0, 0]) + b"content")
    assert head == (12, 60, 100)


def page(compressed: int, uncompressed: int) -> bytes:
    """A page of fewer than 64 bytes, whole."""
    return bytes([0x15, 0, 0x15, 2 * uncompressed, 0x15, 2 * compressed, 0]) + b"x" * compressed


def test_the_largest_page_need_not_be_the_first() -> None:
    column = page(3, 5) + page(4, 50) + page(2, 9)
    file = io.BytesIO(b"PAR1" + column)
    assert largest_page(file, 4, len(column), 100) == 50
    assert largest_page(file, 4, len(column), 40) == 50
    with pytest.raises(ValueError, match="longer than its column"):
        largest_page(file, 4, len(column) - 1, 100)


def test_a_page_header_does_not_nest_without_end() -> None:
    with pytest.raises(ValueError, match="nests too deeply"):
        header_of(b"\x1c" * 2000 + b"\x00" * 2000)


def test_pages_of_all_columns_count_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"task": ["t" * 3000] + ["u"] * 3, "metric": ["m" * 3000] + ["acc"] * 3}
    path = written(tmp_path / "t.parquet", {**COLUMNS, "value": [0.1] * 4, **texts}, use_dictionary=False)
    assert "its pages need more than 5000" in read_error(path, monkeypatch, "MAX_PAGES", 5000)


def test_a_footer_is_no_longer_than_its_file(tmp_path: Path) -> None:
    path = written(tmp_path / "t.parquet")
    raw = path.read_bytes()
    path.write_bytes(raw[:-8] + len(raw).to_bytes(4, "little") + b"PAR1")
    with pytest.raises(UnreadableFile, match=r"footer: .* or than the file holds"):
        read(path)


def test_cut_off_anywhere_it_is_incomplete(tmp_path: Path) -> None:
    path = written(tmp_path / "t.parquet")
    raw = path.read_bytes()
    for cut in (4, 8, 100, len(raw) // 2, len(raw) - 1):
        path.write_bytes(raw[:cut])
        with pytest.raises(IncompleteResult, match="ends too early"):
            read(path)


def test_damage_anywhere_is_evidence(tmp_path: Path) -> None:
    draw = np.random.default_rng(7)
    hows: list[dict[str, Any]] = [{}, {"use_dictionary": False, "compression": "zstd"}, {"data_page_version": "2.0"}]
    whole = [written(tmp_path / f"{i}", **how).read_bytes() for i, how in enumerate(hows)]
    path, refused = tmp_path / "t.parquet", list[str]()
    for turn in range(600):
        raw = bytearray(whole[turn % len(whole)])
        for _ in range(int(draw.integers(1, 5))):
            at = draw.integers(len(raw)) if turn % 2 else len(raw) - 1 - draw.integers(800)
            raw[int(at)] = int(draw.choice([0, 127, 128, 255, int(draw.integers(256))]))
        path.write_bytes(raw)
        try:
            found = read(path)
        except EvidenceError as error:
            refused.append(str(error))
        else:
            assert all(np.isfinite(reading.value) for reading in found.readings)
    assert len(refused) > 300
    assert all(str(path) in error for error in refused)
