"""Rule `calendar`: it fires at the very moment the next assessment is due, on the wall clock of its zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from checkpoints_db.errors import BadPolicy
from checkpoints_db.records import Answer, Decision, Reason
from policies import decide

SECOND = timedelta(seconds=1)


def said(made: SimpleNamespace, table: dict[str, Any], at: datetime, *before: Any, **more: Any) -> Decision:
    case = made.case(assessments=before, **more)
    return decide(made.policy({"kind": "calendar", "id": "it", **table}), case, (), (), at)


@pytest.mark.parametrize(
    ("every", "zone", "start", "end"),
    [
        ("6mo", "UTC", datetime(2026, 1, 15, 12, tzinfo=UTC), datetime(2026, 7, 15, 12, tzinfo=UTC)),
        ("3mo", "UTC", datetime(2026, 11, 30, 12, tzinfo=UTC), datetime(2027, 2, 28, 12, tzinfo=UTC)),
        ("6mo", "UTC", datetime(2026, 8, 31, 12, tzinfo=UTC), datetime(2027, 2, 28, 12, tzinfo=UTC)),
        ("6mo", "UTC", datetime(2027, 8, 31, 12, tzinfo=UTC), datetime(2028, 2, 29, 12, tzinfo=UTC)),
        ("1y", "UTC", datetime(2028, 2, 29, 12, tzinfo=UTC), datetime(2029, 2, 28, 12, tzinfo=UTC)),
        ("12mo", "UTC", datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 12, 31, tzinfo=UTC)),
        ("90d", "UTC", datetime(2026, 1, 15, 12, tzinfo=UTC), datetime(2026, 4, 15, 12, tzinfo=UTC)),
        # Nine in the evening in Berlin is nine in the evening half a year later, an hour of UTC apart.
        ("6mo", "Europe/Berlin", datetime(2026, 1, 15, 20, tzinfo=UTC), datetime(2026, 7, 15, 19, tzinfo=UTC)),
        ("6mo", "America/New_York", datetime(2026, 6, 1, 4, tzinfo=UTC), datetime(2026, 12, 1, 5, tzinfo=UTC)),
        # The last day of a month there is the first of the next here.
        ("1mo", "America/Los_Angeles", datetime(2026, 2, 1, 5, tzinfo=UTC), datetime(2026, 3, 1, 5, tzinfo=UTC)),
        ("3mo", "Asia/Tokyo", datetime(2026, 8, 30, 15, tzinfo=UTC), datetime(2026, 11, 29, 15, tzinfo=UTC)),
    ],
)
def test_it_fires_when_it_is_due(made: SimpleNamespace, every: str, zone: str, start: datetime, end: datetime) -> None:
    table = {"every": every, "zone": zone}
    assert said(made, table, end - SECOND, made.assessment(at=start)).answer is Answer.GO
    due = said(made, table, end, made.assessment(at=start))
    assert (due.answer, due.reason) == (Answer.HOLD, Reason.assessment_due)
    assert zone in due.sentence
    assert due.findings[0].would_pass_if.endswith("an assessment were recorded")


def test_it_warns_before_and_says_the_nearest(made: SimpleNamespace) -> None:
    table, start = {"every": "6mo", "warn": ["30d", "7d"]}, datetime(2026, 1, 15, 12, tzinfo=UTC)
    end = datetime(2026, 7, 15, 12, tzinfo=UTC)
    for before, answer in ((timedelta(days=30, seconds=1), Answer.GO), (timedelta(days=30), Answer.WARN)):
        assert said(made, table, end - before, made.assessment(at=start)).answer is answer
    assert "less than 30d" in said(made, table, end - timedelta(days=8), made.assessment(at=start)).sentence
    assert "less than 7d" in said(made, table, end - timedelta(days=7), made.assessment(at=start)).sentence


def test_without_an_assessment_the_clock_starts_with_the_first_result(made: SimpleNamespace) -> None:
    start, at = made.T0 - timedelta(days=90), made.T0
    since = {"family_since": start, "run_since": at}
    due = said(made, {"every": "90d"}, at, **since)
    assert (due.answer, due.reason) == (Answer.HOLD, Reason.assessment_due)
    assert "first result of its family on 2026-08-04" in due.sentence
    assert said(made, {"every": "91d"}, at, **since).answer is Answer.GO
    assert said(made, {"every": "90d", "of": "run"}, at, **since).answer is Answer.GO
    unknown = said(made, {"every": "90d"}, at)
    assert (unknown.answer, unknown.reason) == (Answer.HOLD, Reason.no_data)
    assert said(made, {"every": "90d"}, at, family_since=at + timedelta(minutes=6)).reason is Reason.fault


def test_only_what_was_recorded_by_then_counts(made: SimpleNamespace) -> None:
    at = made.T0
    backdated = made.assessment(at=at - timedelta(days=10), recorded_at=at)
    assert said(made, {"every": "90d"}, at, backdated).answer is Answer.GO
    earlier = said(made, {"every": "90d"}, at - timedelta(days=1), backdated)
    assert earlier.reason is Reason.no_data
    other = made.assessment(name="light", at=at)
    assert said(made, {"every": "90d", "assessment": "comp*"}, at, other).reason is Reason.no_data


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({}, "'every' is missing"),
        ({"every": 6}, "6 is no span of the calendar"),
        ({"every": "0mo"}, "outside what a policy may ask for"),
        ({"every": "6mo", "zone": "Berlin"}, "'Berlin' is no time zone"),
        ({"every": "6mo", "zone": "../etc/passwd"}, "is no time zone"),
        ({"every": "6mo", "warn": [30]}, "30 is not a length of time"),
    ],
)
def test_spans_that_are_refused(made: SimpleNamespace, table: dict[str, Any], why: str) -> None:
    with pytest.raises(BadPolicy, match=why):
        made.policy({"kind": "calendar", **table})
