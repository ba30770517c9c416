"""Which column of an export means what: `columns.toml`, for tables that were not written for us.

```toml
[[table]]
name = "wandb"                        # for messages
files = ["wandb_export_*.csv"]        # optional: ends of paths; without it, CSV and Parquet with these columns
model = "Name"                        # column with the name that the catalogue knows; and/or run, family
step = "_step"                        # columns, all optional: step, params, tokens, flop, date
fixed = { family = "ours", params = 1e9 }     # what no column says: model, run, family, step, params, tokens, flop
finished = { State = "finished" }     # rows that say otherwise are kept, marked, and train nothing
terms = { n_shot = "params.n_shot" }  # columns that must agree for two results to be compared
rows = "all"                          # or "last": of each run only the furthest value
repeats = "refuse"                    # or "last": one thing logged twice with two values (resumed runs log again)
harness = "wandb"                     # optional: the program that evaluated

[[table.metric]]
column = "eval/{task}/acc"            # {task} is any text; or without it, and `task = "arc"` beside it
metric = "acc"
kind = "thresholded"                  # required: continuous or thresholded
direction = "higher"                  # required: higher or lower is better
lower = 0.0                           # optional: range, and the value of guessing
upper = 1.0
chance = 0.25
stderr = "eval/{task}/acc_stderr"     # optional columns: standard error, number of documents
n = "eval/{task}/n"                   # or a number
terms = { n_shot = 5 }                # what must agree, as it is
```
"""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

from checkpoints_db.errors import SettingsError
from checkpoints_db.records import Direction, Kind, Record, Term
from checkpoints_db.records.evidence import Name, Positive

TASK = "{task}"
SCALES = ("params", "tokens", "flop")
_COPY = re.compile(r"^[0-9a-f]{12}-")
"""What the quarantine puts before the name of its copies."""


class Entry(Record):
    """A table of the file: no silent typing."""

    model_config = ConfigDict(strict=True)


class Measure(Entry):
    """A column that holds a metric of a task."""

    column: Name
    metric: Name
    task: str = ""
    kind: Kind
    direction: Direction
    lower: float | None = None
    upper: float | None = None
    chance: float | None = None
    stderr: str = ""
    n: str | Annotated[int, Field(gt=0)] | None = None
    terms: dict[Name, Term] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_task(self) -> Self:
        if bool(self.task) == (TASK in self.column):
            raise ValueError(f"give a task, or {TASK} in column, and not both")
        for key in ("column", "stderr", "n"):
            text = getattr(self, key)
            if isinstance(text, str) and (text.count(TASK) > 1 or (TASK in text and TASK not in self.column)):
                raise ValueError(f"{key} may hold {TASK} once, and only where column does")
        return self

    def task_of(self, column: str) -> str | None:
        """The task `column` is about; None where it is none of this measure."""
        before, brace, after = self.column.partition(TASK)
        if not brace:
            return self.task if column == self.column else None
        found = re.fullmatch(f"{re.escape(before)}(.+){re.escape(after)}", column, re.DOTALL)
        return found[1] if found else None


class Fixed(Entry):
    """What no column says."""

    model: Name | None = None
    run: Name | None = None
    family: Name | None = None
    step: Annotated[int, Field(ge=0)] | None = None
    params: Positive | None = None
    tokens: Positive | None = None
    flop: Positive | None = None


class Columns(Entry):
    """One kind of export, and what its columns mean."""

    name: Name
    files: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    model: Name | None = None
    run: Name | None = None
    family: Name | None = None
    step: Name | None = None
    params: Name | None = None
    tokens: Name | None = None
    flop: Name | None = None
    date: Name | None = None
    fixed: Fixed = Fixed()
    finished: dict[Name, str] = Field(default_factory=dict)
    terms: dict[Name, Name] = Field(default_factory=dict)
    rows: Literal["all", "last"] = "all"
    repeats: Literal["refuse", "last"] = "refuse"
    harness: str = Field(default="", max_length=200)
    metric: Annotated[tuple[Measure, ...], Field(strict=False, min_length=1)]

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        for key in Fixed.model_fields:
            if getattr(self, key) is not None and getattr(self.fixed, key) is not None:
                raise ValueError(f"{key} is a column and fixed; keep one of them")
        if not any((self.model, self.run, self.fixed.model, self.fixed.run)):
            raise ValueError("name the column that holds the model or the run")
        return self

    @property
    def plain(self) -> dict[str, str]:
        """Key -> the one column it names, for every key that names one."""
        keys = ("model", "run", "family", "step", *SCALES, "date")
        named = {key: column for key in keys if (column := getattr(self, key)) is not None}
        named |= {f"finished {column}": column for column in self.finished}
        return named | {f"terms {term}": column for term, column in self.terms.items()}

    def claims(self, path: Path) -> bool:
        """Whether `files` names this path."""
        copied = path.with_name(_COPY.sub("", path.name) or path.name)
        return any(path.match(pattern) or copied.match(pattern) for pattern in self.files)


def columns_of(path: Path) -> tuple[Columns, ...]:
    """Read a file of mappings. Raises SettingsError naming file, table, key and the nearest known key."""
    try:
        body = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
    tables = body.pop("table", [])
    if body or not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        raise SettingsError(f"{path}: {next(iter(body), 'table')}: this file holds [[table]], with two brackets")
    found = tuple(_columns(path, i, each) for i, each in enumerate(tables, start=1))
    names = [each.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"{path}: two [[table]] are called {name!r}")
    return found


def _columns(path: Path, number: int, body: dict[str, Any]) -> Columns:
    try:
        return Columns.model_validate(body)
    except ValidationError as error:
        found = error.errors()
        unknown = [each for each in found if each["type"] == "extra_forbidden"]  # what is missing may be misspelt
        first = (unknown or found)[0]
        place = [part for part in first["loc"] if part not in ("str", "constrained-int")]
        why = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            known = {**Columns.model_fields, **Measure.model_fields} if len(place) > 1 else Columns.model_fields
            near = difflib.get_close_matches(str(place[-1]), known, n=1)
            why = f"unknown key; did you mean {near[0]!r}?" if near else f"unknown key; known are {', '.join(known)}"
        table = f"[[table]] {body.get('name', number)!r}"
        if len(place) > 1 and place[0] == "metric" and isinstance(place[1], int):
            table, place = f"{table}, [[table.metric]] number {place[1] + 1}", place[2:]
        raise SettingsError(f"{path}: {table}: {'.'.join(map(str, place))}: {why}".replace(": : ", ": ")) from error
