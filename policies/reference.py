"""The table of every key of a policy file, made from the schema; policies/README.md carries it between two markers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import Enum
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from checkpoints_db.records.duration import spell_duration
from policies.calendar_span import CalendarSpan
from policies.direction import Direction
from policies.file_terms import REPLACES, FileTerms
from policies.policy_tests import Assessed, Attested, PolicyTest
from policies.route_terms import Inhibit, Quiet, Route
from policies.rule_terms import RuleTerms
from policies.rules import RULES
from policies.schema import Preamble
from policies.spelling import multiple, spell_multiple
from policies.terms import Terms

BEGIN = "<!-- keys: made from the schema, see policies/reference.py; a test compares -->"
END = "<!-- /keys -->"
NAMES: dict[Any, str] = {
    str: "text",
    float: "number",
    int: "whole number",
    bool: "`true` or `false`",
    timedelta: "length of time (`30m`, `48h`, `14d`, `2w`)",
    CalendarSpan: "length of time, months included (`90d`, `6mo`, `1y`)",
    datetime: "moment with its zone",
    "multiple": "multiple (`2x`, `1.5x`)",
}
"""How the table of keys calls each type of value."""


def key_table() -> str:
    """Markdown tables of all keys: of the file, of every rule, and of each kind of rule."""
    parts = ["### Keys of the file", "", *_head(), *_rows(Preamble, ""), ""]
    parts += ["### Keys of the file that are no terms", "", *_head(), *_rows(FileTerms, "")]
    parts += [f"| `rules.replaces` | `true` | none | {REPLACES} |", ""]
    parts += ["### Keys of every `[[test]]` table", "", *_head(), *_rows(PolicyTest, ""), ""]
    for name, model in (("assessed", Assessed), ("attested", Attested)):
        parts += [f"### Keys of `given.{name}` in a test", "", *_head(), *_rows(model, ""), ""]
    parts += ["### Keys of every `[[routes]]` table", "", *_head(), *_rows(Route, ""), ""]
    parts += ["### Keys of every `[[inhibit]]` table", "", *_head(), *_rows(Inhibit, ""), ""]
    parts += ["### Keys of every `quiet` table of a route", "", *_head(), *_rows(Quiet, ""), ""]
    parts += ["### Keys of every `[[rules]]` table", "", *_head(), *_rows(RuleTerms, ""), ""]
    common = set(RuleTerms.model_fields)
    for rule in RULES:
        parts += [f'### Keys of `kind = "{rule.kind}"`', "", *_head(), *_rows(rule.terms, "", common), ""]
    return "\n".join(parts).rstrip() + "\n"


def renewed(page: str) -> str:
    """The page with the table between its markers made anew. Raises ValueError where a marker is missing."""
    head, found, rest = page.partition(BEGIN)
    _, found_end, tail = rest.partition(END)
    if not (found and found_end):
        raise ValueError(f"the page needs the markers {BEGIN} and {END}")
    return f"{head}{BEGIN}\n\n{key_table()}\n{END}{tail}"


def _head() -> list[str]:
    return ["| key | value | default | stricter | meaning |", "|---|---|---|---|---|"]


def _rows(model: type[BaseModel], prefix: str, without: set[str] | None = None) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if name in (without or ()):
            continue
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Terms):
            yield from _rows(inner, f"{prefix}{name}.")
        else:
            meaning = " ".join((field.description or "").split()).replace("|", "\\|")
            yield f"| `{prefix}{name}` | {_value(field)} | {_default(field)} | {_stricter(field)} | {meaning} |"


def _stricter(field: FieldInfo) -> str:
    """Which side of a key is stricter; a dash where none is, so that any change of it loosens."""
    return next((mark.words for mark in field.metadata if isinstance(mark, Direction)), "-")


def _value(field: FieldInfo) -> str:
    limits = [text for mark in field.metadata for text in _limits(mark)]
    kind = NAMES["multiple"] if _is_multiple(field.metadata) else _type(field.annotation)
    return " ".join([kind, *limits]).replace("|", "\\|")


def _is_multiple(marks: Iterable[Any]) -> bool:
    return any(isinstance(mark, BeforeValidator) and mark.func is multiple for mark in marks)


def _limits(mark: Any) -> list[str]:
    if isinstance(mark, FieldInfo):
        return [text for inner in mark.metadata for text in _limits(inner)]
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    found = {sign: getattr(mark, name, None) for name, sign in signs.items()}
    return [f"{sign} {limit:g}" for sign, limit in found.items() if isinstance(limit, int | float)]


def _type(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(kind))
    if get_origin(kind) in (Union, UnionType):
        return _type(next(part for part in get_args(kind) if part is not type(None)))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(f"`{choice.value}`" for choice in kind)
    if get_origin(kind) is tuple:
        return _list_of(get_args(kind)[0])
    if get_origin(kind) is dict:
        return "table of texts or lists of texts"
    if hasattr(kind, "__metadata__"):
        if _is_multiple(kind.__metadata__):
            return NAMES["multiple"]
        return " ".join([_type(kind.__origin__), *(text for mark in kind.__metadata__ for text in _limits(mark))])
    return NAMES[kind]


def _list_of(kind: Any) -> str:
    inner = get_args(kind)[0] if hasattr(kind, "__metadata__") else kind
    if isinstance(inner, type) and issubclass(inner, Terms):
        return "list of tables"
    if get_origin(inner) is Literal:
        return f"{_type(inner)}, or a list of them"
    return f"{NAMES[inner]} or list of {'texts' if inner is str else 'them'}"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, timedelta):
        return f"`{spell_duration(value)}`"
    if _is_multiple(field.metadata):
        return f"`{spell_multiple(value)}`" if value is not None else "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple) and any(isinstance(part, Terms) for part in value):
        return "; ".join(_spelled(part.body(), part) for part in value)
    if isinstance(value, tuple):
        return ", ".join(f"`{part}`" for part in value) or "none"
    return "none" if value is None or value in ("", {}) else f"`{value}`"


def _spelled(body: dict[str, Any], terms: Terms) -> str:
    """A table as one writes it, without the keys that say nothing new."""
    told = [f"{key} = {_inline(body[key], getattr(terms, key))}" for key in sorted(terms.model_fields_set)]
    return f"`{{{', '.join(told)}}}`"


def _inline(value: Any, terms: Any) -> str:
    if isinstance(terms, Terms):
        return _spelled(value, terms).strip("`")
    return json.dumps(value)
