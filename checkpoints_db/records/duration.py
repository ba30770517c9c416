"""Lengths of time with their unit: `90s`, `15m`, `48h`, `14d`, `2w`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_duration(value: Any) -> timedelta:
    """A length of time from a number and a unit. Raises ValueError when the unit is missing.

    >>> parse_duration("48h")
    datetime.timedelta(days=2)
    """
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h|d|w)", value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'{value!r} is not a length of time; write a number and a unit: "90s", "15m", "48h", "14d"')
    return timedelta(**{_UNITS[match[2]]: float(match[1])})


def spell_duration(value: timedelta) -> str:
    """The shortest spelling in the largest unit that divides it; it reads back as the same length.

    >>> spell_duration(timedelta(hours=48)), spell_duration(timedelta(minutes=90))
    ('2d', '90m')
    >>> spell_duration(timedelta(seconds=1234567)), spell_duration(timedelta(milliseconds=250))
    ('1234567s', '0.25s')
    """
    seconds = value.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(spell_duration)]
"""A length of time, written with its unit."""
