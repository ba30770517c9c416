"""A lease through random histories of renewals, revocations, copies shown again, clocks set and processes restarted.

Beside the guard stands what anybody may conclude who wrote down every lease the job was ever shown: nothing that ended,
was taken back, reaches no further or is older than another lets the run start, and clocks set back win nothing (I5).
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from leasing import OTHER, Job, lease, revocation, signed

from checkpoints_db.records import Lease
from monitor.adapters import LeaseGuard

TOLERANCE = timedelta(minutes=5)


class Guard(RuleBasedStateMachine):
    """One training job, its lease file, and whoever may write there."""

    def __init__(self) -> None:
        super().__init__()
        logging.getLogger("holdpoint.guard").setLevel(logging.CRITICAL)
        self.root = Path(tempfile.mkdtemp())
        self.job = Job(self.root)
        self.issued: list[tuple[Lease, str]] = []
        self.shown: tuple[Lease | None, str] = (None, "")
        self.seen: Lease | None = None
        self.latest = self.job.hands.at
        """The latest moment that this process can know of."""
        self.highest = self.job.hands.at
        """The latest moment that any process of the job ever knew of."""
        self.step, self.flop = 0, 0.0
        self.guard: LeaseGuard | None = None

    @initialize(hours=st.integers(1, 30), flop=st.sampled_from([10**20, 10**22]))
    def begin(self, hours: int, flop: int) -> None:
        self.renew(hours, flop, None)
        self.restart()

    def show(self, one: Lease | None, text: str) -> None:
        self.shown = (one, text)
        self.job.write(text)

    # -- who writes the file --------------------------------------------------------------------------------------

    @rule(hours=st.integers(1, 30), flop=st.sampled_from([10**20, 10**22]), most=st.sampled_from([None, 4, 40]))
    def renew(self, hours: int, flop: int, most: int | None) -> None:
        at, seq = self.job.hands.at, len(self.issued) + 1
        ends = at + timedelta(hours=hours)
        one = lease(seq, not_before=at, expires_at=ends, max_flop=float(flop), max_step=most)
        self.issued.append((one, signed(one)))
        self.show(*self.issued[-1])

    @rule()
    def revoke(self) -> None:
        one = revocation(len(self.issued) + 1, self.job.hands.at)
        self.issued.append((one, signed(one)))
        self.show(*self.issued[-1])

    @rule(which=st.integers(0, 20))
    def show_an_older_one(self, which: int) -> None:
        self.show(*self.issued[which % len(self.issued)])

    @rule(how=st.sampled_from(["key", "bound", "cut", "run"]))
    def forge(self, how: str) -> None:
        begins, ends = self.job.hands.at, self.job.hands.at + timedelta(days=9)
        one = lease(len(self.issued) + 7, not_before=begins, expires_at=ends)
        other = one.model_copy(update={"run": "8b", "gate": "lab/8b"})
        text = {
            "key": signed(one, OTHER),
            "bound": signed(one).replace("1e+24", "1e+25"),
            "cut": signed(one)[:-40],
            "run": signed(other),
        }[how]
        self.show(None, text)

    # -- time, training, processes --------------------------------------------------------------------------------

    @rule(hours=st.sampled_from([0.01, 0.5, 1, 12, 24]))
    def time_goes_by(self, hours: float) -> None:
        self.job.hands.sleep(3600 * hours)
        self.latest += timedelta(hours=hours)

    @rule(hours=st.sampled_from([-24 * 9, -24, -1, 1]))
    def the_clock_is_set(self, hours: int) -> None:
        self.job.hands.set(hours=hours)

    @rule(steps=st.integers(1, 12))
    def train(self, steps: int) -> None:
        self.step += steps
        self.flop += 1e19 * steps

    @rule()
    def restart(self) -> None:
        self.guard = self.job.guard()
        # A new process knows the clock on the wall, and what the last one wrote down.
        self.latest = self.job.hands.at

    # -- what holds -----------------------------------------------------------------------------------------------

    @invariant()
    def it_starts_nothing_that_no_lease_allows(self) -> None:
        if self.guard is None:
            return
        self.job.hands.ticks += 11.0  # the file is looked at again
        self.job.hands.at += timedelta(seconds=11)
        self.latest = max(self.latest + timedelta(seconds=11), self.job.hands.at)
        self.highest = max(self.highest, self.latest)
        check = self.guard.check(step=self.step, flop=self.flop, starting=True)
        assert check.go != check.stop
        if check.go:
            self._allowed(check.seq)

    def _allowed(self, seq: int) -> None:
        one = next((one for one, _ in self.issued if one.seq == seq), None)
        assert one is not None, "a lease that nobody issued"
        assert self.seen is None or seq >= self.seen.seq, "an older lease than one it has seen"
        assert not one.revoked
        assert self.latest < one.expires_at, "the lease has ended, whatever the clock on the wall says"
        assert one.not_before <= self.highest + TOLERANCE
        assert self.flop < one.max_flop
        assert one.max_step is None or self.step < one.max_step
        if self.seen is None or seq > self.seen.seq:
            self.seen = one

    @invariant()
    def what_is_plainly_good_is_believed(self) -> None:
        """A guard that always stops would hold all of the above."""
        one, text = self.shown
        if self.guard is None or one is None or one.revoked or self.job.hands.at < self.highest:
            return  # a job whose clock went backwards believes the latest moment it has seen
        newest = one.seq == len(self.issued) and text == self.issued[-1][1]
        room = self.flop < one.max_flop and (one.max_step is None or self.step < one.max_step)
        if newest and room and one.not_before <= self.job.hands.at < one.expires_at:
            assert self.guard.check(step=self.step, flop=self.flop, starting=True).go

    def teardown(self) -> None:
        logging.getLogger("holdpoint.guard").setLevel(logging.NOTSET)
        shutil.rmtree(self.root, ignore_errors=True)


TestGuard = Guard.TestCase
TestGuard.settings = settings(max_examples=80, stateful_step_count=20, deadline=None, derandomize=True, database=None)
