"""The guard lets a run go on with a valid lease and with nothing else, by two clocks, and never raises."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from pathlib import Path

import pytest
from leasing import KEY, OTHER, START, Hands, Job, lease, revocation, signed

from monitor.adapters import Check, HoldpointStop, LeaseGuard, Why
from monitor.adapters.guard import EXIT_CODE

DAY = 86400.0


@pytest.fixture
def job(tmp_path: Path) -> Job:
    made = Job(tmp_path)
    made.write(signed(lease()))
    return made


def at(guard: LeaseGuard, step: int | None = 1, flop: float | None = 1e20) -> Check:
    return guard.check(step=step, flop=flop)


def stops(check: Check, why: Why) -> None:
    assert (check.why, check.stop, bool(check), check.go) == (why, True, False, False), check
    assert check.sentence


# -- what is valid, and what is not -----------------------------------------------------------------------------------


def test_a_valid_lease_lets_it_go_on(job: Job) -> None:
    check = at(job.guard())
    assert check
    assert (check.why, check.seq, check.left) == (Why.ok, 1, DAY)


def test_no_lease_stops_before_it_begins(job: Job) -> None:
    job.file.unlink()
    stops(at(job.guard()), Why.absent)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (signed(lease(), OTHER), Why.forged),
        (signed(lease(key_id=OTHER.id), OTHER), Why.wrong_key),
        (signed(lease())[:-5], Why.truncated),
        ("nonsense}\n", Why.malformed),
        (signed(lease(family="lab", run="8b", gate="lab/8b")), Why.wrong_run),
        (signed(revocation(2)), Why.revoked),
        (signed(lease(not_before=START + timedelta(seconds=301))), Why.future),
        (signed(lease(not_before=START - timedelta(days=2), expires_at=START)), Why.expired),
    ],
)
def test_each_refusal_has_its_reason(job: Job, text: str, why: Why) -> None:
    job.write(text)
    stops(at(job.guard()), why)


def test_clocks_may_differ_by_five_minutes(job: Job) -> None:
    job.write(signed(lease(not_before=START + timedelta(seconds=299))))
    assert at(job.guard())


def test_time_runs_out(job: Job) -> None:
    guard = job.guard()
    assert at(guard)
    job.hands.sleep(DAY - 1)
    assert at(guard)
    job.hands.sleep(1)
    stops(at(guard), Why.expired)


@pytest.mark.parametrize(("flop", "why"), [(9.99e23, Why.ok), (1e24, Why.flop_bound), (float("nan"), Why.flop_bound)])
def test_compute_runs_out(job: Job, flop: float, why: Why) -> None:
    guard = job.guard()
    assert at(guard)
    assert guard.check(step=9, flop=flop).why is why


@pytest.mark.parametrize(("step", "why"), [(99, Why.ok), (100, Why.step_bound)])
def test_steps_run_out(job: Job, step: int, why: Why) -> None:
    job.write(signed(lease(max_step=100)))
    assert job.guard().check(step=step).why is why


def test_a_job_that_tells_nothing_of_its_compute_stops(job: Job) -> None:
    stops(job.guard().check(), Why.unmeasured)
    stops(job.guard().check(step=1), Why.unmeasured)  # the lease has no bound in steps


@pytest.mark.parametrize("flop", ["much", object(), [], 10**400])
def test_what_is_no_number_raises_nothing(job: Job, flop: object) -> None:
    stops(job.guard().check(step=1, flop=flop), Why.unmeasured)  # type: ignore[arg-type]


def test_a_broken_glass_is_loud(job: Job, caplog: pytest.LogCaptureFixture) -> None:
    job.write(signed(lease(break_glass="alice: the cluster burns", answer="HOLD")))
    assert at(job.guard())
    assert "BREAK-GLASS: alice: the cluster burns" in caplog.text


# -- replays ----------------------------------------------------------------------------------------------------------


def test_an_older_lease_is_refused_by_the_process_that_saw_a_newer_one(job: Job) -> None:
    guard = job.guard()
    job.write(signed(lease(2)))
    assert at(guard).seq == 2
    job.write(signed(lease(1)))
    job.hands.sleep(11)
    stops(at(guard), Why.replayed)


def test_and_by_the_next_process(job: Job) -> None:
    job.write(signed(lease(2)))
    assert at(job.guard())
    job.write(signed(lease(1)))
    stops(at(job.guard()), Why.replayed)
    job.write(signed(lease(2)))
    assert at(job.guard())


def test_two_leases_of_one_number_are_one_too_many(job: Job) -> None:
    assert at(job.guard())
    job.write(signed(lease(1, max_flop=1e26)))
    stops(at(job.guard()), Why.replayed)


def test_a_lease_from_before_a_revocation_is_refused(job: Job) -> None:
    guard = job.guard()
    assert at(guard)
    job.write(signed(revocation(2)))
    job.hands.sleep(11)
    stops(at(guard), Why.revoked)
    job.write(signed(lease(1)))
    job.hands.sleep(11)
    stops(at(guard), Why.replayed)
    stops(at(job.guard()), Why.replayed)


def test_a_memory_that_cannot_be_read_is_no_memory(job: Job) -> None:
    assert at(job.guard())
    for text in (
        json.dumps({"run": "lab/7b", "seq": 1, "sha256": "", "at": float("inf")}),
        "",
        "{}",
        '{"run":"lab/8b","seq":0,"sha256":"","at":0}',
        "[" * 5000,
        '{"seq":1}',
    ):
        job.memory.write_text(text)
        stops(at(job.guard()), Why.forgetful)


def test_a_memory_that_cannot_be_written_stops_the_start_and_not_the_flight(
    job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    job.memory = job.root / "folder" / "memory.json"
    guard = job.guard()
    assert at(guard)
    job.memory.unlink()
    job.memory.parent.rmdir()
    job.memory.parent.write_text("in the way")
    job.write(signed(lease(2)))
    job.hands.sleep(11)
    assert at(guard).seq == 2
    assert "remembered by this process alone" in caplog.text
    stops(at(job.guard()), Why.forgetful)


# -- clocks -----------------------------------------------------------------------------------------------------------


def test_a_clock_set_back_makes_no_lease_live_longer(job: Job) -> None:
    guard = job.guard()
    assert at(guard)
    job.hands.set(hours=-20)
    job.hands.sleep(DAY - 1)
    assert at(guard)
    job.hands.sleep(1)
    stops(at(guard), Why.expired)


def test_nor_across_processes(job: Job) -> None:
    guard = job.guard()
    assert at(guard)
    job.hands.sleep(DAY - 60)
    assert at(guard)  # notes the time
    job.hands.set(hours=-23)
    late = job.guard()
    assert at(late).left == pytest.approx(60)
    job.hands.sleep(60)
    stops(at(late), Why.expired)


def test_a_clock_set_forward_is_believed(job: Job) -> None:
    guard = job.guard()
    assert at(guard)
    job.hands.set(days=2)
    stops(at(guard), Why.expired)
    job.hands.set(days=-2)  # it was a mistake, and is mended
    assert at(guard)


def test_a_clock_far_behind_takes_no_lease_from_the_future(job: Job) -> None:
    job.hands.set(days=-30)
    stops(at(job.guard()), Why.future)


# -- pause modes ------------------------------------------------------------------------------------------------------


def test_gate_next_lets_a_run_in_flight_go_on_and_starts_nothing(job: Job, caplog: pytest.LogCaptureFixture) -> None:
    job.write(signed(lease(pause_mode="gate_next")))
    guard = job.guard()
    assert at(guard)
    job.hands.sleep(DAY)
    check = at(guard)
    assert check
    assert (check.go, check.why, check.mode) == (False, Why.expired, "gate_next")
    assert caplog.text.count("not valid (expired)") == 1
    starting = guard.check(step=1, flop=1e20, starting=True)
    stops(starting, Why.expired)
    assert starting.mode == "checkpoint_and_exit"
    stops(at(job.guard()), Why.expired)  # a process that begins


def test_gate_next_stops_at_a_bound_of_compute(job: Job) -> None:
    job.write(signed(lease(pause_mode="gate_next")))
    guard = job.guard()
    assert at(guard)
    stops(guard.check(step=2, flop=1e24), Why.flop_bound)


@pytest.mark.parametrize("mode", ["checkpoint_and_hold", "checkpoint_and_exit"])
def test_the_pause_mode_is_that_of_the_last_lease(job: Job, mode: str) -> None:
    job.write(signed(lease(pause_mode=mode)))
    guard = job.guard()
    assert at(guard)
    job.file.unlink()
    job.hands.sleep(11)
    check = at(guard)
    stops(check, Why.absent)
    assert check.mode == mode


def test_a_revocation_pauses_by_its_own_mode(job: Job) -> None:
    job.write(signed(lease(pause_mode="gate_next")))
    guard = job.guard()
    assert at(guard)
    job.write(signed(revocation(2, pause_mode="gate_next")))
    job.hands.sleep(11)
    assert (at(guard).why, at(guard).stop) == (Why.revoked, False)
    job.write(signed(revocation(3, pause_mode="checkpoint_and_exit")))
    job.hands.sleep(11)
    stops(at(guard), Why.revoked)


# -- renewal, waiting, warnings ---------------------------------------------------------------------------------------


def test_a_renewed_lease_is_taken_up(job: Job) -> None:
    guard = job.guard()
    assert at(guard)
    job.hands.sleep(3600)
    job.write(signed(lease(2, not_before=job.hands.at, expires_at=job.hands.at + timedelta(hours=24))))
    assert at(guard).seq == 2
    job.hands.sleep(DAY - 1)
    assert at(guard)


def test_the_file_is_not_read_at_every_step(job: Job) -> None:
    guard = job.guard()
    assert at(guard)
    job.write("nonsense}\n")
    job.hands.sleep(9)
    assert at(guard)
    job.hands.sleep(2)
    stops(at(guard), Why.malformed)
    job.write(signed(lease()))
    job.hands.sleep(1.1)  # while it may not go on it looks more often
    assert at(guard)


def test_holding_ends_with_a_new_lease(job: Job) -> None:
    guard = job.guard()
    assert at(guard)
    job.hands.sleep(DAY)
    stops(at(guard), Why.expired)
    stops(guard.wait(step=1, flop=1e20, at_most=60), Why.expired)
    asleep = job.hands.sleep

    def renewed(seconds: float) -> None:
        asleep(seconds)
        job.write(signed(lease(2, not_before=job.hands.at, expires_at=job.hands.at + timedelta(hours=24))))

    job.hands.sleep = renewed  # type: ignore[method-assign]
    assert guard.wait(step=1, flop=1e20, at_most=60).seq == 2


def test_it_warns_at_half_and_a_quarter_of_its_life_once_each(job: Job, caplog: pytest.LogCaptureFixture) -> None:
    guard = job.guard()
    with caplog.at_level(logging.WARNING, logger="holdpoint.guard"):
        for hours in (11, 2, 4, 2):
            job.hands.sleep(hours * 3600)
            assert at(guard)
            assert at(guard)
    told = [record.getMessage() for record in caplog.records if "life" in record.getMessage()]
    assert len(told) == 2
    assert "half of the life" in told[0]
    assert "a quarter of the life" in told[1]


def test_an_unreadable_file_lets_the_lease_in_hand_run_out(job: Job) -> None:
    guard = job.guard()
    assert at(guard)
    job.file.unlink()
    job.file.mkdir()
    job.hands.sleep(11)
    assert at(guard)
    job.hands.sleep(DAY)
    check = at(guard)
    stops(check, Why.expired)
    assert "cannot be read" in check.sentence
    stops(at(job.guard(memory=job.root / "m2")), Why.unreachable)


def test_rotated_keys_are_read_again(job: Job) -> None:
    keys = job.root / "trusted.pub"
    keys.write_text(KEY.public + "\n")
    guard = job.guard(keys=keys)
    assert at(guard)
    job.write(signed(lease(2, key_id=OTHER.id), OTHER))
    job.hands.sleep(11)
    stops(at(guard), Why.wrong_key)
    keys.write_text(f"{KEY.public}\n{OTHER.public}\n")
    job.hands.sleep(11)
    assert at(guard).seq == 2


def test_keys_that_are_none_are_refused_before_training(job: Job) -> None:
    with pytest.raises(ValueError, match="public key"):
        job.guard(keys=["nonsense"])
    with pytest.raises(OSError, match=r"trusted\.pub"):
        job.guard(keys=job.root / "trusted.pub")
    with pytest.raises(ValueError, match="http"):
        job.guard(source="ftp://here/lease")


def test_being_stopped_ends_a_process_with_75(job: Job) -> None:
    job.file.unlink()
    stop = HoldpointStop(at(job.guard()))
    assert isinstance(stop, SystemExit)
    assert stop.code == EXIT_CODE == 75
    assert "absent" in str(stop)


def test_a_real_clock_will_do(tmp_path: Path) -> None:
    job = Job(tmp_path, Hands())
    job.write(signed(lease(not_before=START - timedelta(days=9999), expires_at=START + timedelta(days=99999))))
    assert at(job.guard(clock=None))
