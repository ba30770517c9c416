"""The invariants on a real store: a lab through random histories, its gate asked after each event as a job asks it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from histories import happen
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from lab import Lab, rung

from checkpoints_db.errors import BadLease, HoldpointError, PolicyError
from checkpoints_db.rebuild import rebuild
from checkpoints_db.records import Answer, GateState
from monitor import gate, lease
from monitor.clock import VirtualClock
from monitor.keys import Keys

RUN = "lab/s6"
HOLD = Answer.HOLD.rank
JUDGED = 1e18 * 4.0**6
"""Training FLOP of s6."""


@cache
def ladder() -> Lab:
    """Six rungs of history, and a key."""
    lab = Lab(Path(tempfile.mkdtemp()) / "lab")
    lab.baseline([row for i in range(6) for row in rung(i)])
    Keys(lab.settings.at(lab.settings.lease.key)).new()
    return lab


class StoredGate(RuleBasedStateMachine):
    """One lab and the daemon's jobs; `s6` asks."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.lab = ladder().copy(self.root / "lab")
        self.events = 0
        self.leases = 0
        self.begun = False
        self.key = Keys(self.lab.settings.at(self.lab.settings.lease.key)).signing()

    def happen(self, what: str, of: object) -> None:
        happen(self.lab, [(what, of)])

    @contextmanager
    def unmoved(self) -> Iterator[None]:
        """I9: what happens inside changes no answer."""
        before = self.lab.ask(RUN)
        yield
        after = self.lab.ask(RUN)
        assert (after.answer, after.reason, after.sentence) == (before.answer, before.reason, before.sentence)

    # -- what happens ---------------------------------------------------------------------------------------------

    @initialize(how=st.sampled_from(["on trend", "on trend", "broken", "fallen", "half"]))
    def begin(self, how: str) -> None:
        self.happen("arrive", (6, how))
        self.begun = True

    @rule(how=st.sampled_from(["on trend", "broken", "other value", "half"]))
    def results_arrive(self, how: str) -> None:
        """I2: between arrival and judgement nothing is open, however late the daemon is."""
        before = self.lab.ask(RUN)
        self.events += 1
        size, rows = {"other value": (6, {"acc": 0.9}), "broken": (7, {"loss": 1.0})}.get(how, (7, {}))
        news = rung(size, **rows)
        self.lab.arrive(news[:1] if how == "half" else news, f"more-{self.events}.csv")
        self.lab.cycle("scan")
        assert self.lab.ask(RUN).answer.rank >= min(before.answer.rank, HOLD)
        self.lab.cycle()
        self.lab.cycle("scan", "overdue")

    @rule(what=st.sampled_from(["release", "release", "waive", "veto"]), by=st.sampled_from(["ann", "bea"]))
    def somebody_acts(self, what: str, by: str) -> None:
        self.happen(what, by)

    @rule()
    def two_release_it(self) -> None:
        self.happen("release", "ann")
        self.happen("release", "bea")

    @rule(hours=st.sampled_from([1, 20]))
    def somebody_breaks_the_glass(self, hours: int) -> None:
        with self.lab.store() as store, suppress(PolicyError):
            self.lab.desk(store).break_glass("lab", "s6", by="dan", reason="night", until=self.lab.later(hours=hours))

    @rule(term=st.sampled_from(["tail = 0.001", "tail = 0.02", "resolve = 0.01"]))
    def the_policy_changes(self, term: str) -> None:
        self.happen("policy", term)

    @rule(by=st.sampled_from(["ann", "bea"]))
    def somebody_votes_for_the_change(self, by: str) -> None:
        self.happen("adopt", by)

    @rule(hours=st.sampled_from([1, 30, 24 * 40]))
    def time_goes_by(self, hours: int) -> None:
        self.happen("wait", hours)

    @rule()
    def alerts_are_acknowledged(self) -> None:
        with self.unmoved(), self.lab.store() as store:
            for alert in store.actions.alerts():
                with suppress(PolicyError, HoldpointError):
                    self.lab.desk(store).acknowledge(alert.id, by="ann", comment="seen", until=self.lab.later(hours=1))

    @rule()
    def receivers_fail(self) -> None:
        lost = self.lab.root / "alerts.jsonl"
        with self.unmoved():
            lost.unlink(missing_ok=True)
            lost.mkdir()
            self.lab.cycle("deliver")
            lost.rmdir()

    # -- what holds -----------------------------------------------------------------------------------------------

    @precondition(lambda self: self.begun)
    @invariant()
    def the_gate_says_what_the_store_says(self) -> None:
        said = self.lab.ask(RUN)
        with self.lab.store() as store:
            store.ledger.verify()
            settled = store.actions.gate("lab", "s6")
            latch = store.actions.latch("lab", "s6")
        assert settled is not None
        assert said.answer.rank >= HOLD or said.answer is settled.answer
        if latch is not None and said.answer.rank < HOLD:
            assert said.break_glass, "a pause that nobody released"

    @precondition(lambda self: self.begun)
    @invariant()
    def silence_and_clocks_set_back_hold(self) -> None:
        """I5: a daemon that is dead, and a clock that is wrong, open nothing."""
        now, silence = self.lab.clock.now(), self.lab.settings.gate.max_silence
        for at in (now + silence + timedelta(minutes=2), now - timedelta(hours=1)):
            assert self._asked(at).answer.rank >= HOLD

    def _asked(self, at: datetime) -> GateState:
        return gate.ask(self.lab.settings, RUN, VirtualClock(at))

    @precondition(lambda self: self.begun)
    @invariant()
    def a_lease_is_given_where_the_gate_is_open_and_reaches_no_further(self) -> None:
        at, said = self.lab.clock.now(), self.lab.ask(RUN)
        with self.lab.store() as store:
            try:
                one = lease.issue(store, self.lab.settings, RUN, self.key, at).lease
            except BadLease:
                assert said.answer.rank >= HOLD
                return
        assert said.answer.rank < HOLD
        assert one.seq > self.leases
        self.leases = one.seq
        assert one.expires_at <= min(at + timedelta(hours=24), said.until or one.expires_at)
        assert one.max_flop <= min(4 * JUDGED, said.max_flop or 4 * JUDGED)
        assert (one.evidence_root, one.policy_sha256) == (said.evidence, said.policy)

    def teardown(self) -> None:
        """I6: the ledger, replayed, is the store."""
        with self.lab.store() as store:
            assert rebuild(store, self.root / "fresh.db") == []
        shutil.rmtree(self.root, ignore_errors=True)


TestStoredGate = StoredGate.TestCase
TestStoredGate.settings = settings(
    max_examples=8,
    stateful_step_count=8,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
