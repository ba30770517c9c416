"""The reader of exports whose columns somebody declared: see `columns.py` for the declaration."""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from checkpoints_db.errors import EvidenceError, IncompleteResult, UnknownFormat, UnreadableFile
from checkpoints_db.readers.base import HEAD_BYTES, Readout
from checkpoints_db.readers.columns import SCALES, TASK, Columns, Measure
from checkpoints_db.readers.exports import Row, Sheet, header_of, sheet_of
from checkpoints_db.readers.mlflow_store import column_of, files_beside, is_metric, store_sheet
from checkpoints_db.readers.stated import conditions_of, moment_of, second_of
from checkpoints_db.readers.strict import (
    count_of,
    decimal_of,
    head_of,
    in_range,
    number_of,
    printable,
    reading_of,
    refused,
)
from checkpoints_db.records import Metric, Reading, Term

_NOTHING = {"nan", "+nan", "-nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity", "n/a", "none", "null"}
_MILLISECONDS = 1e11
"""Seconds since 1970 are fewer for another thousand years."""


class Wanted(NamedTuple):
    """A column with a metric in it, and its companions."""

    measure: Measure
    column: str
    metric: Metric
    task: str
    stderr: str = ""
    n: str | int | None = None


class Mapped:
    """Exports of trackers, by declared columns."""

    name = "columns"

    def __init__(self, tables: Sequence[Columns]) -> None:
        self.tables = tuple(tables)

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether a declared table names the path, or all that it names is in the file."""
        return bool(self._claiming(path, head))

    def beside(self, path: Path) -> Sequence[Path]:
        """For a metric of MLflow's store the declared files of its run: equal bytes may be of other runs and tasks."""
        head = head_of(path, HEAD_BYTES)
        if not is_metric(path, head):
            return []
        own = column_of(path)
        columns = [column for table in self._claiming(path, head) for column in _declared(table, own)]
        return files_beside(path, columns)

    def read(self, path: Path) -> Readout:
        """Every declared metric of every row. Raises UnreadableFile naming row and column, with the nearest column."""
        head = head_of(path, HEAD_BYTES)
        claiming = self._claiming(path, head)
        if len(claiming) != 1:
            names = " and ".join(repr(table.name) for table in claiming) or "no [[table]]"
            raise UnknownFormat(str(path), f"{names} of the declared columns fit it")
        table = claiming[0]
        sheet, own = store_sheet(path) if is_metric(path, head) else (sheet_of(path), "")
        wanted = _wanted(table, sheet, path, own)
        columns = list(dict.fromkeys([*table.plain.values(), *(c for each in wanted for c in _columns(each))]))
        dropped: Counter[str] = Counter()
        found = [
            (row.where, reading)
            for row in (sheet.rows(columns) if wanted else ())
            for reading in _readings(_Line(table, row, path), wanted, dropped)
        ]
        notes = [*sheet.notes, *(f"column {name}: {count} values are not finite" for name, count in dropped.items())]
        kept = _last(found) if table.rows == "last" else found
        readings, again = _once(kept, path, keep_last=table.repeats == "last")
        notes += [f"{again} values were logged twice; the later one counts"] if again else []
        notes += _left(table, sheet, columns, own)
        if not readings:
            notes.append("the export holds no result")
        return Readout(reader=f"columns {table.name}", readings=tuple(readings), notes=tuple(notes))

    def _claiming(self, path: Path, head: bytes) -> list[Columns]:
        named = [table for table in self.tables if table.claims(path)]
        open_ones = [table for table in self.tables if not table.files]
        if named or not open_ones:
            return named
        try:
            sheet, own = store_sheet(path) if is_metric(path, head) else (header_of(path, head), "")
        except EvidenceError:
            return []
        return [table for table in open_ones if sheet and _fits(table, sheet, path, own)]


def _fits(table: Columns, sheet: Sheet, path: Path, own: str) -> bool:
    if own:  # a metric of such a run that is not declared is passed over with a note, and no riddle
        return set(table.plain.values()) <= set(sheet.names)
    try:
        return bool(_wanted(table, sheet, path, own))
    except UnreadableFile:
        return False


