"""What logs state beside their numbers: endless nesting and odd dates are refused as evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers.stated import conditions_of, measured_of, moment_of, second_of

LOG = Path("log.json")


def test_a_configuration_without_bottom_is_refused():
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(UnreadableFile, match=r"log\.json: spec: nested deeper"):
        conditions_of(deep, LOG, "spec")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02 03:04:05", "2026-01-02T03:04:05+00:00"),
        ("2026-01-02 03:04:05 UTC", "2026-01-02T03:04:05+00:00"),
        ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05+00:00"),
    ],
)
def test_a_moment_without_zone_is_utc(text: str, moment: str):
    found = moment_of(text, LOG, "date")
    assert found is not None
    assert found.isoformat() == moment


@pytest.mark.parametrize("body", ["yesterday", 7, "0001-01-01T00:00:00+14:00", ["2026-01-01"]])
def test_what_is_no_date_is_refused(body: Any):
    with pytest.raises(UnreadableFile, match="no date"):
        moment_of(body, LOG, "date")


def test_seconds_out_of_all_time_are_refused():
    with pytest.raises(UnreadableFile, match="no time in seconds"):
        second_of(1e18, LOG, "date")


def test_a_measure_too_large_to_square_is_refused():
    assert measured_of(-1e15, LOG, "mean") == -1e15
    with pytest.raises(UnreadableFile, match="too large"):
        measured_of(1.1e15, LOG, "mean")
