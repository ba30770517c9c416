"""The invariants I1 to I9 over random histories: what arrives, what people do, which policy rules, what time it is.

The gate stands beside a second opinion written from the words of policies/README.md alone (`gating.py`): what a waiver
covers, what a quorum saw, what is missing. A history is whatever hypothesis likes; after each event all must agree.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import gate_policies
import gating
from gating import DAY, PEOPLE, RESULTS, House, loose, stops
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from checkpoints_db.records import Answer, Case, Decision
from policies import decide
from policies.schema import Policy
from policies.several import decide_all

people = st.sampled_from(PEOPLE)
results = st.sampled_from(RESULTS)
STRAYS = ["", "", "", "", "evidence", "policy", "run", "future", "signature"]
PAIRS = [("ann", "bea"), ("bea", "cem"), ("bea", "Bea "), ("ann", "owen"), ("erin", "cem"), ("cem", "ann")]


class Agreed(RuleBasedStateMachine):
    """One run's gate, which after each event must say what the second opinion says."""

    def __init__(self) -> None:
        super().__init__()
        self.house = House()
        self.log: list[tuple[str, tuple[Any, ...]]] = []
        self.told: list[Decision] = []
        self.paused = False
        """Whether the gate said PAUSE, and nobody has released it since."""

    def act(self, what: str, *of: Any) -> None:
        """Let something happen, and write it down (I6)."""
        self.log.append((what, of))
        getattr(self.house, what)(*of)

    # -- what holds after each ------------------------------------------------------------------------------------

    @invariant()
    def all_agree(self) -> None:
        """Ask as the daemon does, compare with the second opinion, and latch as the daemon does."""
        house = self.house
        if not house.history:
            return
        each = house.each()
        worst = decide_all(house.rulings(), house.waivers, house.votes, house.now)
        assert worst.answer.rank == max(decision.answer.rank for decision in each)
        for ruling, decision in zip(house.rulings(), each, strict=True):
            self._said(ruling.policy, ruling.case, decision)
        self._seen_policies(worst)
        if self.paused and not worst.released and not worst.break_glass:
            assert worst.answer is Answer.PAUSE, "a pause is latched"
        broken = any(f.broken_by for decision in each for f in decision.findings)
        self.paused = worst.answer is Answer.PAUSE or (self.paused and (broken or not worst.released))
        house.latch_after(worst, each)
        self.log.append(("settle", ()))
        self.told.append(worst)

    def _said(self, policy: Policy, case: Case, decision: Decision) -> None:
        house = self.house
        bare = decide(policy, case.model_copy(update={"glass": None}), (), (), house.now)
        gating.complete(policy, case, bare)  # I1
        assert decision.answer is Answer.worst([gating.effect(f) for f in decision.findings])
        for finding in decision.findings:
            assert bool(finding.waived_by) == house.waived(policy, finding), finding  # I4, I5
            assert bool(finding.released_by) == house.released(policy, case, finding), finding
            assert bool(finding.broken_by) == house.broken(policy, case, finding), finding
        if house.glass is not None and house.now >= house.glass.expires:
            assert stops(decision)  # until somebody else files a review
        present = case.model_copy(update={"attestations": tuple(a for a in case.attestations if house.lasts(a))})
        assert decide(policy, present, (), (), house.now).answer is decide(policy, case, (), (), house.now).answer
        again = Policy.model_validate(policy) and loose(policy, case, house.waivers, house.votes)
        assert decide(*again, house.now) == decision  # I7: from its JSON alone, bit for bit

    def _seen_policies(self, worst: Decision) -> None:
        """I8: no answer is better than that of the policy in force when the evidence came, nor of any since."""
        house = self.house
        for policy in house.since_seen():
            own = decide(policy, house.case_for(policy), house.waivers, house.votes, house.now)
            assert worst.answer.rank >= own.answer.rank

    def teardown(self) -> None:
        """I6: the log, replayed, says what was said."""
        again, told = House(), []
        for what, of in self.log:
            if what == "settle":
                each = again.each()
                told.append(decide_all(again.rulings(), again.waivers, again.votes, again.now))
                again.latch_after(told[-1], each)
            else:
                getattr(again, what)(*of)
        assert told == self.told
        assert again.latch == self.house.latch


