"""Exports of experiment trackers as rows of cells, whatever their layout: CSV, JSON, JSON lines, Parquet.

| layout | where it comes from | columns |
|---|---|---|
| a row for a run, or for its steps | W&B runs table, `run.history()`; MLflow `search_runs()` | as they are |
| `x, run - metric, run - metric__MIN, ...` | W&B chart, "Export as CSV" | x, `Name`, metric |
| an object, a list or lines of them | `wandb-summary.json`, history, records | nested keys joined by dots |
| `{"runs": [{"info", "data"}]}` | MLflow REST `runs/search`, `runs/get` | as `search_runs()`, and `step` |

A chart averages over the steps of a bucket where there are more than it draws; such a value is marked.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers.json_lines import lines_of
from checkpoints_db.readers.parquet import MAGIC, Parquet
from checkpoints_db.readers.stated import list_of
from checkpoints_db.readers.strict import head_of, json_of, object_of, text_of

RUN = "Name"
"""What the column with the name of the run is called, in the W&B runs table and in what a chart becomes."""
_ENDS = ("__MIN", "__MAX")
_NESTING = 5
Cells = dict[str, Any]


class Row(NamedTuple):
    """Cells that are there, and where they stand."""

    where: str
    cells: Cells
    remarks: tuple[str, ...] = ()


class Sheet(NamedTuple):
    """The columns of an export, and its rows for those of them that are wanted."""

    names: list[str]
    rows: Callable[[Sequence[str]], Iterator[Row]]
    notes: tuple[str, ...] = ()


def sheet_of(path: Path) -> Sheet:
    """Open an export. Raises UnreadableFile or IncompleteResult."""
    if head_of(path, len(MAGIC)) == MAGIC:
        file = Parquet(path)
        return Sheet(file.names, lambda wanted: (Row(f"row {i}", cells) for i, cells in file.rows(wanted)))
    text = text_of(path)
    if text.lstrip()[:1] not in ("{", "["):
        return _csv(text, path)
    bodies = _bodies(text, path)
    if len(bodies) == 1 and isinstance(bodies[0][1].get("runs"), list):
        return _searched(bodies[0][1], path)
    if len(bodies) == 1 and {"info", "data"} <= set(bodies[0][1]):
        return _searched({"runs": [bodies[0][1]]}, path)
    return _listed([Row(where, dict(_flat(body))) for where, body in bodies])


def header_of(path: Path, head: bytes) -> Sheet | None:
    """The columns of a CSV or Parquet file, as far as its head tells; None of anything else."""
    if head.startswith(MAGIC):
        return sheet_of(path)
    text = head.decode("utf-8-sig", "replace").partition("\n")[0]
    return None if "\0" in text or text.lstrip()[:1] in ("{", "[") else _csv(text, path)


def _listed(rows: list[Row], notes: tuple[str, ...] = ()) -> Sheet:
    names = list(dict.fromkeys(name for row in rows for name in row.cells))
    return Sheet(names, lambda wanted: iter(rows), notes)


# -- CSV --------------------------------------------------------------------------------------------------------------


def _csv(text: str, path: Path) -> Sheet:
    table = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    try:
        header = [name.strip() for name in next(table, [])]
    except csv.Error as error:
        raise UnreadableFile(str(path), "line 1", f"not CSV: {error}") from error
    if len(header) > 1 and all(" - " in name for name in header[1:]):
        names = [header[0], RUN, *dict.fromkeys(_chart(name)[1] for name in header[1:])]
        return Sheet(names, lambda wanted: _charted(header, _lines(table, header, path)), _open_end(text))
    return Sheet(header, lambda wanted: _picked(header, wanted, _lines(table, header, path), path), _open_end(text))


def _open_end(text: str) -> tuple[str, ...]:
    why = "the last line has no line end; where the file was cut off, its last number may be too"
    return () if text.endswith("\n") else (why,)


def _lines(table: Any, header: Sequence[str], path: Path) -> Iterator[tuple[str, list[str]]]:
    start = table.line_num + 1
    try:
        for row in table:
            where, start = f"line {start}", table.line_num + 1
            if not row:
                continue
            if len(row) != len(header):
                raise UnreadableFile(str(path), where, f"{len(row)} cells where the header has {len(header)}")
            yield where, [cell.strip() for cell in row]
    except csv.Error as error:
        raise UnreadableFile(str(path), f"line {start}", f"not CSV: {error} (an unclosed quote?)") from error


def _picked(
    header: list[str], wanted: Sequence[str], lines: Iterator[tuple[str, list[str]]], path: Path
) -> Iterator[Row]:
    for name in wanted:
        if header.count(name) > 1:
            raise UnreadableFile(str(path), f"line 1, column {name}", "this column occurs twice")
    places = {name: header.index(name) for name in wanted}
    for where, cells in lines:
        yield Row(where, {name: cells[i] for name, i in places.items() if cells[i]})


def _chart(name: str) -> tuple[str, str]:
    """Run and metric of a column of a chart; the companions of a metric belong to it.

    >>> _chart("a - b - eval/acc__MIN")
    ('a - b', 'eval/acc')
    """
    run, _, metric = name.rpartition(" - ")
    for end in _ENDS:
        metric = metric.removesuffix(end)
    return run, metric


def _charted(header: list[str], lines: Iterator[tuple[str, list[str]]]) -> Iterator[Row]:
    """Each value of each run as a row of its own."""
    for where, cells in lines:
        named = dict(zip(header, cells, strict=True))
        for name in header[1:]:
            if name.endswith(_ENDS) or not named[name]:
                continue
            run, metric = _chart(name)
            least, most = (named.get(name + end, "") for end in _ENDS)
            remarks = ("averaged over steps",) if least != most else ()
            yield Row(where, {header[0]: named[header[0]], RUN: run, metric: named[name]}, remarks)


# -- JSON -------------------------------------------------------------------------------------------------------------


def _bodies(text: str, path: Path) -> list[tuple[str, dict[str, Any]]]:
    """The objects of a file: one, a list of them, or one a line."""
    first, _, rest = text.strip().partition("\n")
    if rest and first.rstrip().endswith("}") and first.startswith("{"):
        return [(line.where, line.body) for line in lines_of(path, gaps=True)]
    body = json_of(text, path, gaps=True)
    if isinstance(body, list):
        return [(f"row {i}", object_of(each, path, f"row {i}")) for i, each in enumerate(body, start=1)]
    return [("", object_of(body, path, ""))]


def _flat(body: dict[str, Any], before: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Cells of an object; those of objects inside it with a dot, as W&B shows them. Lists stay whole."""
    for key, value in body.items():
        if isinstance(value, dict) and depth < _NESTING:
            yield from _flat(value, f"{before}{key}.", depth + 1)
        elif value is not None and value != "":
            yield f"{before}{key}", value