def _wanted(table: Columns, sheet: Sheet, path: Path, own: str) -> list[Wanted]:
    """The columns of the export that hold metrics. Raises UnreadableFile naming what is missing, and what is near."""
    if own and not any(measure.task_of(own) is not None for measure in table.metric):
        return []
    for key, column in table.plain.items():
        if column not in sheet.names:
            if own:
                raise IncompleteResult(str(path), f"{column} of its run is not there", waits_for=column)
            raise _missing(table, key, column, sheet, path)
    found: dict[str, Wanted] = {}
    for measure in table.metric:
        fitting = [(name, task) for name in dict.fromkeys(sheet.names) if (task := measure.task_of(name)) is not None]
        if not fitting and not own:
            raise _missing(table, "metric", measure.column, sheet, path)
        for name, task in fitting:
            if own and name != own:
                continue
            if name in found:
                why = (
                    f"two [[table.metric]] of {table.name!r} fit it, {found[name].measure.column} and {measure.column}"
                )
                raise UnreadableFile(str(path), f"column {name}", why)
            found[name] = _companions(table, Wanted(measure, name, _metric(measure, path), task), sheet, path)
    return list(found.values())


def _companions(table: Columns, wanted: Wanted, sheet: Sheet, path: Path) -> Wanted:
    """With the columns of its standard error and count; one that is named by `{task}` may be missing for a task."""
    given: dict[str, Any] = {}
    for key in ("stderr", "n"):
        named = getattr(wanted.measure, key)
        if not isinstance(named, str):
            given[key] = named
            continue
        column = named.replace(TASK, wanted.task)
        if column and column not in sheet.names and TASK not in named:
            raise _missing(table, key, column, sheet, path)
        given[key] = column if column in sheet.names else ""
    return wanted._replace(**given)


def _declared(table: Columns, own: str) -> list[str]:
    """Every column that the values in the column `own` may be read with, there or not."""
    tasks = [(measure, task) for measure in table.metric if (task := measure.task_of(own)) is not None]
    companions = [
        named.replace(TASK, task)
        for measure, task in tasks
        for named in (measure.stderr, measure.n)
        if isinstance(named, str)
    ]
    return [*table.plain.values(), *companions]


def _columns(wanted: Wanted) -> list[str]:
    return [name for name in (wanted.column, wanted.stderr, wanted.n) if isinstance(name, str) and name]


def _metric(measure: Measure, path: Path) -> Metric:
    keys = ("kind", "direction", "lower", "upper", "chance")
    try:
        return Metric(name=measure.metric, **{key: getattr(measure, key) for key in keys})
    except ValidationError as error:
        raise refused(error, path, f"columns.toml, metric {measure.column}") from error


def _missing(table: Columns, key: str, column: str, sheet: Sheet, path: Path) -> UnreadableFile:
    near = difflib.get_close_matches(column, sheet.names, n=1, cutoff=0.5)
    hint = f"; the nearest is {near[0]!r}" if near else f"; there are {', '.join(map(repr, sheet.names[:20]))}"
    why = f"missing, and [[table]] {table.name!r} wants it as {key}{hint}. Correct the export or columns.toml"
    return UnreadableFile(str(path), f"column {column}", why)


class _Line:
    """One row by the keys of the declaration."""

    def __init__(self, table: Columns, row: Row, path: Path) -> None:
        self.table, self.row, self.path = table, row, path

    def at(self, column: str) -> str:
        return f"{self.row.where}, column {column}".removeprefix(", ")

    def number(self, column: str) -> float | None:
        """A finite number, however it is typed; None where the cell is empty or not finite."""
        cell = self.row.cells.get(column)
        if cell is None or (isinstance(cell, str) and (not cell.strip() or cell.strip().lower() in _NOTHING)):
            return None
        if isinstance(cell, float) and not math.isfinite(cell):
            return None
        return (decimal_of if isinstance(cell, str) else number_of)(cell, self.path, self.at(column))

    def text(self, key: str) -> str | None:
        column = getattr(self.table, key)
        if column is None:
            fixed = getattr(self.table.fixed, key)
            return None if fixed is None else str(fixed)
        cell = self.row.cells.get(column)
        if cell is None or cell == "":
            raise UnreadableFile(str(self.path), self.at(column), f"empty, and it names the {key}")
        if isinstance(cell, bool | float | list | dict):
            raise UnreadableFile(str(self.path), self.at(column), f"{str(cell)[:40]!a} is no name")
        return printable(str(cell), self.path, self.at(column))

    def scales(self) -> dict[str, float | int | None]:
        found: dict[str, float | int | None] = {}
        for key in ("step", *SCALES):
            column = getattr(self.table, key)
            number = getattr(self.table.fixed, key) if column is None else self.number(column)
            if key == "step" and number is not None:
                number = count_of(number, self.path, self.at(column or key), least=0)
            elif number is not None and number < 0:
                raise UnreadableFile(str(self.path), self.at(column), f"{number:g} is negative")
            found[key] = number if key == "step" else number or None  # at step 0 nothing was seen: no place on the axis
        return found

    def date(self) -> datetime | None:
        column = self.table.date
        if column is None or column not in self.row.cells:
            return None
        cell = self.row.cells[column]
        try:
            seconds = None if isinstance(cell, bool) else float(cell)
        except (ValueError, TypeError, OverflowError):
            return moment_of(cell, self.path, self.at(column))
        if seconds is None or not math.isfinite(seconds):
            return None
        moment = second_of(seconds / 1000 if seconds > _MILLISECONDS else seconds, self.path, self.at(column))
        return moment.astimezone(UTC)

    def remarks(self) -> tuple[str, ...]:
        said = {column: str(self.row.cells.get(column, "nothing")) for column in self.table.finished}
        wrong = [(c, text) for c, text in said.items() if text.lower() != self.table.finished[c].lower()]
        told = [printable(f"{column} {text}"[:200], self.path, self.at(column)) for column, text in wrong]
        return (*self.row.remarks, *told)

    def terms(self, measure: Measure) -> dict[str, Term]:
        found: dict[str, Term] = dict(measure.terms)
        for term, column in self.table.terms.items():
            cell = self.row.cells.get(column)
            if isinstance(cell, list | dict) or (isinstance(cell, float) and not math.isfinite(cell)):
                raise UnreadableFile(str(self.path), self.at(column), "text, a number or a truth value is expected")
            found[term] = cell
        return found


