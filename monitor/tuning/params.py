"""What is swept: numeric keys of a policy, by name, over a range, in the units that the policy file has."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, NamedTuple, get_args, get_origin

import numpy as np
from pydantic import BaseModel

from checkpoints_db.errors import PolicyError, UnknownName
from checkpoints_db.records.duration import spell_duration
from policies.loader import from_body
from policies.schema import Policy

NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([a-zA-Z]*)\s*")

PROBABILITIES = ("tail", "share", "probability")
"""Keys whose range is swept evenly in logarithm unless told otherwise."""

SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


class BadParam(PolicyError):
    """A `--param` that cannot be swept."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"--param {text}: {why}; write it as RULE.KEY=LOW..HIGH, as in break.tail=0.001..0.05")


class Key(NamedTuple):
    """A numeric key of a policy."""

    place: tuple[str | int, ...]
    """Where it stands in the policy as JSON."""
    value: float | None
    """What it is; None where it is left out."""
    unit: str
    """Of a length of time or a multiple, else empty."""
    whole: bool
    """Whether only whole numbers may stand there."""


class Param(NamedTuple):
    """One key and the range that is tried."""

    name: str
    low: float
    high: float
    unit: str
    whole: bool
    log: bool

    def values(self, points: int) -> tuple[float, ...]:
        """At most `points` values from `low` to `high`, of three digits each, smallest first."""
        even = np.geomspace if self.log else np.linspace
        found = even(self.low, self.high, points).tolist()
        found = [self.low, *(float(f"{value:.3g}") for value in found[1:-1]), self.high][: max(points, 1)]
        return tuple(sorted({float(round(value)) if self.whole else value for value in found}))

    def spelled(self, value: float) -> str:
        """A value as the policy file has it."""
        return f"{value:g}{self.unit}"


def parse(policy: Policy, text: str, *, log: bool | None = None) -> Param:
    """The parameter that `rule.key=a..b` names; `log`: how it is spaced, by what it is unless told.

    Units are those of the file (`2x`, `30d`), the same on both ends; the one at hand may be left out of the first.
    Raises UnknownName with the nearest name, BadParam, or BadPolicy where an end is nothing the policy may have.
    """
    name, equals, span = text.partition("=")
    low, dots, high = span.partition("..")
    if not equals or not dots:
        raise BadParam(text, "a name and a range with two dots are needed")
    name, known = name.strip(), keys(policy)
    if name not in known:
        near = next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.4)), None)
        raise UnknownName("parameter", name, list(known), near)
    ends = [NUMBER.fullmatch(end) for end in (low, high)]
    if ends[0] is None or ends[1] is None:
        raise BadParam(text, f"{low if ends[0] is None else high!r} is no number with a unit")
    units = {end[2] for end in ends if end is not None and end[2]}
    if len(units) > 1:
        raise BadParam(text, f"two units, {' and '.join(sorted(units))}; use one for both ends")
    unit = next(iter(units), "")
    first, last = float(ends[0][1]), float(ends[1][1])
    if not first < last or not math.isfinite(last):
        raise BadParam(text, f"{low} is not below {high}")
    param = Param(name, first, last, unit, known[name].whole, _spaced(name, first, log, text))
    for end in (first, last):
        changed(policy, [param], [end])
    return param


def _spaced(name: str, low: float, log: bool | None, text: str) -> bool:
    if log and low <= 0:
        raise BadParam(text, "a logarithm needs a range above 0; leave --log out")
    return (name.rpartition(".")[2] in PROBABILITIES and low > 0) if log is None else log


def changed(policy: Policy, params: Sequence[Param], values: Sequence[float]) -> Policy:
    """The policy with these values instead of its own. Raises BadPolicy where it may not have them."""
    body, known = policy.body(), keys(policy)
    for param, value in zip(params, values, strict=True):
        at: Any = body
        *way, last = known[param.name].place
        for part in way:
            at = at[part]
        at[last] = f"{value!r}{param.unit}" if param.unit else int(value) if param.whole else value
    return from_body(body, f"{policy.name} with {', '.join(p.name for p in params)} changed")


def current(policy: Policy, param: Param) -> float | None:
    """What the policy has now, in the unit of the parameter; None where it has nothing that can be told.

    A `tail` that a rule leaves out is that of `judging`.
    """
    key = keys(policy)[param.name]
    if key.value is None:
        return policy.judging.tail if param.name.endswith(".tail") else None
    if param.unit in SECONDS and key.unit in SECONDS:
        return key.value * SECONDS[key.unit] / SECONDS[param.unit]
    return key.value


def keys(policy: Policy) -> dict[str, Key]:
    """Every numeric key by name: `judging.tail`, `budget.share`, and `RULE.key` for each rule by its id."""
    body = policy.body()
    found: dict[str, Key] = {}
    for name in type(policy).model_fields:
        if isinstance(table := getattr(policy, name), BaseModel):
            found |= {f"{name}.{key}": at for key, at in _numeric(table, (name,), body[name])}
    for i, rule in enumerate(policy.rules):
        found |= {f"{rule.id}.{key}": at for key, at in _numeric(rule, ("rules", i), body["rules"][i])}
    return found


def _numeric(table: BaseModel, place: tuple[str | int, ...], body: Mapping[str, Any]) -> Iterator[tuple[str, Key]]:
    for name, field in type(table).model_fields.items():
        value, at = getattr(table, name), (*place, name)
        if isinstance(value, BaseModel):
            yield from ((f"{name}.{key}", found) for key, found in _numeric(value, at, body[name]))
            continue
        kinds = set(_kinds(field.annotation))
        if not kinds & {int, float, timedelta} or bool in kinds or name in ("schema_version", "version"):
            continue
        spelled = body.get(name)
        if isinstance(value, timedelta):
            spelled = spell_duration(value)
        told = NUMBER.fullmatch(spelled) if isinstance(spelled, str) else None
        number = float(told[1]) if told else float(value) if isinstance(value, int | float) else None
        if number is not None or value is None:
            yield name, Key(at, number, told[2] if told else "", float not in kinds and timedelta not in kinds)


def _kinds(annotation: Any) -> Iterator[Any]:
    """The plain types in an annotation."""
    if get_origin(annotation) is Annotated:
        yield from _kinds(get_args(annotation)[0])
    elif get_args(annotation):
        for part in get_args(annotation):
            yield from _kinds(part)
    else:
        yield annotation