# -- MLflow REST ------------------------------------------------------------------------------------------------------


def _searched(body: dict[str, Any], path: Path) -> Sheet:
    rows = [row for i, run in enumerate(body["runs"]) for row in _run(run, path, f"runs[{i}]")]
    more = ("next_page_token: the answer goes on; export its other pages too",) if body.get("next_page_token") else ()
    return _listed(rows, more)


def _run(run: Any, path: Path, where: str) -> Iterator[Row]:
    """One row for each step at which the run has metrics."""
    run = object_of(run, path, where)
    data = object_of(run.get("data", {}), path, f"{where}.data")
    about = dict(_flat(object_of(run.get("info", {}), path, f"{where}.info")))
    for kind in ("params", "tags"):
        for pair in _pairs(data, kind, path, where):
            about[f"{kind}.{pair['key']}"] = pair["value"]
    steps: dict[str, Cells] = {}
    for pair in _pairs(data, "metrics", path, where):
        step = str(pair.get("step", 0))
        name = f"metrics.{pair['key']}"
        if name in steps.setdefault(step, {}):
            raise UnreadableFile(str(path), f"{where}.data.{name}", f"twice at step {step}")
        steps[step][name] = pair["value"]
    remarks = ("deleted",) if about.get("lifecycle_stage") == "deleted" else ()
    for step, cells in steps.items():
        yield Row(f"{where}, step {step}", {**about, "step": step, **cells}, remarks)


def _pairs(data: dict[str, Any], kind: str, path: Path, where: str) -> Iterator[dict[str, Any]]:
    for i, pair in enumerate(list_of(data.get(kind, []), path, f"{where}.data.{kind}")):
        field = f"{where}.data.{kind}[{i}]"
        body = object_of(pair, path, field)
        if not isinstance(body.get("key"), str) or "value" not in body:
            raise UnreadableFile(str(path), field, "a key and a value are expected")
        yield body
