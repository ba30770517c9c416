"""The sign of life: after a complete cycle, at a start and a failure, from nothing else; secrets stay secret."""

from __future__ import annotations

from datetime import timedelta

import pytest
from lab import Lab, rung
from listening import listening

from checkpoints_db.errors import DeliveryError
from checkpoints_db.records import Answer
from monitor.daemon.jobs import Jobs
from monitor.daemon.service import Service
from monitor.notify import wire


def watched(lab: Lab, url: str) -> Jobs:
    text = lab.config.read_text()
    lab.config.write_text(text.replace("[daemon]\n", f'[daemon]\nping_url = "{url}/a-secret"\n', 1))
    return Jobs(lab.settings, lab.clock, "test:1")


def cycle(jobs: Jobs, *names: str) -> bool:
    done = [jobs.run(name, body) for name, _, body in jobs.timetable() if not names or name in names]
    return all(done)


def test_a_start_and_a_complete_cycle_are_told(ladder: Lab) -> None:
    with listening() as (url, heard):
        watched(ladder, url)
        assert Service(ladder.settings, ladder.clock).once()
    assert [path for path, _ in heard] == ["/a-secret/start", "/a-secret"]


def test_it_is_told_once_in_a_while_and_never_without_a_cycle(ladder: Lab) -> None:
    with listening() as (url, heard):
        jobs = watched(ladder, url)
        assert cycle(jobs)
        assert cycle(jobs)
        ladder.clock.sleep(59)
        assert cycle(jobs)
        assert len(heard) == 1
        ladder.clock.sleep(1)
        assert cycle(jobs, "forecast", "overdue", "expire", "deliver")
        assert len(heard) == 1
        assert cycle(jobs, "scan")
        assert len(heard) == 2
        ladder.clock.sleep(3600)
        assert len(heard) == 2


def test_a_failure_is_told_at_once_and_only_once_and_so_is_the_recovery(ladder: Lab) -> None:
    policy = ladder.policy.read_text()
    with listening() as (url, heard):
        jobs = watched(ladder, url)
        assert cycle(jobs)
        ladder.policy.write_text("nonsense = 1")
        assert not cycle(jobs)
        ladder.policy.write_text(policy)
        assert cycle(jobs)
    assert [path for path, _ in heard] == ["/a-secret", "/a-secret/fail", "/a-secret"]
    assert b"job scan failed" in heard[1][1]


def test_a_job_that_failed_withholds_the_cycle_until_it_works(ladder: Lab) -> None:
    """The scan alone is no complete cycle."""
    ladder.arrive(rung(6), "s6.csv")
    policy = ladder.policy.read_text()
    with listening() as (url, heard):
        jobs = watched(ladder, url)
        assert cycle(jobs)
        ladder.clock.sleep(120)
        ladder.policy.write_text("nonsense = 1")
        assert not cycle(jobs, "overdue")
        assert ladder.ask("s6").answer == Answer.HOLD
        ladder.policy.write_text(policy)
        assert "job overdue failed" in ladder.ask("s6").sentence
        with ladder.store() as store:
            before = store.fact("cycle")
        assert cycle(jobs, "scan")  # makes up what failed, and says so
        with ladder.store() as store:
            assert store.fact("cycle") != before
            assert {a.state for a in store.actions.alerts() if a.rule == "fault"} == {"closed"}
    assert ladder.ask("s6").answer == Answer.GO
    assert [path.removeprefix("/a-secret") for path, _ in heard] == ["", "/fail", ""]


def test_a_watcher_that_is_away_changes_nothing(ladder: Lab, caplog: pytest.LogCaptureFixture) -> None:
    ladder.arrive(rung(6), "s6.csv")
    with listening(500) as (url, heard):
        jobs = watched(ladder, url)
        assert cycle(jobs)
        assert cycle(jobs)
        assert len(heard) == 2  # it is told until it hears
    assert cycle(jobs)
    assert ladder.ask("s6").answer == Answer.GO
    assert "answered 500" in caplog.text
    assert "could not be reached" in caplog.text
    assert "a-secret" not in caplog.text
    assert "a-secret" not in repr(ladder.settings)


@pytest.mark.parametrize(
    ("status", "permanent"), [(301, True), (400, True), (404, True), (408, False), (429, False), (500, False)]
)
def test_what_a_receiver_answers_says_whether_to_try_again(status: int, permanent: bool) -> None:
    with listening(status, location="/elsewhere") as (url, heard), pytest.raises(DeliveryError) as refused:
        wire.post(f"{url}/a-secret", {"x": 1})
    assert refused.value.permanent is permanent
    assert [path for path, _ in heard] == ["/a-secret"]  # nobody is followed elsewhere
    assert "a-secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x/y", "http://", "nonsense", "http://[::1", "http://x:y/"]
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises((DeliveryError, ValueError)):
        wire.post(url, {"x": 1}, patience=0.5)


def test_a_long_cycle_keeps_its_leadership(ladder: Lab) -> None:
    with ladder.store() as store:
        term = ladder.settings.daemon.leadership
        store.lead("a:1", ladder.clock.now(), ladder.later(minutes=1), renew=lambda: ladder.clock.now() + term)
        ladder.clock.sleep(50)
        with store.transaction():
            pass
        leader = store.leader()
    assert leader is not None
    assert leader[1] == ladder.clock.now() + timedelta(minutes=1)
