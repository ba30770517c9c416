"""How a policy spells lengths of time, multiples, names and patterns: numbers carry their unit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer

from checkpoints_db.records.duration import parse_duration, spell_duration

LONGEST = timedelta(days=3660)
"""No term of a policy is longer than ten years."""
LARGEST_MULTIPLE = 1e12


def duration(text: Any) -> timedelta:
    """The length of time that `text` spells: a number with its unit `s`, `m`, `h`, `d` or `w`.

    Raises ValueError for a number without unit, for months (they have no fixed length) and for more than ten years.

    >>> duration("48h") == duration("2d")
    True
    """
    if isinstance(text, str) and text.rstrip().endswith("mo"):
        raise ValueError(f"{text!r}: months have no fixed length; write days, as in 30d")
    try:
        length = parse_duration(text)
    except OverflowError:
        length = timedelta.max
    if not timedelta(0) < length <= LONGEST:
        raise ValueError(f"{text!r} is outside what a policy may ask for: more than nothing, at most {LONGEST.days}d")
    return length


def multiple(text: Any) -> float:
    """The factor that `text` spells: a number with an `x` behind it, more than nothing and at most a million million.

    Raises ValueError for a bare number, which could be read as an amount.

    >>> multiple("4x"), multiple("1.5x")
    (4.0, 1.5)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*[x×]", text.strip()) if isinstance(text, str) else None
    if match is None:
        bare = str(text).strip()
        meant = f'"{bare}x"' if re.fullmatch(r"\d+(\.\d+)?", bare) else '"4x"'
        raise ValueError(f"{text!r} is no multiple; write a number and an x: {meant}")
    factor = float(match[1])
    if not 0 < factor <= LARGEST_MULTIPLE:
        raise ValueError(f"{text!r} is outside what a policy may ask for: more than 0x, at most 1e12x")
    return factor


def spell_multiple(factor: float) -> str:
    """The shortest spelling that reads back as the same number.

    >>> spell_multiple(4.0), spell_multiple(1.5)
    ('4x', '1.5x')
    """
    return f"{repr(float(factor)).removesuffix('.0')}x"


def several(value: Any) -> Any:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


_Spelled = Annotated[str, Field(pattern=r"^\s*[0-9]+(\.[0-9]+)?(s|m|h|d|w)\s*$", examples=["48h"])]
_Factor = Annotated[str, Field(pattern=r"^\s*[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\s*[x×]\s*$", examples=["4x"])]
Duration = Annotated[
    timedelta,
    BeforeValidator(duration, json_schema_input_type=_Spelled),
    PlainSerializer(spell_duration, return_type=str),
]
Multiple = Annotated[
    float, BeforeValidator(multiple, json_schema_input_type=_Factor), PlainSerializer(spell_multiple, return_type=str)
]
"""A factor, as a key of a policy: `"4x"`."""
Text = Annotated[str, Field(min_length=1, max_length=500)]
Several = Annotated[tuple[Text, ...], BeforeValidator(several, json_schema_input_type=Text | tuple[Text, ...])]
"""One name or a list of names."""
_OneOrMore = Text | Annotated[tuple[Text, ...], Field(min_length=1)]
Globs = Annotated[tuple[Text, ...], Field(min_length=1), BeforeValidator(several, json_schema_input_type=_OneOrMore)]
"""One shell pattern (`*`, `?`, `[...]`) or a list of them; case counts."""


def matches(name: str, globs: Iterable[str]) -> bool:
    """Whether any of the shell patterns takes the whole of `name`.

    >>> matches("cyber_mcq", ("cyber*",)), matches("Cyber_mcq", ("cyber*",))
    (True, False)
    """
    return _matches(name, tuple(globs))


@lru_cache(maxsize=1 << 16)
def _matches(name: str, globs: tuple[str, ...]) -> bool:
    # Every decision asks it of the same few patterns and of the tasks of the suite.
    return any(fnmatchcase(name, glob) for glob in globs)
