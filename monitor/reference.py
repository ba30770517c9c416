"""Every key of holdpoint.toml: what it means, its default, and where its value comes from on this machine."""

from __future__ import annotations

import ast
import inspect
import json
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from checkpoints_db.records import Record
from checkpoints_db.records.duration import spell_duration
from monitor.settings import DEEPER, PREFIX, Receiver, Settings, Source

BEGIN, END = "<!-- settings: made by monitor/reference.py; a test compares -->", "<!-- /settings -->"
MASKED = "**********"
"""A secret, whatever it is."""
LISTS: dict[str, type[BaseModel]] = {"source": Source, "receivers": Receiver}
"""Tables that are written any number of times."""


class Setting(Record):
    """One key with its value, and where that comes from."""

    key: str
    value: Any
    origin: str
    """`file`, `environment NAME`, or `default`."""
    means: str


def settings_of(config: Path, settings: Settings) -> list[Setting]:
    """Every key as it is in force. Secrets are masked; where there is no `[web]` table, its keys have no value."""
    written = tomllib.loads(config.read_text("utf-8"))
    found = []
    for path, _ in _keys(Settings):
        value: Any = settings
        for name in path:
            value = getattr(value, name, None)
        means = meanings()[path]
        if path[0] not in LISTS:
            found.append(Setting(key=".".join(path), value=shown(value), origin=_origin(path, written), means=means))
            continue
        rows: Iterable[tuple[object, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
        for which, row in rows:
            given = [key for key in type(row).model_fields if key in row.model_fields_set]
            told = {key: in_sight(key, getattr(row, key)) for key in given}
            key = f"{path[0]}.{which}"
            found.append(Setting(key=key, value=told, origin=_origin((path[0], str(which)), written), means=means))
    return found


def key_table() -> str:
    """The tables of `monitor/README.md`."""
    parts = [_head(), *(_row(".".join(path), path, field) for path, field in _keys(Settings))]
    for name, model in LISTS.items():
        table = f"[[{name}]]" if name == "source" else f"[{name}.NAME]"
        parts += ["", f"Keys of `{table}`:", "", _head()]
        parts += [_row(".".join(path), (name, *path), field) for path, field in _keys(model)]
    return "\n".join(parts) + "\n"


def _head() -> str:
    return "| key | default | meaning |\n|---|---|---|"


def _row(name: str, path: tuple[str, ...], field: FieldInfo) -> str:
    if field.is_required():
        default = "required"
    else:
        value = shown(field.get_default(call_default_factory=True))
        spelled = value if isinstance(value, str) else json.dumps(value)
        default = "none" if value in (None, "", [], {}) else f"`{spelled}`"
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    means = meanings()[path] + (f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else "")
    return f"| `{name}` | {default} | {means} |"


def shown(value: Any) -> Any:
    """A value as JSON has it; a secret masked."""
    if isinstance(value, SecretStr):
        return MASKED
    if isinstance(value, timedelta):
        return spell_duration(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, BaseModel):
        return {name: shown(getattr(value, name)) for name in sorted(value.model_fields_set)}
    if isinstance(value, Mapping):
        return {name: shown(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [shown(each) for each in value]
    return value


def in_sight(key: str, value: Any) -> Any:
    """A value of a source or a receiver, without what may be a secret: what follows a URL's `?`, options of others."""
    if key == "url":
        address, mark, _ = value.partition("?")
        return f"{address}?{MASKED}" if mark else address
    return dict.fromkeys(value, MASKED) if key == "options" else shown(value)


def _keys(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """The path of every key that holds a value, tables gone through."""
    for name, field in model.model_fields.items():
        table = table_of(field)
        if field.exclude:
            continue
        if table is None or name in LISTS:
            yield (*above, name), field
        else:
            yield from _keys(table, (*above, name))


def table_of(field: FieldInfo) -> type[BaseModel] | None:
    """The table that a key holds, if it holds one."""
    kinds = [kind for kind in (field.annotation, *get_args(field.annotation)) if kind is not NoneType]
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


@cache
def meanings() -> dict[tuple[str, ...], str]:
    """What is written below each key in the source, by its path: read once, and only when somebody asks."""

    def below(model: type[BaseModel], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
        said = _said(model)
        for name, field in model.model_fields.items():
            table = LISTS.get(name) or table_of(field)
            if name in said:
                yield (*above, name), said[name]
            if table is not None:
                yield from below(table, (*above, name))

    return dict(below(Settings, ()))


def _said(model: type[BaseModel]) -> dict[str, str]:
    (owner,) = (node for node in ast.parse(inspect.getsource(model)).body if isinstance(node, ast.ClassDef))
    return {
        key.target.id: " ".join(str(text.value.value).split())
        for key, text in zip(owner.body, owner.body[1:], strict=False)
        if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def _origin(path: tuple[str, ...], written: Mapping[str, Any]) -> str:
    variables = {name.upper(): name for name in os.environ}
    for end in range(len(path), 0, -1):
        name = variables.get(PREFIX + DEEPER.join(path[:end]).upper())
        if name is not None and _holds(os.environ[name], path[end:]):
            return f"environment {name}"
    here: Any = written
    for number, part in enumerate(path):
        if isinstance(here, list):
            return "file" if part.isdecimal() and int(part) < len(here) else "default"
        if not isinstance(here, Mapping) or part not in here:
            return "default" if number == 0 or path[0] not in LISTS else "file"
        here = here[part]
    return "file"


def _holds(text: str, rest: tuple[str, ...]) -> bool:
    """Whether a variable that holds a whole table, as JSON, says something of a key in it."""
    try:
        here = json.loads(text) if rest else None
    except ValueError:
        return False
    for part in rest:
        if isinstance(here, list) and part.isdecimal():
            return int(part) < len(here)
        if not isinstance(here, dict) or part not in here:
            return False
        here = here[part]
    return True
