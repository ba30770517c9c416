"""The store as plain rows: five sheets that any tool takes, read page by page.

>>> SHEETS["alerts"].columns["opened_at"]
<class 'datetime.datetime'>
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal, get_args

from checkpoints_db.errors import StoreError
from checkpoints_db.ledger import Ledger
from checkpoints_db.records.base import stamp
from checkpoints_db.tables import Tables

Row = dict[str, Any]
SheetName = Literal["results", "forecasts", "verdicts", "decisions", "alerts"]
Library = Literal["pandas", "polars"]


@dataclass(frozen=True)
class Sheet:
    """What one sheet is made of. Every column is there in every row; what is not known is None."""

    table: str
    key: str
    """Unique column that rows are in the order of."""
    moment: str
    """Column of the table that `since` is compared with."""
    columns: Mapping[str, type]
    body: Callable[[Row, Ledger], Row]
    """Where the rest of a row is read from, flattened."""


def _own(row: Row, _: Ledger) -> Row:
    return _flat(json.loads(row["body"]))


def _told(row: Row, ledger: Ledger) -> Row:
    return _flat(ledger.entry(int(row["seq"])).value())


def _flat(body: Row) -> Row:
    """Fields of a record, with those of its metric, its checkpoint, its standing and its record as columns."""
    metric, place = body.get("metric"), body.get("checkpoint")
    doubts = (body.get("standing") or {}).get("doubts") or [{}]
    track = body.get("track") or {}
    return {
        **(place if isinstance(place, dict) else {}),
        **({**metric, "metric": metric["name"]} if isinstance(metric, dict) else {}),
        **{name: value for name, value in body.items() if not isinstance(value, dict)},
        "refused_for": doubts[0].get("name"),
        "own_inside_80": track.get("inside_80"),
    }


_PLACE = {"family": str, "run": str, "checkpoint": str}
_METRIC = {"task": str, "metric": str, "kind": str, "direction": str, "series": str}
_ROW = {"seq": int, "digest": str}

SHEETS: dict[str, Sheet] = {
    "results": Sheet(
        "results",
        "seq",
        "seen_at",
        {
            "seq": int,
            "seen_at": datetime,
            **_PLACE,
            "model": str,
            "step": int,
            "stage": str,
            "params": float,
            "tokens": float,
            "flop": float,
            **_METRIC,
            "lower": float,
            "upper": float,
            "chance": float,
            "value": float,
            "stderr": float,
            "n": int,
            "counts": bool,
            "baseline": bool,
            "remarks": str,
            "harness": str,
            "conditions": str,
            "date": datetime,
            "source": str,
            "identity": str,
        },
        _own,
    ),
    "forecasts": Sheet(
        "forecasts",
        "seq",
        "at",
        {
            **_ROW,
            "at": datetime,
            "family": str,
            **_METRIC,
            "stage": str,
            "axis": str,
            "rungs": str,
            "x_first": float,
            "x_last": float,
            "last_value": float,
            "room": float,
            "calibration": float,
            "own_inside_80": float,
            "plateau": bool,
            "refused_for": str,
            "prior": str,
            "data_digest": str,
            "code_version": str,
            "judgement_version": int,
        },
        _told,
    ),
    "verdicts": Sheet(
        "verdicts",
        "seq",
        "at",
        {
            **_ROW,
            "at": datetime,
            **_PLACE,
            **_METRIC,
            "result": str,
            "forecast": str,
            "sealed_at": datetime,
            "outcome": str,
            "why": str,
            "observed": float,
            "stderr": float,
            "n": int,
            "median": float,
            "lower": float,
            "upper": float,
            "level": float,
            "tail_above": float,
            "tail_below": float,
            "detectable": float,
            "blindness": float,
            "rungs": int,
            "distance": float,
            "pit": float,
            "crps": float,
            "persistence": float,
            "room": float,
            "sentence": str,
            "judgement_version": int,
        },
        _told,
    ),
    "decisions": Sheet(
        "decisions",
        "seq",
        "at",
        {
            **_ROW,
            "at": datetime,
            **_PLACE,
            "answer": str,
            "reason": str,
            "sentence": str,
            "passed": int,
            "waived": int,
            "needed": int,
            "approvals": str,
            "released": bool,
            "break_glass": str,
            "until": datetime,
            "max_flop": float,
            "policy_name": str,
            "policy": str,
            "evidence": str,
            "judgement_version": int,
        },
        _told,
    ),
    "alerts": Sheet(
        "alerts",
        "fingerprint",
        "changed_at",
        {
            "id": str,
            "family": str,
            "run": str,
            "rule": str,
            "answer": str,
            "state": str,
            "opened_at": datetime,
            "changed_at": datetime,
            "episode": int,
            "sentence": str,
            "domains": str,
            "decision": str,
            "fingerprint": str,
        },
        _own,
    ),
}
"""Every sheet and its columns, in order."""


def pages(
    tables: Tables, ledger: Ledger, name: str, family: str | None = None, since: datetime | None = None
) -> Iterator[list[Row]]:
    """The rows of a sheet, page by page, of one family or all, from one moment on or all; what the ledger has of them.

    Raises StoreError for a sheet that is none, LedgerBroken where a row of the ledger was touched.
    """
    sheet = _sheet(name)
    for page in tables.pages(sheet.table, sheet.key, *_where(sheet, family, since)):
        yield [_made(sheet, row, ledger) for row in page]


def count(tables: Tables, name: str, family: str | None = None, since: datetime | None = None) -> int:
    """How many rows `pages` gives."""
    sheet = _sheet(name)
    return tables.count(sheet.table, *_where(sheet, family, since))


def _sheet(name: str) -> Sheet:
    sheet = SHEETS.get(name)
    if sheet is None:
        raise StoreError(f"no sheet {name!r}; there are {', '.join(get_args(SheetName))}")
    return sheet


def _where(sheet: Sheet, family: str | None, since: datetime | None) -> tuple[str | None, list[str]]:
    given = {"family = ?": family, f"{sheet.moment} >= ?": None if since is None else stamp(since)}
    tests = {test: value for test, value in given.items() if value is not None}
    return " and ".join(tests) or None, list(tests.values())


def _made(sheet: Sheet, row: Row, ledger: Ledger) -> Row:
    told = {**sheet.body(row, ledger), **{name: value for name, value in row.items() if name != "body"}}
    return {name: _as(kind, told.get(name)) for name, kind in sheet.columns.items()}


def _as(kind: type, value: Any) -> Any:
    """A value as its column has it: lists of names as one text, moments as moments."""
    if value is None or (value == "" and kind is not str):
        return None
    if kind is datetime:
        return datetime.fromisoformat(value)
    if kind is str and isinstance(value, list):
        return ", ".join(map(str, value))
    return kind(value)


def frame(found: Iterator[list[Row]], name: str, library: Library | None = None) -> Any:
    """The rows of a sheet as a data frame of pandas, or of polars where that is asked for or all there is.

    Raises StoreError where neither is installed.
    """
    wanted = (library,) if library else get_args(Library)
    there = next((each for each in wanted if find_spec(each)), None)
    if there is None:
        raise StoreError(f"{' and '.join(wanted)}: not installed; `pip install {wanted[0]}`, or iterate over `rows`")
    columns, rows = SHEETS[name].columns, [row for page in found for row in page]
    library_ = import_module(there)
    if there == "polars":
        kinds = {str: library_.String, float: library_.Float64, int: library_.Int64, bool: library_.Boolean}
        kinds |= {datetime: library_.Datetime("us", "UTC")}
        return library_.DataFrame(rows, schema={column: kinds[kind] for column, kind in columns.items()})
    dtypes = {str: "string", float: "float64", int: "Int64", bool: "boolean", datetime: "datetime64[us, UTC]"}
    made = library_.DataFrame(rows, columns=list(columns))
    return made.astype({column: dtypes[kind] for column, kind in columns.items()})
