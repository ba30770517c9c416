"""TOML to Policy: every mistake is a BadPolicy with file, line and the nearest known name.

The standard library's TOML reader keeps no line numbers, so `Lines` scans the text for keys and tables. It knows bare,
quoted and dotted keys at the start of a line, and skips multi-line strings; a key inside an inline table or an array is
reported at the line where that table or array begins.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from checkpoints_db.errors import BadPolicy, PolicyError, UnknownName
from policies.rules import RULES, rule_of
from policies.schema import RESERVED, Policy, Preamble, RuleTerms

SHELF = Path(__file__).parent / "shelf"
MAX_BYTES = 1 << 20
"""A policy that people read is far smaller than this."""

Place = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


def load(path: Path) -> Policy:
    """The policy in a TOML file.

    Raises BadPolicy, with the line where it can be told, for a file that cannot be read, TOML errors, unknown keys and
    kinds of rule, wrong types, lengths of time without units, numbers out of range, doubled rule ids, and no rules.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise BadPolicy(str(path), f"cannot be read: {error.strerror}; shipped policies are {_shipped()}") from error
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadPolicy(str(path), "is not UTF-8 text", line) from error
    if len(data) > MAX_BYTES:
        raise BadPolicy(str(path), f"has {len(data)} bytes; a policy has at most {MAX_BYTES}")
    try:
        body = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadPolicy(str(path), f"is no valid TOML: {error}", _line_of_syntax(str(error), text)) from error
    except (RecursionError, ValueError) as error:
        raise BadPolicy(str(path), f"is no valid TOML: {error}") from error
    return _build(body, str(path), Lines(text))


def from_body(body: Mapping[str, Any], name: str = "policy") -> Policy:
    """The policy whose `body()` this is. Raises BadPolicy, without lines."""
    return _build(dict(body), name, Lines(""))


def shelf_names() -> list[str]:
    """Names of the policies that are shipped."""
    return sorted(path.stem for path in SHELF.glob("*.toml"))


def shelf(name: str) -> Policy:
    """A shipped policy. Raises UnknownName when there is none of this name."""
    known = shelf_names()
    if name not in known:
        raise UnknownName("shelf policy", name, known, _nearest(name, known))
    return load(SHELF / f"{name}.toml")


def find(name_or_path: str, base: Path | None = None) -> Policy:
    """The policy that a setting means: a shipped one by its name, or a TOML file, relative to `base`.

    Raises BadPolicy for a file that does not load, UnknownName for what is neither file nor shipped policy.
    """
    if name_or_path in shelf_names():
        return shelf(name_or_path)
    path = Path(name_or_path) if base is None else base / name_or_path
    if path.suffix == ".toml" or path.is_file():
        return load(path)
    return shelf(name_or_path)


def _shipped() -> str:
    return ", ".join(shelf_names())


def _nearest(name: str, known: Sequence[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name, known, n=1)), None)


class Lines:
    """Where the keys of a TOML text stand."""

    _TABLE = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
    _KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
    _PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")

    def __init__(self, text: str) -> None:
        self._at: dict[Place, int] = {}
        table: Place = ()
        counts: dict[Place, int] = {}
        inside = ""
        for number, line in enumerate(text.splitlines(), start=1):
            if inside:
                inside = "" if inside in line else inside
                continue
            if match := self._TABLE.match(line):
                parts = self._parts(match[2])
                table = self._resolve(parts, counts, doubled=match[1] == "[[")
                self._at.setdefault(table, number)
                # An unknown array of tables is refused by its bare name, before its elements are looked at.
                self._at.setdefault(tuple(parts), number)
            elif match := self._KEY.match(line):
                place = table
                for part in self._parts(match[1]):
                    place = (*place, part)
                    self._at.setdefault(place, number)
                inside = next((q for q in ('"""', "'''") if line.count(q) % 2), "")

    def _parts(self, dotted: str) -> list[str]:
        return [part.strip("\"'") for part in self._PART.findall(dotted)]

    @staticmethod
    def _resolve(parts: list[str], counts: dict[Place, int], *, doubled: bool) -> Place:
        """The place of a table: the last element of every array of tables on the way, a new one for `[[...]]`."""
        place: Place = ()
        for depth, part in enumerate(parts, start=1):
            place = (*place, part)
            if doubled and depth == len(parts):
                counts[place] = counts.get(place, -1) + 1
            if place in counts:
                place = (*place, counts[place])
        return place

    def of(self, place: Place) -> int | None:
        """Line of a key, or of the nearest table or key around it; None where nothing is known."""
        while place and place not in self._at:
            place = place[:-1]
        return self._at.get(place)


def _line_of_syntax(message: str, text: str) -> int | None:
    match = re.search(r"at line (\d+)", message)
    return int(match[1]) if match else len(text.splitlines()) or None


