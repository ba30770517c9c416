"""What is wrong with a table of a policy file, in words for the person who wrote it."""

from __future__ import annotations

import re
from enum import Enum
from typing import Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from policies.file_terms import FileTerms
from policies.files import nearest
from policies.lines import Place
from policies.rule_terms import RuleTerms
from policies.schema import Preamble


class Mistake(NamedTuple):
    """One thing wrong with a policy, and the key it is about."""

    place: Place
    why: str


def mistakes_of(error: ValidationError, model: type[BaseModel], place: Place) -> list[Mistake]:
    """What pydantic refused, in words for the person who wrote the file: what is wrong, and what would be right."""
    mistakes = []
    for fault in error.errors(include_url=False):
        loc: Place = tuple(fault["loc"])
        mistakes.append(Mistake((*place, *loc), _why(fault, loc, model)))
    return mistakes


def _why(fault: ErrorDetails, loc: Place, model: type[BaseModel]) -> str:
    key, kind = ".".join(str(part) for part in loc), fault["type"]
    if kind == "extra_forbidden":
        known = keys_of(model, loc[:-1])
        near = nearest(str(loc[-1]), known)
        return f"unknown key {key!r}; " + (f"did you mean {near!r}?" if near else f"known here: {', '.join(known)}")
    if kind == "missing":
        choices = _choices(model, loc)
        return f"the key {key!r} is missing; add it" + (f": one of {', '.join(choices)}" if choices else "")
    said, given = fault["msg"].removeprefix("Value error, "), fault.get("input")
    if isinstance(given, str | int | float) and repr(given) not in said:
        said += f", not {given!r}"
    advice = _advice(fault, given)
    return (f"{key}: {said}" if key else said) + (f"; {advice}" if advice else "")


def _advice(fault: ErrorDetails, given: object) -> str:
    """What to write instead, where the mistake says it."""
    kind, context = fault["type"], fault.get("ctx", {})
    if kind in ("literal_error", "enum"):
        near = nearest(given, re.findall(r"'([^']+)'", fault["msg"])) if isinstance(given, str) else None
        return f"did you mean {near!r}?" if near else ""
    if kind in ("float_type", "int_type", "bool_type") and isinstance(given, str):
        return f"write it without quotes: {given.strip()}" if _PLAIN.fullmatch(given.strip()) else ""
    if kind == "string_type" and isinstance(given, bool | int | float):
        return f'write it in quotes: "{str(given).lower()}"'
    if kind == "string_pattern_mismatch" and isinstance(given, str):
        right = re.sub(r"[^a-z0-9_.-]+", "-", given.lower()).strip("-_.")
        return 'write lower-case letters, digits, "-", "_" and "."' + (f": {right!r}" if right else "")
    if kind in ("model_type", "dict_type"):
        name = ".".join(str(part) for part in fault["loc"])
        return f"it is a table: write [{name}] above its keys, or {name} = {{ key = ... }}"
    if kind in _RIGHT:
        return _RIGHT[kind]
    limits = {"less_than_equal": "at most", "less_than": "less than", "greater_than": "more than"}
    limits |= {"greater_than_equal": "at least"}
    bound = next((context[name] for name in ("le", "lt", "gt", "ge") if name in context), None)
    return f"write {limits[kind]} {bound:g}" if kind in limits and isinstance(bound, int | float) else ""


_RIGHT = {
    "too_short": "name at least one, or leave the key out",
    "finite_number": "write a finite number",
    "int_from_float": "write a whole number",
    "int_type": "write a whole number",
    "float_type": "write a number",
    "bool_type": "write true or false",
    "tuple_type": 'write a list: ["...", "..."]',
}
_PLAIN = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?|true|false")
"""What TOML takes as a number or a truth value."""


def _choices(model: type[BaseModel], loc: Place) -> list[str]:
    for part in loc[:-1]:
        field = model.model_fields.get(str(part))
        inner = None if field is None else _table_of(field.annotation)
        model = model if isinstance(part, int) or inner is None else inner
    field = model.model_fields.get(str(loc[-1]))
    kind = None if field is None else field.annotation
    if get_origin(kind) is Literal:
        return [str(choice) for choice in get_args(kind)]
    return [choice.value for choice in kind] if isinstance(kind, type) and issubclass(kind, Enum) else []


def keys_of(model: type[BaseModel], place: Place) -> list[str]:
    """Names of the keys that a table may have, `place` below the table of `model`; empty where any key may stand.

    >>> keys_of(Preamble, ("waivers",))
    ['max', 'renewals']
    """
    for part in place:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        inner = None if field is None else _table_of(field.annotation)
        if inner is None:
            return []
        model = inner
    known = list(model.model_fields)
    if model is Preamble:
        return [*known, "rules", *FileTerms.model_fields]
    return [*known, "replaces"] if issubclass(model, RuleTerms) else known


def _table_of(annotation: object) -> type[BaseModel] | None:
    """The record behind a table, or behind each table of a list."""
    if get_origin(annotation) is tuple:
        annotation = get_args(annotation)[0]
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
