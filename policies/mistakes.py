"""What is wrong with a table of a policy file, in words for the person who wrote it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel, ValidationError

from policies.file_terms import FileTerms
from policies.files import nearest
from policies.lines import Place
from policies.schema import Preamble, RuleTerms


class Mistake(NamedTuple):
    """One thing wrong with a policy, and the key it is about."""

    place: Place
    why: str


def mistakes_of(error: ValidationError, model: type[BaseModel], place: Place, body: dict[str, Any]) -> list[Mistake]:
    """What pydantic refused, in words for the person who wrote the file."""
    mistakes = []
    for fault in error.errors(include_url=False):
        loc: Place = tuple(fault["loc"])
        key, kind = ".".join(str(part) for part in loc), fault["type"]
        known = keys_of(model, loc[:-1])
        if kind == "extra_forbidden":
            near = nearest(str(loc[-1]), known)
            hint = f"did you mean {near!r}?" if near else f"known here: {', '.join(known)}"
            why = f"unknown key {key!r}; {hint}"
        elif kind == "missing":
            why = f"the key {key!r} is missing; add it"
        else:
            said = fault["msg"].removeprefix("Value error, ")
            given = fault.get("input")
            choices = re.findall(r"'([^']+)'", said) if kind in ("literal_error", "enum") else []
            near = nearest(given, choices) if isinstance(given, str) else None
            said += f", not {given!r}" if isinstance(given, str | int | float) and repr(given) not in said else ""
            why = f"{key}: {said}" + (f"; did you mean {near!r}?" if near else "") if key else said
        mistakes.append(Mistake((*place, *loc), why))
    return mistakes


def keys_of(model: type[BaseModel], place: Place) -> list[str]:
    """Names of the keys that a table may have, `place` below the table of `model`; empty where any key may stand.

    >>> keys_of(Preamble, ("waivers",))
    ['max']
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
