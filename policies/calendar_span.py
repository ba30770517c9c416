"""Lengths of time that the calendar counts: `6mo` and `1y` are whole months, `90d` is a fixed length."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, PlainSerializer

from checkpoints_db.records.duration import parse_duration, spell_duration

LONGEST_MONTHS = 120
"""No term of a policy is longer than ten years."""
LONGEST = timedelta(days=3660)


@dataclass(frozen=True)
class CalendarSpan:
    """Whole calendar months, or a fixed length of time; one of the two is nothing."""

    months: int = 0
    length: timedelta = timedelta(0)

    def __str__(self) -> str:
        """The shortest spelling that a policy file reads back."""
        if not self.months:
            return spell_duration(self.length)
        return f"{self.months}mo" if self.months % 12 else f"{self.months // 12}y"

    def __lt__(self, other: CalendarSpan) -> bool:
        """Whether it is shorter from every day on: a month has 28 to 31 days.

        >>> calendar_span("3mo") < calendar_span("6mo"), calendar_span("30d") < calendar_span("1mo")
        (True, False)
        """
        if self.months and other.months:
            return self.months < other.months
        longest, shortest = timedelta(days=31 * self.months), timedelta(days=28 * other.months)
        return self.length + longest < other.length + shortest


def calendar_span(text: Any) -> CalendarSpan:
    """The span that `text` spells: months `mo`, years `y`, or a fixed length with `s`, `m`, `h`, `d` or `w`.

    Raises ValueError for a number without unit, for parts of a month, and for nothing or more than ten years.

    >>> str(calendar_span("6mo")), str(calendar_span("12mo")), str(calendar_span("48h"))
    ('6mo', '1y', '2d')
    """
    if isinstance(text, CalendarSpan):
        return text
    counted = re.fullmatch(r"(\d{1,9})(mo|y)", text.strip()) if isinstance(text, str) else None
    if counted is not None:
        span = CalendarSpan(months=int(counted[1]) * (12 if counted[2] == "y" else 1))
    else:
        span = CalendarSpan(length=_fixed(text))
    if not (0 < span.months <= LONGEST_MONTHS or timedelta(0) < span.length <= LONGEST):
        raise ValueError(f"{text!r} is outside what a policy may ask for: more than nothing, at most 10y")
    return span


def _fixed(text: Any) -> timedelta:
    try:
        return parse_duration(text)
    except OverflowError:
        return timedelta.max
    except ValueError:
        raise ValueError(
            f'{text!r} is no span of the calendar; write a whole number and a unit: "90d", "6mo", "1y"'
        ) from None


def due(start: datetime, span: CalendarSpan, zone: str = "UTC") -> datetime:
    """The moment, in UTC, at which `span` after `start` is over; the last moment there is, where it lies beyond.

    Months are counted on the wall clock of `zone` (a name of the IANA data base): the same day of a later month at the
    same hour, or that month's last day where it is shorter. Counting is from `start` and never from an earlier answer,
    so a month that was cut short does not shorten the next. An hour that a change of clocks leaves out counts as the
    hour before the change would have had it; one that comes twice is its first. Fixed lengths are elapsed time.
    Raises ValueError for a `start` without zone, ZoneInfoNotFoundError (a KeyError) for an unknown zone.

    >>> due(datetime(2026, 8, 31, 12, tzinfo=UTC), calendar_span("6mo")).isoformat()
    '2027-02-28T12:00:00+00:00'
    >>> due(datetime(2028, 2, 29, tzinfo=UTC), calendar_span("1y")).isoformat()
    '2029-02-28T00:00:00+00:00'
    """
    if start.tzinfo is None:
        raise ValueError(f"{start.isoformat()} needs its zone; write it as 2026-11-23T09:00:00Z")
    try:
        if not span.months:
            return start.astimezone(UTC) + span.length
        local = start.astimezone(ZoneInfo(zone))
        month = local.year * 12 + local.month - 1 + span.months
        year, month = month // 12, month % 12 + 1
        day = min(local.day, days_in(year, month))
        return local.replace(year=year, month=month, day=day, fold=0).astimezone(UTC)
    except (OverflowError, ValueError):
        ZoneInfo(zone)
        return datetime.max.replace(tzinfo=UTC)


def before(end: datetime, span: CalendarSpan) -> datetime:
    """The moment, in UTC, from which `span` runs until `end`: months are counted back on the calendar of UTC.

    Where the earlier month is too short for the day, it is that month's last day. Raises ValueError for an `end`
    without zone, OverflowError for one before the calendar begins.

    >>> before(datetime(2027, 2, 28, 12, tzinfo=UTC), calendar_span("6mo")).isoformat()
    '2026-08-28T12:00:00+00:00'
    """
    if end.tzinfo is None:
        raise ValueError(f"{end.isoformat()} needs its zone; write it as 2026-11-23T09:00:00Z")
    end = end.astimezone(UTC)
    if not span.months:
        return end - span.length
    month = end.year * 12 + end.month - 1 - span.months
    year, month = month // 12, month % 12 + 1
    return end.replace(year=year, month=month, day=min(end.day, days_in(year, month)))


def days_in(year: int, month: int) -> int:
    """Number of days of a month of the Gregorian calendar.

    >>> days_in(2028, 2), days_in(2100, 2), days_in(2026, 8)
    (29, 28, 31)
    """
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


_Spelled = Annotated[
    str, Field(pattern=r"^\s*([0-9]+(mo|y)|[0-9]+(\.[0-9]+)?(s|m|h|d|w))\s*$", examples=["6mo", "90d"])
]
CalendarDuration = Annotated[
    CalendarSpan, BeforeValidator(calendar_span, json_schema_input_type=_Spelled), PlainSerializer(str, return_type=str)
]
"""A span of the calendar, as a key of a policy: `"6mo"`, `"1y"`, `"90d"`."""
