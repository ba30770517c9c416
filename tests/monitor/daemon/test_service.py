"""The timetable on a clock that somebody sets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.schedulers.background import BackgroundScheduler

from monitor.daemon.service import begin_anew, keep_time

PERIODS = {"scan": timedelta(seconds=0.3), "tidy": timedelta(hours=2)}


@pytest.fixture
def scheduler() -> Iterator[BackgroundScheduler]:
    found = BackgroundScheduler(timezone="UTC")
    found.start()
    yield found
    found.shutdown(wait=True)


def test_jobs_that_a_clock_set_back_would_keep_waiting_begin_anew(scheduler: BackgroundScheduler) -> None:
    """As the scheduler sees it: the clock is an hour before the next time of a job that runs every moment."""
    ran, at = threading.Event(), datetime.now(UTC)
    for name, period in PERIODS.items():
        body = ran.set if name == "scan" else str
        scheduler.add_job(body, "interval", seconds=period.total_seconds(), id=name)
    tidy = scheduler.get_job("tidy").next_run_time
    scheduler.modify_job("scan", next_run_time=at + timedelta(hours=1))
    assert not ran.wait(0.7)
    assert begin_anew(scheduler, PERIODS, datetime.now(UTC)) == ["scan"]
    assert ran.wait(3)
    assert scheduler.get_job("tidy").next_run_time == tidy


def test_a_timetable_on_time_is_left_alone(scheduler: BackgroundScheduler) -> None:
    for name, period in PERIODS.items():
        scheduler.add_job(str, "interval", seconds=period.total_seconds(), id=name)
    before = scheduler.get_job("tidy").next_run_time
    assert begin_anew(scheduler, PERIODS, datetime.now(UTC)) == []
    assert scheduler.get_job("tidy").next_run_time == before


def test_a_reload_adds_removes_and_changes_jobs_and_leaves_the_others(scheduler: BackgroundScheduler) -> None:
    """A daemon that ran without `[backup]` is told to make backups, and the other way round."""
    ran: list[str] = []
    before = {**PERIODS, "backup": timedelta(hours=1)}
    keep_time(scheduler, ran.append, before)
    tidy = scheduler.get_job("tidy").next_run_time
    keep_time(scheduler, ran.append, {"scan": timedelta(hours=3), "tidy": before["tidy"]}, before)
    assert {job.id: job.trigger.interval for job in scheduler.get_jobs()} == {
        "scan": timedelta(hours=3),
        "tidy": before["tidy"],
    }
    assert scheduler.get_job("tidy").next_run_time == tidy
    keep_time(scheduler, ran.append, before, {"scan": timedelta(hours=3), "tidy": before["tidy"]})
    assert {job.id: job.trigger.interval for job in scheduler.get_jobs()} == before
