"""A catalogue file and the tables beside it -> entries. Every complaint names file, line and key."""

from __future__ import annotations

import csv
import difflib
import io
import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar

from pydantic import ValidationError

from checkpoints_db.catalogue.entries import Composition, Domain, Entry, Family, Run, Target, Together
from checkpoints_db.catalogue.flop import ARCHITECTURE
from checkpoints_db.errors import SettingsError

_KINDS = ("family", "run", "together", "target", "composition", "domains")
_SHARED = ("flop_counts", "estimator", "efficiency")
_RUN_KEYS = (
    "family",
    "match",
    "table",
    "run",
    "step",
    "params",
    "tokens",
    "flop",
    "tokens_per_step",
    *_SHARED,
    *ARCHITECTURE,
)
_TARGET_KEYS = ("family", "name", "params", "tokens", "flop", "efficiency", "due", *ARCHITECTURE)
_ROW_NUMBERS = ("step", "params", "tokens", "flop", "efficiency", *ARCHITECTURE)
_ROW_TEXTS = ("flop_counts", "estimator")
E = TypeVar("E", bound=Entry)


class Entries(NamedTuple):
    """Everything a catalogue file says, tables read."""

    families: tuple[Family, ...]
    runs: tuple[Run, ...]
    together: tuple[Together, ...]
    targets: tuple[Target, ...] = ()
    compositions: tuple[Composition, ...] = ()
    domains: tuple[Domain, ...] = ()


def entries_of(path: Path) -> Entries:
    """Read a catalogue. Raises SettingsError naming file, line, key and the nearest known key."""
    text = _text(path)
    try:
        body = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not TOML: {error}") from error
    file = _File(path, text)
    for key in body:
        if key not in _KINDS:
            file.unknown(key, _KINDS, None)
    families = [file.entry(Family, "family", i, each) for i, each in enumerate(file.tables(body, "family"))]
    names = [family.name for family in families]
    for i, name in enumerate(names):
        if name in names[:i]:
            file.refuse(("family", i), "name", f"family {name!r} is declared twice")
    runs = [run for i, each in enumerate(file.tables(body, "run")) for run in file.runs(i, each)]
    together = [file.entry(Together, "together", i, each) for i, each in enumerate(file.tables(body, "together"))]
    targets = [file.target(i, each) for i, each in enumerate(file.tables(body, "target"))]
    for i, target in enumerate(targets):
        if (target.family, target.name) in [(each.family, each.name) for each in targets[:i]]:
            file.refuse(("target", i), "name", f"target {target.name!r} of {target.family!r} is declared twice")
    made = [file.entry(Composition, "composition", i, each) for i, each in enumerate(file.tables(body, "composition"))]
    tasks = [composition.task for composition in made]
    for i, task in enumerate(tasks):
        if task in tasks[:i]:
            file.refuse(("composition", i), "task", f"the composition of {task!r} is declared twice; keep one")
    domains = file.domains(body.get("domains", {}))
    return Entries(tuple(families), tuple(runs), tuple(together), tuple(targets), tuple(made), domains)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be opened: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: byte at offset {error.start} is not UTF-8; write the file as UTF-8") from error


