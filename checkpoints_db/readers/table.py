"""The plain long table: one row a result, as CSV, JSON lines or Parquet. Everything else can be exported to it.

| column | meaning | default |
|---|---|---|
| task, metric, value | required | |
| run or model | run within its family, or the model as the catalogue knows it; one is required | model = family/run |
| family | family of the ladder | none |
| params, tokens, flop | scale, positive | unknown |
| step | training step, whole | unknown |
| date | `2026-11-23` (midnight UTC) or `2026-11-23T09:00:00Z` | unknown |
| kind | continuous, thresholded | thresholded |
| direction | the better one: higher, lower | higher |
| lower, upper, chance | range of the metric, value of guessing | unknown |
| stderr, n | standard error, number of documents | unknown |
| role | train, target (used by backtests) | none |

CSV: comma, double quotes, decimals with a point, UTF-8 with or without BOM, an empty cell means unknown. JSON
lines and Parquet: the same names, numbers as numbers, null means unknown; Parquet needs the extra
`holdpoint[parquet]`, and the index columns that pandas adds are left alone. A value of `N/A` is no value: the row is
left out with a note. Unknown columns, ragged rows and two rows of one thing are errors, and the whole file is refused.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers.base import Readout
from checkpoints_db.readers.parquet import MAGIC, Parquet
from checkpoints_db.readers.strict import (
    count_of,
    decimal_of,
    head_of,
    in_range,
    json_of,
    number_of,
    object_of,
    printable,
    reading_of,
    text_of,
)
from checkpoints_db.records import Direction, Kind, Metric, Reading

COLUMNS = (
    "model",
    "family",
    "run",
    "params",
    "tokens",
    "flop",
    "step",
    "date",
    "task",
    "metric",
    "kind",
    "direction",
    "lower",
    "upper",
    "chance",
    "value",
    "stderr",
    "n",
    "role",
)
_SCALES = ("params", "tokens", "flop")
_CHOICES = {"kind": get_args(Kind), "direction": get_args(Direction), "role": ("train", "target")}
_TELLING = {"task", "metric", "value"}
_INDEX = re.compile(r"__index_level_\d+__", re.ASCII)
_FIRST_KEY = re.compile(r'\s*\{\s*"(\w+)"\s*:')
Cells = dict[str, Any]
Shapes = dict[tuple[str | None, str, str], tuple[str, Metric]]


class Table:
    """Plain long tables: CSV, JSON lines or Parquet."""

    name = "table"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether the first line has columns of ours, one of them task, metric or value."""
        del path
        if head.startswith(MAGIC):  # the columns stand at its end, and nobody else here reads it
            return True
        text = head.decode("utf-8-sig", "replace").lstrip()
        first = text.partition("\n")[0]
        if first.startswith("{"):
            key = _FIRST_KEY.match(first)
            telling = sum(f'"{name}"' in first for name in _TELLING)
            return key is not None and key[1] in COLUMNS and telling >= 2
        names = {name.strip().strip('"').lower() for name in re.split(r"[,;\t]", first)}
        known = names & set(COLUMNS)
        return len(known) >= 2 and (bool(known & _TELLING) or not first.count(","))

    def read(self, path: Path) -> Readout:
        """Every row of the table. Raises UnreadableFile naming line and column."""
        packed = head_of(path, len(MAGIC)) == MAGIC
        text = "" if packed else text_of(path)
        typed = packed or text.lstrip().startswith("{")
        rows = _parquet_rows(path) if packed else _json_rows(text, path) if typed else _csv_rows(text, path)
        word = "row" if packed else "line"
        seen: dict[tuple[Any, ...], str] = {}
        shapes: Shapes = {}
        readings, notes = [], []
        for number, cells in rows:
            where = f"{word} {number}"
            if cells.get("value") == "N/A":
                notes.append(f"{where}: no value (N/A)")
                continue
            reading = _Row(path, where, cells, typed=typed).reading()
            _once(reading, where, seen, path)
            _one_shape(reading, where, shapes, path)
            readings.append(reading)
        if not readings:
            notes.append("the table holds no result")
        if not typed and not text.endswith("\n"):
            notes.append("the last line has no line end; where the file was cut off, its last number may be too")
        return Readout(reader=self.name, readings=tuple(readings), notes=tuple(notes))