class Gate(Agreed):
    """Everything that can happen to a gate."""

    @initialize(policy=gate_policies.policies(), drawn=st.lists(st.sampled_from(gating.CALM), min_size=6, max_size=6))
    def begin(self, policy: Policy, drawn: list[str]) -> None:
        self.act("adopt", policy)
        for place, outcome in zip(RESULTS, drawn, strict=True):
            self.act("arrive", place, outcome)

    # -- what arrives ---------------------------------------------------------------------------------------------

    @rule(place=results, outcome=st.sampled_from(gating.OUTCOMES))
    def a_result_arrives(self, place: tuple[str, str], outcome: str) -> None:
        self.act("arrive", place, outcome)

    @rule(calm=st.sampled_from(gating.CALM))
    def a_checkpoint_arrives_whole(self, calm: str) -> None:
        self.act("checkpoint")
        for place in RESULTS:
            self.act("arrive", place, calm)

    @rule(conflict=st.sampled_from([True, False, False]))
    def a_file_says_otherwise(self, conflict: bool) -> None:
        self.act("contradict", conflict)

    @rule(name=st.sampled_from(["lock", "watch"]), days=st.integers(1, 40))
    def somebody_attests(self, name: str, days: int) -> None:
        self.act("attest", name, days)

    @rule(gone=st.lists(results, min_size=1, max_size=6, unique=True), stays=st.booleans())
    def results_are_taken_away(self, gone: list[tuple[str, str]], stays: bool) -> None:
        """I2: whoever reads them, under whatever policy, with whatever people signed."""
        before = self.house.ask()
        less = self.house.less(gone)
        if stops(before):
            assert stops(self.house.ask(less)), f"without {gone}: {before.sentence}"
        if not stays:
            self.act("lose", gone)

    @rule(place=results, tail=st.sampled_from([1e-3, 1e-5, 1e-9]), outcome=st.sampled_from(gating.WORSE))
    def evidence_grows_worse(self, place: tuple[str, str], tail: float, outcome: str) -> None:
        """I3: from a result as expected to anything else, and from a break to a larger one."""
        now = self.house.results.get(place)
        if now is None or now[0] not in ("expected", outcome) or (now[0] == outcome and tail > now[1]):
            return
        for policy in self.house.asked:
            case = self.house.case()
            worse = self.house.case({**self.house.results, place: (outcome, tail)})
            ranks = [decide(policy, each, (), (), self.house.now).answer.rank for each in (case, worse)]
            assert ranks[1] >= ranks[0], f"{place} from {now} to {outcome}: {gating.spelled(policy)}"
        self.act("arrive", place, outcome, tail)

    # -- what people do -------------------------------------------------------------------------------------------

    @rule(by=people, veto=st.sampled_from([False] * 6 + [True]), stray=st.sampled_from(STRAYS))
    def somebody_votes(self, by: str, veto: bool, stray: str) -> None:
        self.act("vote", by, veto, stray)

    @rule(apart=st.sampled_from([0, 0, 1, 71, 72]), others=st.sampled_from([("cem",), ("bea", "cem"), ("Bea ", "bea")]))
    def several_release_it(self, apart: int, others: tuple[str, ...]) -> None:
        self.act("vote", "ann", False, "")
        self.act("wait", timedelta(hours=apart))
        for each in others:
            self.act("vote", each, False, "")

    @rule(which=st.integers(0, 3), days=st.sampled_from([1, 1, 7, 14, 15]), stray=st.sampled_from(gating.STRAY_WAIVERS))
    def somebody_waives(self, which: int, days: int, stray: str) -> None:
        self.act("waive", which, days, stray)

    @rule(hours=st.sampled_from([1, 24, 24, 30]), stray=st.sampled_from(["", "", "", "", "evidence", "policy"]))
    def somebody_breaks_the_glass(self, hours: int, stray: str) -> None:
        self.act("break_glass", hours, stray)

    @precondition(lambda self: self.house.glass is not None)
    @rule()
    def somebody_reviews_it(self) -> None:
        self.act("review")

    @rule(policy=gate_policies.policies())
    def the_policy_changes(self, policy: Policy) -> None:
        self.act("adopt", policy)

    @rule(hours=st.sampled_from([1, 1, 2, 23, 24, 71, 24 * 14, 24 * 40]))
    def time_goes_by(self, hours: int) -> None:
        self.act("wait", timedelta(hours=hours))

    @rule(hours=st.sampled_from([1, 24, 24 * 15]))
    def the_clock_is_set_back(self, hours: int) -> None:
        self.act("wait", -timedelta(hours=hours))


