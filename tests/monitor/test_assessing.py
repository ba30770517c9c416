"""What people state is bound to what had been seen, and the gate says so at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from lab import START, Lab, rung

from checkpoints_db import Store
from checkpoints_db.errors import BadStatement
from checkpoints_db.records import Answer, Reason
from monitor.assessing import Clerk

STEP = """
name = "step"
[[rules]]
id = "step"
kind = "scale_step"
level = "soft"
factor = "4x"
[[rules]]
id = "before"
kind = "stage"
level = "soft"
before = "rl"
requires = "light"
"""


@pytest.fixture
def lab(ladder: Lab) -> Lab:
    """A lab of six rungs and a seventh that came as news a minute after the first."""
    ladder.policy.write_text(STEP)
    ladder.arrive(rung(6), "s6.csv")
    ladder.cycle()
    return ladder


def clerk(lab: Lab, store: Store) -> Clerk:
    rules = lab.rules()
    return Clerk(store, rules.catalogue, rules.policy, lab.clock.now())


def test_an_assessment_opens_the_gate_and_its_withdrawal_closes_it(lab: Lab) -> None:
    with lab.store() as store:
        desk = clerk(lab, store)
        desk.enter("lab", "s6", "sft", by="alice")
        assert lab.ask("s6").reason is Reason.assessment_due
        made = desk.assess("lab", "s6", "light", by=" alice ", document="memo")
        assert (made.checkpoint, made.by, made.at) == ("lab/s6", "alice", lab.clock.now())
        assert made.compute is not None
        assert made.compute.flop == 1e18 * 4.0**6
        state = store.actions.gate("lab", "s6")
        assert state is not None
        assert state.answer is Answer.GO
    lab.cycle()
    assert lab.ask("s6").answer is Answer.GO
    with lab.store() as store:
        clerk(lab, store).withdraw(made.id[:6], by="bob", note="wrong model")
        state = store.actions.gate("lab", "s6")
        assert state is not None
        assert (state.answer, state.reason) == (Answer.HOLD, Reason.assessment_due)
        store.ledger.verify()


def test_an_assessment_of_a_smaller_run_is_measured_from(lab: Lab) -> None:
    with lab.store() as store:
        desk = clerk(lab, store)
        desk.enter("lab", "s6", "sft", by="alice")
        desk.assess("lab", "s5", "comprehensive", by="alice", at=START - timedelta(days=30))
    lab.cycle()
    due = lab.ask("s6")
    assert (due.answer, due.reason) == (Answer.HOLD, Reason.assessment_due)
    assert "4 times the 1.024e+21 FLOP of the assessment 'comprehensive' of lab/s5" in due.sentence


def test_what_is_said_twice_is_one_row_and_what_was_withdrawn_is_not_said_again(lab: Lab) -> None:
    with lab.store() as store:
        desk, when = clerk(lab, store), lab.clock.now()
        one = desk.assess("lab", "s6", "light", by="alice", at=when)
        assert desk.assess("lab", "s6", "light", by="alice", at=when) == one
        assert len(store.actions.assessments()) == 1
        desk.withdraw(one.id, by="alice", note="too early")
        with pytest.raises(BadStatement, match="was withdrawn"):
            desk.assess("lab", "s6", "light", by="alice", at=when)
        assert desk.assess("lab", "s6", "light", by="alice", at=when, note="done again").id != one.id


def test_what_cannot_be_so_is_refused(lab: Lab) -> None:
    now = lab.clock.now()
    with lab.store() as store:
        desk = clerk(lab, store)
        with pytest.raises(BadStatement, match="needs the name of the person"):
            desk.assess("lab", "s6", "light", by="  ")
        with pytest.raises(BadStatement, match="is still to come"):
            desk.assess("lab", "s6", "light", by="a", at=now + timedelta(seconds=1))
        # s6 arrived as news a minute after START: nobody can have assessed it a month before.
        with pytest.raises(BadStatement, match="any checkpoint of it had been evaluated by 2026-10-24"):
            desk.assess("lab", "s6", "light", by="a", at=START - timedelta(days=30))
        with pytest.raises(BadStatement, match=r"lab/s9.*known now: lab/s6"):
            desk.assess("lab", "s6", "light", by="a", checkpoint="lab/s9")
        for flop in (1e18 * 4.0**6 * 1.001, 0.0, -1.0, float("nan")):
            with pytest.raises(BadStatement, match="FLOP were never seen"):
                desk.assess("lab", "s6", "light", by="a", flop=flop)
        with pytest.raises(BadStatement, match="give a later end"):
            desk.attest("lock", by="a", expires=now)
        with pytest.raises(BadStatement, match="name the family of run"):
            desk.attest("lock", by="a", run="s6")
        with pytest.raises(BadStatement, match="'r1' is no stage"):
            desk.enter("lab", "s6", "r1", by="a")
        with pytest.raises(BadStatement, match="needs its reason"):
            desk.withdraw(desk.attest("lock", by="a").id, by="a", note=" ")
        with pytest.raises(BadStatement, match="nothing that counts has the id"):
            desk.withdraw("", by="a", note="x")


def test_fewer_flop_than_were_seen_may_be_stated(lab: Lab) -> None:
    with lab.store() as store:
        made = clerk(lab, store).assess("lab", "s6", "light", by="a", flop=1e21)
        assert made.compute is not None
        assert made.compute.flop == 1e21


def test_a_run_enters_stages_in_order(lab: Lab) -> None:
    now = lab.clock.now()
    with lab.store() as store:
        desk = clerk(lab, store)
        desk.enter("lab", "s6", "pretrain", by="a", at=now - timedelta(days=2))
        desk.enter("lab", "s6", "sft", by="a", at=now - timedelta(days=1))
        with pytest.raises(BadStatement, match="it is in 'sft' since"):
            desk.enter("lab", "s6", "sft", by="a")
        with pytest.raises(BadStatement, match="it is in 'sft' since"):
            desk.enter("lab", "s6", "rl", by="a", at=now - timedelta(days=2))
