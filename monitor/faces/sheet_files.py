"""A sheet of the store as a file: CSV, JSON lines, Parquet; written while it is read, so that memory stays small."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from importlib import import_module
from typing import IO, Any, Literal

from checkpoints_db.errors import StoreError
from checkpoints_db.records.base import stamp

Pages = Iterator[list[dict[str, Any]]]
Format = Literal["csv", "jsonl", "parquet"]
Columns = Mapping[str, type]


def write_csv(out: IO[bytes], columns: Columns, pages: Pages) -> int:
    """With a header; what is not known is empty, moments are in ISO 8601."""
    text = _Text(out)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    rows = 0
    for page in pages:
        writer.writerows([_plain(value) for value in row.values()] for row in page)
        rows += len(page)
    return rows


def write_jsonl(out: IO[bytes], columns: Columns, pages: Pages) -> int:
    """One object a line; what is not known is null."""
    del columns
    rows = 0
    for page in pages:
        for row in page:
            told = {name: _plain(value) for name, value in row.items()}
            out.write(json.dumps(told, ensure_ascii=False, allow_nan=False).encode() + b"\n")
        rows += len(page)
    return rows


def write_parquet(out: IO[bytes], columns: Columns, pages: Pages) -> int:
    """With types; a row group a page. Raises StoreError without pyarrow."""
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise StoreError("Parquet wants pyarrow: `pip install 'holdpoint[parquet]'`, or --format csv") from error
    kinds = {str: arrow.string(), float: arrow.float64(), int: arrow.int64(), bool: arrow.bool_()}
    kinds |= {datetime: arrow.timestamp("us", "UTC")}
    schema, rows = arrow.schema([(name, kinds[kind]) for name, kind in columns.items()]), 0
    with parquet.ParquetWriter(out, schema, compression="zstd") as writer:
        for page in pages:
            writer.write_table(arrow.Table.from_pylist(page, schema=schema))
            rows += len(page)
    return rows


WRITERS: dict[str, Callable[[IO[bytes], Columns, Pages], int]] = {
    "csv": write_csv,
    "jsonl": write_jsonl,
    "parquet": write_parquet,
}


class _Text:
    """Text into a stream of bytes that stays open."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out

    def write(self, text: str) -> int:
        return self._out.write(text.encode("utf-8", "surrogatepass"))


def _plain(value: Any) -> Any:
    return stamp(value) if isinstance(value, datetime) else value