class Mistake(NamedTuple):
    """One thing wrong with a policy, and the key it is about."""

    place: Place
    why: str


def _build(body: dict[str, Any], path: str, lines: Lines) -> Policy:
    mistakes: list[Mistake] = []
    rules = _rules(body.pop("rules", []), mistakes)
    preamble = _read(Preamble, body, (), mistakes)
    if preamble is not None and not mistakes:
        try:
            fields = {name: getattr(preamble, name) for name in Preamble.model_fields}
            return Policy.model_validate({**fields, "rules": rules})
        except ValidationError as error:
            mistakes += _mistakes(error, Policy, (), {})
    mistakes.sort(key=lambda mistake: lines.of(mistake.place) or 0)
    more = [f"line {lines.of(m.place) or '?'}: {m.why}" for m in mistakes[1:]]
    also = "".join(f"\n  also {text}" for text in more[:5]) + (f"\n  and {len(more) - 5} more" if len(more) > 5 else "")
    raise BadPolicy(path, mistakes[0].why + also, lines.of(mistakes[0].place))


def _rules(tables: Any, mistakes: list[Mistake]) -> tuple[RuleTerms, ...]:
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        mistakes.append(Mistake(("rules",), "rules is a list of tables; write [[rules]] with two brackets above each"))
        return ()
    rules: list[RuleTerms] = []
    seen: dict[str, int] = {}
    for index, table in enumerate(tables):
        name = table.get("id")
        if isinstance(name, str) and name in seen:
            mistakes.append(Mistake(("rules", index, "id"), f"two rules have the id {name!r}; give each its own"))
        elif isinstance(name, str):
            seen[name] = index
        if name in RESERVED:
            why = f"the rule id {name!r} is taken by the house; choose another"
            mistakes.append(Mistake(("rules", index, "id"), why))
        terms = _rule(table, index, mistakes)
        if terms is not None:
            rules.append(terms)
    return tuple(rules)


def _rule(table: dict[str, Any], index: int, mistakes: list[Mistake]) -> RuleTerms | None:
    kind, place = table.get("kind"), ("rules", index)
    if not isinstance(kind, str):
        known = ", ".join(RULES.names())
        mistakes.append(Mistake((*place, "kind"), f"a rule needs its kind as text, one of: {known}"))
        return None
    try:
        model = rule_of(kind).terms
    except PolicyError as error:
        mistakes.append(Mistake((*place, "kind"), str(error)))
        return None
    return _read(model, table, place, mistakes)


def _read(model: type[Model], body: dict[str, Any], place: Place, mistakes: list[Mistake]) -> Model | None:
    """The table as a record. Strict, and by way of JSON, so that text is no number and 1 is no `true`."""
    try:
        return model.model_validate_json(json.dumps(body, default=str), strict=True)
    except ValidationError as error:
        mistakes += _mistakes(error, model, place, body)
        return None


def _mistakes(error: ValidationError, model: type[BaseModel], place: Place, body: dict[str, Any]) -> list[Mistake]:
    """What pydantic refused, in words for the person who wrote the file."""
    mistakes = []
    for fault in error.errors(include_url=False):
        loc: Place = tuple(fault["loc"])
        key, kind = ".".join(str(part) for part in loc), fault["type"]
        known = keys_of(model, loc[:-1])
        if kind == "extra_forbidden":
            nearest = _nearest(str(loc[-1]), known)
            hint = f"did you mean {nearest!r}?" if nearest else f"known here: {', '.join(known)}"
            why = f"unknown key {key!r}; {hint}"
        elif kind == "missing":
            why = f"the key {key!r} is missing; add it"
        else:
            said = fault["msg"].removeprefix("Value error, ")
            given = fault.get("input")
            choices = re.findall(r"'([^']+)'", said) if kind in ("literal_error", "enum") else []
            nearest = _nearest(given, choices) if isinstance(given, str) else None
            said += f", not {given!r}" if isinstance(given, str | int | float) and repr(given) not in said else ""
            why = f"{key}: {said}" + (f"; did you mean {nearest!r}?" if nearest else "") if key else said
        mistakes.append(Mistake((*place, *loc), why))
    return mistakes


def keys_of(model: type[BaseModel], place: Place) -> list[str]:
    """Names of the keys that a table may have, `place` below the table of `model`; empty where any key may stand.

    >>> keys_of(Preamble, ("waivers",))
    ['max']
    """
    for part in place:
        if isinstance(part, int):  # an element of a list of tables, whose record stands already
            continue
        field = model.model_fields.get(part)
        inner = _table_of(field.annotation) if field is not None else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    known = list(model.model_fields)
    return [*known, "rules"] if model is Preamble else known


def _table_of(kind: Any) -> Any:
    """The record of a table, or of each table of a list that may be left out."""
    while get_args(kind):
        kind = get_args(kind)[0]
    return kind