def _csv_rows(text: str, path: Path) -> Iterator[tuple[int, Cells]]:
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    start = 1
    try:
        for row in lines:
            line, start = start, lines.line_num + 1
            if not row:
                continue
            if not header:
                header = _header(row, path, line)
                continue
            if len(row) != len(header):
                why = f"{len(row)} cells where the header has {len(header)}"
                raise UnreadableFile(str(path), f"line {line}", why)
            cells = {name: cell.strip() for name, cell in zip(header, row, strict=True)}
            yield line, {name: cell for name, cell in cells.items() if cell}
    except csv.Error as error:
        raise UnreadableFile(str(path), f"line {start}", f"not CSV: {error} (an unclosed quote?)") from error


def _parquet_rows(path: Path) -> Iterator[tuple[int, Cells]]:
    file = Parquet(path)
    return file.rows(_named([name for name in file.names if not _INDEX.fullmatch(name)], path, "columns"))


def _header(row: list[str], path: Path, line: int) -> list[str]:
    names = [name.strip() for name in row]
    for separator, word in ((";", "semicolons"), ("\t", "tabs")):
        if len(names) == 1 and separator in names[0]:
            raise UnreadableFile(str(path), f"line {line}", f"columns are separated by {word}; use commas")
    return _named(names, path, f"line {line}")


def _named(names: list[str], path: Path, where: str) -> list[str]:
    """`names`, when they are columns of ours and those that are needed are among them."""
    for name in names:
        _known(name, path, where)
        if names.count(name) > 1:
            raise UnreadableFile(str(path), f"{where}, column {name}", "this column occurs twice")
    for name in ("task", "metric", "value"):
        if name not in names:
            raise UnreadableFile(str(path), where, f"column {name} is missing")
    if not {"run", "model"} & set(names):
        raise UnreadableFile(str(path), where, "column run or model is missing")
    return names


def _json_rows(text: str, path: Path) -> Iterator[tuple[int, Cells]]:
    for line, body in enumerate(text.split("\n"), start=1):
        if body.strip():
            row = object_of(json_of(body, path, f"line {line}"), path, f"line {line}")
            for name in row:
                _known(name, path, f"line {line}")
            yield line, {name: cell for name, cell in row.items() if cell is not None and cell != ""}


def _known(name: str, path: Path, where: str) -> None:
    if name not in COLUMNS:
        near = difflib.get_close_matches(name.lower(), COLUMNS, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(COLUMNS)}"
        raise UnreadableFile(str(path), where, f"unknown column {name!r}{hint}")