class _File:
    """A catalogue file: it knows its lines, for complaints."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.lines = path, text.splitlines()

    def line_of(self, place: tuple[str, int] | None, key: str) -> int | None:
        """Line of `key` in the i-th table of a kind, or of its header; None where that is unknown."""
        first, last = 0, len(self.lines)
        if place is not None:
            kind, index = place
            header = re.compile(rf"\s*\[\[\s*{kind}\s*\]\]")
            starts = [i for i, line in enumerate(self.lines) if header.match(line)]
            if index >= len(starts):
                return None
            first = starts[index]
            after = (i for i in range(first + 1, last) if re.match(r"\s*\[", self.lines[i]))
            last = next(after, last)
        wanted = re.compile(rf"\s*(\[\[?\s*)?[\"']?{re.escape(key)}[\"']?\s*(=|\])")
        here = (i for i in range(first, last) if wanted.match(self.lines[i]))
        found = next(here, None if place is None else first)
        return None if found is None else found + 1

    def refuse(self, place: tuple[str, int] | None, key: str, why: str) -> NoReturn:
        line = self.line_of(place, key)
        where = f"{self.path}:{line}" if line else str(self.path)
        table = f"[[{place[0]}]] {key}".rstrip() if place else key
        raise SettingsError(f"{where}: {table}: {why}")

    def unknown(self, key: str, known: tuple[str, ...], place: tuple[str, int] | None) -> NoReturn:
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        self.refuse(place, key, f"unknown key; {hint}")

    def tables(self, body: dict[str, Any], kind: str) -> list[dict[str, Any]]:
        given = body.get(kind, [])
        if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
            self.refuse(None, kind, f"write it as [[{kind}]], with two brackets")
        return given

    def entry(self, model: type[E], kind: str, index: int, body: dict[str, Any]) -> E:
        known = {Run: _RUN_KEYS, Target: _TARGET_KEYS}.get(model, tuple(model.model_fields))
        for key in body:
            if key not in known:
                self.unknown(key, known, (kind, index))
        try:
            return model.model_validate(body)
        except ValidationError as error:
            first = error.errors()[0]
            key = str(first["loc"][0]) if first["loc"] else ""
            given = "" if first["type"] in ("missing", "value_error") else f" (it is {first['input']!r})"
            inner = ".".join(str(part) for part in first["loc"][1:])
            why = first["msg"].removeprefix("Value error, ") + given
            self.refuse((kind, index), key, f"{inner}: {why}" if inner else why)

    def target(self, index: int, body: dict[str, Any]) -> Target:
        target = self.entry(Target, "target", index, body)
        return target.model_copy(update={"file": str(self.path), "line": self.line_of(("target", index), "")})

    def domains(self, body: Any) -> tuple[Domain, ...]:
        """The tags of `[domains]`, each with its patterns."""
        if not isinstance(body, dict):
            self.refuse(None, "domains", 'write it as [domains], with one line a tag: cyber = ["cyber_*"]')
        found = []
        for name, tasks in body.items():
            given = [tasks] if isinstance(tasks, str) else tasks
            if not isinstance(given, list) or not given or not all(isinstance(task, str) and task for task in given):
                self.refuse(None, name, f'write a list of task patterns, as in {name} = ["cyber_*"]')
            found.append(Domain(name=name, tasks=tuple(given)))
        return tuple(found)

    def runs(self, index: int, body: dict[str, Any]) -> list[Run]:
        """One run, or the runs of a table."""
        if "table" not in body:
            run = self.entry(Run, "run", index, body)
            line = self.line_of(("run", index), "")
            return [run.model_copy(update={"file": str(self.path), "line": line})]
        for key in body:
            if key not in _RUN_KEYS:
                self.unknown(key, _RUN_KEYS, ("run", index))
        for key in ("match", "run", "step"):
            if key in body:
                self.refuse(("run", index), key, "a table gives the models one by one; remove this key")
        if not isinstance(body["table"], str):
            self.refuse(("run", index), "table", f"write the name of a CSV file (it is {body['table']!r})")
        shared = {key: value for key, value in body.items() if key != "table"}
        probe = {"family": "any", **shared, "match": "{run}@{step}"}  # complaints of shared keys belong here
        self.entry(Run, "run", index, probe)
        return _table(self.path.parent / body["table"], shared)


def _table(path: Path, shared: dict[str, Any]) -> list[Run]:
    """The rows of a table of models, each with what the [[run]] gives for all."""
    rows = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    runs: list[Run] = []
    lines: dict[str, int] = {}
    header: list[str] = []
    try:
        for cells in rows:
            line = rows.line_num
            if not cells:
                continue
            if not header:
                header = _header(path, line, cells)
                continue
            if len(cells) != len(header):
                raise SettingsError(f"{path}:{line}: {len(cells)} cells where the header has {len(header)}")
            row = {name: cell.strip() for name, cell in zip(header, cells, strict=True) if cell.strip()}
            run = _run_of(path, line, row, shared)
            first = lines.setdefault(str(run.model), line)
            if first != line:
                raise SettingsError(f"{path}:{line}: model {run.model!r} is already on line {first}; keep one")
            runs.append(run)
    except csv.Error as error:
        raise SettingsError(f"{path}:{rows.line_num}: not CSV: {error}") from error
    return runs


def _header(path: Path, line: int, cells: list[str]) -> list[str]:
    names = [name.strip() for name in cells]
    for needed in ("model", "run"):
        if names.count(needed) != 1:
            why = f"column {needed!r} occurs {names.count(needed)} times where it is needed once"
            raise SettingsError(f"{path}:{line}: {why}")
    twice = [name for name in (*_ROW_NUMBERS, *_ROW_TEXTS, "family") if names.count(name) > 1]
    if twice:
        raise SettingsError(f"{path}:{line}: column {twice[0]!r} occurs twice")
    return names


def _run_of(path: Path, line: int, row: dict[str, str], shared: dict[str, Any]) -> Run:
    body: dict[str, Any] = dict(shared)
    for name in ("model", "run", "family", *_ROW_TEXTS):
        if name in row:
            body[name] = row[name]
    for name in ("model", "run", "family"):
        if not body.get(name):
            raise SettingsError(f"{path}:{line}: column {name!r} is empty")
    for name in _ROW_NUMBERS:
        if name not in row:
            continue
        if not re.fullmatch(r"(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", row[name], re.ASCII):
            raise SettingsError(f"{path}:{line}: column {name!r}: {row[name]!r} is not a number of at least 0")
        number = float(row[name])
        if name == "step" and not number.is_integer():
            raise SettingsError(f"{path}:{line}: column 'step': {row[name]!r} is not whole")
        if number or name == "step":  # tokens and FLOP of step 0 are 0: no place on an axis
            body[name] = int(number) if name == "step" else number
        if name == "tokens":
            body.pop("tokens_per_step", None)
    try:
        return Run.model_validate({**body, "source": f"{path.name}, line {line}", "file": str(path), "line": line})
    except ValidationError as error:
        first = error.errors()[0]
        what = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"{path}:{line}: {what}: {first['msg']}") from error
