"""The self-test passes here and knows every answer and reason; code that decides otherwise is found, and holds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asking import answer
from lab import Lab, rung

from checkpoints_db.errors import SelfTestFailed
from checkpoints_db.records import Answer, Decision, Reason
from monitor import selftest
from monitor.daemon.service import Service
from policies import engine


def test_it_passes_and_tells_how_much_it_knows(lab: Lab) -> None:
    selftest.check()
    selftest.check(quick=True)
    code, text = run_selftest()
    assert code == 0, text
    assert json.loads(text) == {"passed": True, "decisions": len(selftest.cases()), "verdicts": 2}


def run_selftest() -> tuple[int, str]:
    from asking import app, runner  # noqa: PLC0415 - only here without a lab

    done = runner.invoke(app, ["selftest", "--json"])
    return done.exit_code, done.output


def test_every_answer_and_every_reason_is_known() -> None:
    assert {one.answer for one in selftest.cases()} == set(Answer)
    assert set(Reason) - {one.reason for one in selftest.cases()} <= {Reason.assessment_due}
    assert {one.answer for one in selftest.quick_cases()} == {Answer.GO, Answer.HOLD, Answer.PAUSE}
    assert len({one.name for one in selftest.cases()}) == len(selftest.cases())


def lenient(*args: Any) -> Decision:
    """A decide() that found a way to say GO."""
    return engine.decide(*args).model_copy(update={"answer": Answer.GO, "reason": Reason.ok})


def raising(*_: Any) -> Decision:
    """A decide() over a library that was half installed."""
    raise AttributeError("module 'numpy' has no attribute 'log'")


BROKEN = [
    ("monitor.selftest.decide", lenient, "a break: decided GO"),
    ("monitor.selftest.decide", raising, "AttributeError: module 'numpy'"),
    ("policies.waivers.covers", lambda *_: True, "a waiver of less: decided GO"),
    ("policies.waivers.live", lambda *_: True, "a waiver that ran out: decided GO"),
    ("policies.releases.suffice", lambda *_: True, "one approval: decided GO"),
    ("policies.house.absent", lambda *_: [], "nothing judged"),
    ("policies.releases.reaches", lambda *_: True, "a released break of a hard rule: decided GO"),
    ("monitor.forecasting.sampling_variance", lambda *_: 0.01, "median of a loss"),
]


@pytest.mark.parametrize(("name", "other", "says"), BROKEN, ids=[f"{name}-{says[:12]}" for name, _, says in BROKEN])
def test_code_that_decides_otherwise_is_found(
    monkeypatch: pytest.MonkeyPatch, name: str, other: Any, says: str
) -> None:
    monkeypatch.setattr(name, other)
    with pytest.raises(SelfTestFailed, match="self-test failed") as found:
        selftest.check()
    assert says in str(found.value)


@pytest.fixture
def going(ladder: Lab) -> Lab:
    ladder.arrive(rung(6), "s6.csv")
    ladder.cycle()
    assert ladder.ask("s6").answer == Answer.GO
    return ladder


def test_a_gate_asked_by_code_that_decides_otherwise_holds(going: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.selftest.decide", lenient)
    state = going.ask("s6")
    assert (state.answer, state.reason) == (Answer.HOLD, Reason.fault)
    assert "self-test failed" in state.sentence
    assert answer(going, "gate", "ask", "s6", code=10)["reason"] == "fault"


def test_a_daemon_that_decides_otherwise_gives_no_sign_of_life_and_judges_nothing(
    going: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    with going.store() as store:
        before, head = store.fact("cycle"), store.ledger.head
        store.resign("test:1")
    going.arrive(rung(6, loss=1.0, run="s7", flop=5e22), "s7.csv")
    with monkeypatch.context() as patch:
        patch.setattr("policies.waivers.live", lambda *_: True)
        assert not going.cycle("scan")
        with going.store() as store:
            assert store.fact("cycle") == before
            assert store.evidence.results(run="s7") == []
            store.resign("test:1")
        with pytest.raises(SelfTestFailed):
            Service(going.settings, going.clock).once()
    state = going.ask("s6")
    assert (state.answer, state.reason) == (Answer.HOLD, Reason.fault)
    assert "self-test failed" in state.sentence
    assert going.cycle()
    assert going.ask("s6").answer == Answer.GO
    assert head[0] > 0


def test_holdpoint_selftest_fails_with_exit_code_1(going: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.selftest.decide", lenient)
    code, text = run_selftest()
    assert code == 1, text