class _Row:
    """One row: cells that are there, by name; `typed` where numbers are numbers (JSON, Parquet), not text (CSV)."""

    def __init__(self, path: Path, where: str, cells: Cells, *, typed: bool) -> None:
        self.path, self.where, self.cells, self.typed = path, where, cells, typed

    def at(self, column: str) -> str:
        return f"{self.where}, column {column}"

    def refuse(self, column: str, why: str) -> UnreadableFile:
        return UnreadableFile(str(self.path), self.at(column), why)

    def text(self, column: str) -> str | None:
        cell = self.cells.get(column)
        if cell is not None and not isinstance(cell, str):
            raise self.refuse(column, f"{cell!r} is not text")
        return None if cell is None else printable(cell, self.path, self.at(column))

    def number(self, column: str) -> float | None:
        cell = self.cells.get(column)
        if cell is None:
            return None
        number = (number_of if self.typed else decimal_of)(cell, self.path, self.at(column))
        if column in _SCALES and number <= 0:
            raise self.refuse(column, f"{number:g} is not positive")
        if column == "stderr" and number < 0:
            raise self.refuse(column, f"{number:g} is negative")
        return number

    def count(self, column: str, least: int) -> int | None:
        number = self.number(column)
        return None if number is None else count_of(number, self.path, self.at(column), least=least)

    def choice(self, column: str, default: str | None) -> str | None:
        cell = self.text(column) or default
        if cell is not None and cell not in _CHOICES[column]:
            raise self.refuse(column, f"{cell!r} is none of {', '.join(_CHOICES[column])}")
        return cell

    def date(self) -> datetime | None:
        cell = self.text("date")
        if cell is None:
            return None
        try:
            date = datetime.fromisoformat(cell)
        except ValueError as error:
            raise self.refuse("date", f"{cell!r} is not a date; write 2026-11-23 or 2026-11-23T09:00:00Z") from error
        if date.tzinfo is None and len(cell) > len("2026-11-23"):
            raise self.refuse("date", f"{cell!r} has no zone; write 2026-11-23T09:00:00Z")
        return date if date.tzinfo else date.replace(tzinfo=UTC)

    def metric(self) -> Metric:
        name, chance = self.text("metric") or "", self.number("chance")
        lower, upper = self.number("lower"), self.number("upper")
        if not name or len(name) > 500:
            raise self.refuse("metric", "missing" if not name else "longer than 500 characters")
        if lower is not None and upper is not None and lower >= upper:
            raise self.refuse("lower", f"{lower:g} is not below upper {upper:g}")
        kind, direction = self.choice("kind", "thresholded"), self.choice("direction", "higher")
        fields: Cells = {"name": name, "kind": kind, "direction": direction, "lower": lower, "upper": upper}
        bare = Metric(**fields)
        if chance is not None:
            in_range(bare, chance, self.path, self.at("chance"))
        return Metric(**fields, chance=chance)

    def reading(self) -> Reading:
        run, family, model = self.text("run"), self.text("family"), self.text("model")
        if not (run or model):
            raise self.refuse("run", "neither run nor model is given")
        value = self.number("value")
        if value is None:
            raise self.refuse("value", "missing")
        if not self.text("task"):
            raise self.refuse("task", "missing")
        metric = self.metric()
        return reading_of(
            self.path,
            self.where,
            {
                "model": model or (f"{family}/{run}" if family else run),
                "family": family,
                "run": run,
                "step": self.count("step", 0),
                "n": self.count("n", 1),
                "date": self.date(),
                "task": self.text("task"),
                "metric": metric,
                "value": in_range(metric, value, self.path, self.at("value")),
                "stderr": self.number("stderr"),
                "role": self.choice("role", None),
                **{scale: self.number(scale) for scale in _SCALES},
            },
        )


def _once(reading: Reading, where: str, seen: dict[tuple[Any, ...], str], path: Path) -> None:
    """Refuse a second row of one metric of one task on one checkpoint: which of the two would be right?"""
    scale = (reading.params, reading.tokens, reading.flop, reading.step)
    key = (reading.model, reading.family, reading.run, *scale, reading.date, reading.task, reading.metric.name)
    first = seen.setdefault(key, where)
    if first != where:
        raise UnreadableFile(
            str(path),
            where,
            f"{reading.task} · {reading.metric.name} of {reading.model} is already on {first}; keep one",
        )


def _one_shape(reading: Reading, where: str, shapes: Shapes, path: Path) -> None:
    """Refuse a metric that is declared in two ways: a series needs one direction and one range."""
    first, metric = shapes.setdefault((reading.family, reading.task, reading.metric.name), (where, reading.metric))
    for column in ("kind", "direction", "lower", "upper"):
        if getattr(metric, column) != getattr(reading.metric, column):
            here, there = getattr(reading.metric, column), getattr(metric, column)
            why = f"{here} here, {there} on {first}, for one metric of one task"
            raise UnreadableFile(str(path), f"{where}, column {column}", why)