class Stopped(Agreed):
    """A run that is stopped, and what people do about it: few events, so that they meet."""

    @initialize(
        policy=gate_policies.stopping(),
        first=st.sampled_from(RESULTS),
        outcome=st.sampled_from(["above", "above", "inconclusive"]),
        second=st.sampled_from([*RESULTS, None, None]),
    )
    def begin(self, policy: Policy, first: tuple[str, str], outcome: str, second: tuple[str, str] | None) -> None:
        self.act("adopt", policy)
        for place in RESULTS:
            self.act("arrive", place, outcome if place == first else "above" if place == second else "expected")

    @rule(by=people, veto=st.sampled_from([False] * 5 + [True]), stray=st.sampled_from(STRAYS))
    def somebody_votes(self, by: str, veto: bool, stray: str) -> None:
        self.act("vote", by, veto, stray)

    @rule(apart=st.sampled_from([0, 1, 71, 72]), pair=st.sampled_from(PAIRS), stray=st.sampled_from(STRAYS))
    def two_vote(self, apart: int, pair: tuple[str, str], stray: str) -> None:
        self.act("vote", pair[0], False, "")
        self.act("wait", timedelta(hours=apart))
        self.act("vote", pair[1], False, stray)

    @rule(which=st.integers(0, 3), days=st.sampled_from([1, 7, 14, 15]), stray=st.sampled_from(gating.STRAY_WAIVERS))
    def somebody_waives(self, which: int, days: int, stray: str) -> None:
        self.act("waive", which, days, stray)

    @rule(days=st.sampled_from([1, 7]), times=st.integers(2, 4))
    def somebody_renews(self, days: int, times: int) -> None:
        for _ in range(times):
            self.act("waive", 0, days, "")
            self.act("wait", days * DAY)
        self.act("waive", 0, days, "")

    @rule(hours=st.sampled_from([1, 24, 30]), stray=st.sampled_from(["", "", "evidence", "policy"]))
    def somebody_breaks_the_glass(self, hours: int, stray: str) -> None:
        self.act("break_glass", hours, stray)

    @rule(
        place=results,
        outcome=st.sampled_from(["above", "expected", "inconclusive"]),
        tail=st.sampled_from([1e-3, 1e-9]),
    )
    def a_result_changes(self, place: tuple[str, str], outcome: str, tail: float) -> None:
        self.act("arrive", place, outcome, tail)

    @rule(hours=st.sampled_from([1, 24, 71, 24 * 7, -1]))
    def time_goes_by(self, hours: int) -> None:
        self.act("wait", timedelta(hours=hours))


TERMS = settings(
    stateful_step_count=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
TestGate = Gate.TestCase
TestGate.settings = settings(TERMS, max_examples=50, stateful_step_count=16)
TestStopped = Stopped.TestCase
TestStopped.settings = settings(TERMS, max_examples=100)
