"""Parquet files as rows of plain cells, in bounded memory. Needs the extra `holdpoint[parquet]`, which is pyarrow.

Of the libraries that read Parquet, pyarrow is the one whose errors are errors: on files with a few bytes changed others
panic, abort the process, or have to be thrown away. Flat columns of text, numbers, dates and truth values are read, a
thousand rows at a time; what a hostile file could make large is bounded before it is decompressed.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from checkpoints_db.errors import IncompleteResult, UnreadableFile
from checkpoints_db.readers.base import MAX_BYTES
from checkpoints_db.readers.parquet_pages import largest_page

MAGIC = b"PAR1"
MAX_ROWS = 250_000
"""Each becomes a reading of a kilobyte or two; that is what takes the memory."""
MAX_COLUMNS = 2_000
MAX_FOOTER = 2 * 1024 * 1024
"""Schemas and row groups are built in memory as the footer lists them; that of a thousand columns fits."""
MAX_PAGES = 256 * 1024 * 1024
"""Largest pages of all columns together: one of each is in memory at a time. Writers make pages of a megabyte."""
MAX_NAME = 4096
"""No cell of a table of results is longer, in bytes; a dictionary could repeat it for every row."""
BATCH = 1024
_DAMAGE = (OSError, ValueError, TypeError, LookupError, ArithmeticError, NotImplementedError, MemoryError)
"""What pyarrow raises over damaged files."""
Cells = dict[str, Any]


class Parquet:
    """One file, opened and bounded. Raises UnreadableFile, or IncompleteResult where its end is missing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        _whole(path)
        self._arrow, library = _library(path, "pyarrow"), _library(path, "pyarrow.parquet")
        try:
            plain = library.ParquetFile(path, **_SAFELY)
            texts = [plain.schema.column(i).path for i in range(len(plain.schema)) if _is_text(plain.schema.column(i))]
            plain.close()
            self._file = library.ParquetFile(path, read_dictionary=texts, **_SAFELY)
            self.names: list[str] = list(self._file.schema_arrow.names)
        except _DAMAGE as error:
            raise self._damaged(error) from error
        if self._file.metadata.num_rows > MAX_ROWS:
            raise self._refuse("rows", f"{self._file.metadata.num_rows} are more than {MAX_ROWS}; split the file")
        if len(self._file.schema) > MAX_COLUMNS:
            raise self._refuse("columns", f"{len(self._file.schema)} are more than {MAX_COLUMNS}; leave some out")

    def rows(self, wanted: Sequence[str]) -> Iterator[tuple[int, Cells]]:
        """Every row with its number from 1: the cells of the wanted columns that are there. Closes the file at the end.

        Dates and times become text as the plain table writes them.
        """
        try:
            self._bounded(wanted)
            row = 0
            for batch in self._file.iter_batches(BATCH, columns=list(wanted), use_threads=False):
                columns = {name: self._cells(batch.column(name), name) for name in wanted}
                for i in range(batch.num_rows):
                    row += 1
                    yield row, {name: cells[i] for name, cells in columns.items() if cells[i] not in (None, "")}
        except _DAMAGE as error:
            raise self._damaged(error) from error
        finally:
            self._file.close()

    def _bounded(self, wanted: Sequence[str]) -> None:
        """Refuse wanted columns that are nested, and pages that would not fit into memory."""
        schema, meta = self._file.schema, self._file.metadata
        flat = {schema.column(i).path: i for i in range(len(schema))}
        for name in wanted:
            if self.names.count(name) != 1:
                raise self._refuse(f"column {name}", "this column occurs twice")
            if name not in flat or schema.column(flat[name]).max_repetition_level:
                raise self._refuse(f"column {name}", "nested; a cell has to be text, a number or a date")
            if schema.column(flat[name]).length > 16:
                raise self._refuse(f"column {name}", "of a fixed length that no number has")
        total = 0
        with self.path.open("rb") as raw:
            for name in wanted:
                largest = 0
                for group in range(meta.num_row_groups):
                    chunk = meta.row_group(group).column(flat[name])
                    starts = [
                        chunk.data_page_offset,
                        chunk.dictionary_page_offset if chunk.has_dictionary_page else None,
                    ]
                    start = min(each for each in starts if each is not None)
                    largest = max(largest, largest_page(raw, start, chunk.total_compressed_size, MAX_PAGES))
                total += largest
                if total > MAX_PAGES:
                    why = f"its pages need more than {MAX_PAGES} bytes at a time; write smaller pages"
                    raise self._refuse(f"column {name}", why)

    def _cells(self, column: Any, name: str) -> list[Any]:
        arrow = self._arrow
        kind = column.type
        if arrow.types.is_dictionary(kind):
            compute = _library(self.path, "pyarrow.compute")
            longest = compute.max(compute.binary_length(column.dictionary)).as_py() or 0
            if longest > MAX_NAME:
                raise self._refuse(f"column {name}", f"a text of {longest} bytes; no name is longer than {MAX_NAME}")
            if not arrow.types.is_string(kind.value_type):
                raise self._refuse(f"column {name}", f"of type {kind.value_type}; write it as text")
        elif arrow.types.is_timestamp(kind):
            column = column.cast(arrow.timestamp("us", kind.tz), safe=False)
        return [_cell(value) for value in column.to_pylist()]

    def _refuse(self, field: str, why: str) -> UnreadableFile:
        return UnreadableFile(str(self.path), field, why)

    def _damaged(self, error: BaseException) -> UnreadableFile:
        why = f"damaged Parquet ({type(error).__name__}: {str(error)[:200]!a})"
        return UnreadableFile(str(self.path), "", f"{why}; write it again")


_SAFELY: dict[str, Any] = {
    "pre_buffer": False,
    "buffer_size": 64 * 1024,
    "memory_map": False,
    "thrift_string_size_limit": MAX_FOOTER,
    "thrift_container_size_limit": 100_000,
    "arrow_extensions_enabled": False,
}


def _whole(path: Path) -> None:
    """Refuse what ends too early, and a footer that claims too much, before the library sees it."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            begins = file.read(len(MAGIC))
            file.seek(max(0, size - 8))
            tail = file.read(8)
    except OSError as error:
        raise UnreadableFile(str(path), "", f"cannot be opened: {error.strerror or error}") from error
    if begins != MAGIC:
        raise UnreadableFile(str(path), "", "this is not Parquet")
    if size > MAX_BYTES:
        raise UnreadableFile(str(path), "size", f"{size} bytes are more than the limit of {MAX_BYTES}; split the file")
    if size < 12 or tail[4:] != MAGIC:
        raise IncompleteResult(str(path), "the Parquet file ends too early, its footer is missing")
    footer = int.from_bytes(tail[:4], "little")
    if footer > min(MAX_FOOTER, size - 12):
        why = f"{footer} bytes are more than {MAX_FOOTER}, or than the file holds; leave columns out"
        raise UnreadableFile(str(path), "footer", why)


def _library(path: Path, name: str) -> Any:
    """A module of pyarrow: imported when a Parquet file comes, since most houses have none and it takes a while."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        why = "Parquet needs an extra: pip install 'holdpoint[parquet]', or export the table as CSV or JSON lines"
        raise UnreadableFile(str(path), "", why) from error


def _is_text(column: Any) -> bool:
    return bool(column.physical_type == "BYTE_ARRAY" and column.max_repetition_level == 0)


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value) if value.is_finite() else math.nan
    return value
