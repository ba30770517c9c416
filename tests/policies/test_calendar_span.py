"""Months, years and multiples as a policy spells them: month ends, leap days, time zones, changes of clocks."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies.calendar_span import CalendarDuration, CalendarSpan, calendar_span, due
from policies.spelling import Multiple, multiple, spell_multiple
from policies.terms import Terms

BEGIN, END = datetime(1970, 1, 1), datetime(2100, 1, 1)  # noqa: DTZ001  hypothesis adds the zone
moments = st.datetimes(BEGIN, END, timezones=st.just(UTC))
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
spans = st.one_of(
    st.integers(1, 120).map(lambda months: CalendarSpan(months=months)),
    st.integers(1, 3660 * 86400).map(lambda seconds: CalendarSpan(length=timedelta(seconds=seconds))),
)


@pytest.mark.parametrize(
    ("start", "span", "zone", "end"),
    [
        ("2026-08-31T12:00:00Z", "6mo", "UTC", "2027-02-28T12:00:00+00:00"),
        ("2027-08-31T12:00:00Z", "6mo", "UTC", "2028-02-29T12:00:00+00:00"),
        ("2028-02-29T00:00:00Z", "1y", "UTC", "2029-02-28T00:00:00+00:00"),
        ("2028-02-29T00:00:00Z", "4y", "UTC", "2032-02-29T00:00:00+00:00"),
        ("2027-02-28T00:00:00Z", "12mo", "UTC", "2028-02-28T00:00:00+00:00"),
        ("2026-11-30T23:59:59Z", "3mo", "UTC", "2027-02-28T23:59:59+00:00"),
        ("2026-01-31T00:00:00Z", "1mo", "UTC", "2026-02-28T00:00:00+00:00"),
        ("2026-03-31T00:00:00Z", "1mo", "UTC", "2026-04-30T00:00:00+00:00"),
        ("2026-03-31T00:00:00Z", "30d", "UTC", "2026-04-30T00:00:00+00:00"),
        # 31 January 23:30 in UTC is 1 February in Tokyo, and the month is counted there.
        ("2026-01-31T23:30:00Z", "1mo", "UTC", "2026-02-28T23:30:00+00:00"),
        ("2026-01-31T23:30:00Z", "1mo", "Asia/Tokyo", "2026-02-28T23:30:00+00:00"),
        ("2026-01-30T23:30:00Z", "1mo", "Asia/Tokyo", "2026-02-27T23:30:00+00:00"),
        # The wall clock stays, so the elapsed time changes by the hour of summer time.
        ("2026-01-15T11:00:00Z", "6mo", "Europe/Berlin", "2026-07-15T10:00:00+00:00"),
        ("2026-01-15T11:00:00Z", "181d", "Europe/Berlin", "2026-07-15T11:00:00+00:00"),
        # 29 March 2026, 02:30 does not exist in Berlin; 25 October 2026, 02:30 is there twice.
        ("2026-02-28T01:30:00Z", "1mo", "Europe/Berlin", "2026-03-28T01:30:00+00:00"),
        ("2026-01-29T01:30:00Z", "2mo", "Europe/Berlin", "2026-03-29T01:30:00+00:00"),
        ("2026-09-25T00:30:00Z", "1mo", "Europe/Berlin", "2026-10-25T00:30:00+00:00"),
        ("9998-06-01T00:00:00Z", "5y", "UTC", "9999-12-31T23:59:59.999999+00:00"),
        ("9998-06-01T00:00:00Z", "3650d", "UTC", "9999-12-31T23:59:59.999999+00:00"),
    ],
)
def test_due(start: str, span: str, zone: str, end: str) -> None:
    assert due(datetime.fromisoformat(start), calendar_span(span), zone).isoformat() == end


@given(moments, st.integers(1, 120), zones)
def test_months_end_where_dateutil_says(start: datetime, months: int, zone: str) -> None:
    wall = start.astimezone(ZoneInfo(zone)) + relativedelta(months=months)
    assert due(start, CalendarSpan(months=months), zone) == wall.replace(fold=0).astimezone(UTC)


@given(moments, moments, spans, zones)
def test_a_later_start_is_never_due_more_than_a_change_of_clocks_earlier(
    one: datetime, other: datetime, span: CalendarSpan, zone: str
) -> None:
    first, second = sorted((one, other))
    assert due(second, span, zone) >= due(first, span, zone) - timedelta(hours=1)
    assert due(first, span, zone) > first


@given(spans)
def test_a_span_reads_back_as_it_was_spelled(span: CalendarSpan) -> None:
    assert calendar_span(str(span)) == span


@given(st.floats(1e-9, 1e12))
def test_a_multiple_reads_back_as_it_was_spelled(factor: float) -> None:
    assert multiple(spell_multiple(factor)) == factor


class Example(Terms):
    """Keys of every unit."""

    factor: Multiple = 4.0
    every: CalendarDuration = CalendarSpan(months=6)


def test_both_are_keys_of_a_policy() -> None:
    read = Example.model_validate_json('{"factor": "1.99x", "every": "12mo"}', strict=True)
    assert read.factor == 1.99
    assert read.every == CalendarSpan(months=12)
    assert read.body() == {"factor": "1.99x", "every": "1y"}
    assert Example().body() == {"factor": "4x", "every": "6mo"}
    shape = Example.model_json_schema()["properties"]
    assert [shape[key]["type"] for key in ("factor", "every")] == ["string", "string"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('{"factor": 4}', 'write a number and an x: "4x"'),
        ('{"factor": 1.5}', 'write a number and an x: "1.5x"'),
        ('{"factor": "4"}', 'write a number and an x: "4x"'),
        ('{"factor": "four"}', 'write a number and an x: "4x"'),
        ('{"factor": true}', "is no multiple"),
        ('{"factor": "0x"}', "more than 0x"),
        ('{"factor": "1e999x"}', "at most 1e12x"),
        ('{"factor": "-2x"}', "is no multiple"),
        ('{"every": 6}', '"90d", "6mo", "1y"'),
        ('{"every": "6"}', '"90d", "6mo", "1y"'),
        ('{"every": "1.5mo"}', "a whole number and a unit"),
        ('{"every": "0mo"}', "more than nothing"),
        ('{"every": "11y"}', "at most 10y"),
        ('{"every": "99999999999999999w"}', "at most 10y"),
    ],
)
def test_what_has_no_unit_is_told_what_to_write(body: str, says: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(says)):
        Example.model_validate_json(body, strict=True)


def test_a_start_without_zone_and_an_unknown_zone_are_refused() -> None:
    with pytest.raises(ValueError, match="needs its zone"):
        due(datetime(2026, 1, 1), calendar_span("1mo"))  # noqa: DTZ001
    with pytest.raises(ZoneInfoNotFoundError):
        due(datetime(2026, 1, 1, tzinfo=UTC), calendar_span("1mo"), "Europe/Nowhere")