def _readings(line: _Line, wanted: Sequence[Wanted], dropped: Counter[str]) -> Iterator[Reading]:
    here = [each for each in wanted if each.column in line.row.cells]
    if not here:
        return
    names = {key: line.text(key) for key in ("model", "run", "family")}
    model = names["model"] or "/".join(part for part in (names["family"], names["run"]) if part)
    shared = {**names, "model": model, **line.scales(), "date": line.date(), "remarks": line.remarks()}
    for each in here:
        value = line.number(each.column)
        if value is None:
            dropped[each.column] += 1
            continue
        where = line.at(each.column)
        terms = line.terms(each.measure)
        stderr = line.number(each.stderr) if each.stderr else None
        n = line.number(each.n) if isinstance(each.n, str) and each.n else each.n or None
        measured = {
            "task": printable(each.task, line.path, where),
            "metric": each.metric,
            "value": in_range(each.metric, value, line.path, where),
            "stderr": stderr,
            "n": None if n is None else count_of(n, line.path, line.at(str(each.n)), least=1),
            "harness": line.table.harness,
            "terms": terms,
            "conditions": conditions_of(terms, line.path, where) if terms else "",
        }
        yield reading_of(line.path, where, {**shared, **measured})


def _last(found: Sequence[tuple[str, Reading]]) -> list[tuple[str, Reading]]:
    """Of each metric of each run the value at the furthest step; of equal ones the later row."""
    kept: dict[tuple[Any, ...], tuple[str, Reading]] = {}
    for where, reading in found:
        key = (reading.model, reading.family, reading.run, reading.task, reading.metric.name, reading.conditions)
        before = kept.get(key)
        if before is None or _far(reading) >= _far(before[1]):
            kept[key] = (where, reading)
    return list(kept.values())


def _far(reading: Reading) -> tuple[int, float]:
    return (-1 if reading.step is None else reading.step, reading.tokens or 0.0)


def _once(found: Sequence[tuple[str, Reading]], path: Path, *, keep_last: bool) -> tuple[list[Reading], int]:
    """Each metric of each checkpoint once, and how often a later value took the place of another."""
    kept: dict[tuple[Any, ...], tuple[str, Reading]] = {}
    again = 0
    for where, reading in found:
        scale = (reading.step, *(getattr(reading, name) for name in SCALES))
        place = (reading.model, reading.family, reading.run, *scale)
        key = (*place, reading.task, reading.metric.name, reading.conditions)
        first_at, first = kept.get(key, (where, reading))
        if (first.value, first.stderr, first.n) != (reading.value, reading.stderr, reading.n):
            if not keep_last:
                why = (
                    f"{reading.task} · {reading.metric.name} of {reading.model} is {reading.value:g} here and "
                    f'{first.value:g} in {first_at}; name the step column, or write rows = "last" or repeats = "last"'
                )
                raise UnreadableFile(str(path), where, why)
            again += 1
        kept[key] = (where, reading)
    return [reading for _, reading in kept.values()], again


def _left(table: Columns, sheet: Sheet, used: Sequence[str], own: str) -> list[str]:
    """What was not read, said instead of passed over: a metric may hide behind a new name."""
    left = [name for name in dict.fromkeys(sheet.names) if name and name not in used and name.isprintable()]
    if own:
        left = [own] if own not in used else []
    shown = ", ".join(name[:60] for name in left[:10]) + (", ..." if len(left) > 10 else "")
    return [f"{len(left)} columns are not declared in [[table]] {table.name!r}: {shown}"] if left else []
