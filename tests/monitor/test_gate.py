"""The gate fails closed: what is missing, wrong, silent or locked is HOLD, and a pause stays until released."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest
from lab import Lab, rung

from checkpoints_db import Store
from checkpoints_db.errors import BadRelease, LedgerBroken
from checkpoints_db.records import Answer, Level, Reason
from monitor.daemon import inbox


@pytest.fixture
def going(ladder: Lab) -> Lab:
    ladder.arrive(rung(6), "s6.csv")
    ladder.cycle()
    assert ladder.ask("s6").answer == Answer.GO
    return ladder


@pytest.fixture
def paused(ladder: Lab) -> Lab:
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    ladder.cycle()
    assert ladder.ask("s6").answer == Answer.PAUSE
    return ladder


def holds(lab: Lab, reason: Reason, run: str = "s6") -> str:
    state = lab.ask(run)
    assert (state.answer, state.reason, state.exit_code) == (Answer.HOLD, reason, 10), state.sentence
    return state.sentence


def test_no_store_holds(going: Lab) -> None:
    (going.root / "holdpoint.db").rename(going.root / "moved.db")
    assert "no store here" in holds(going, Reason.fault)


def test_a_store_that_is_no_database_holds(going: Lab) -> None:
    for name in ("holdpoint.db-wal", "holdpoint.db-shm"):
        (going.root / name).unlink(missing_ok=True)
    (going.root / "holdpoint.db").write_bytes(b"not a database " * 1000)
    assert "unreadable" in holds(going, Reason.fault)


def test_a_locked_store_holds(going: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.gate.PATIENCE", 0.05)
    other = sqlite3.connect(going.root / "holdpoint.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert "locked" in holds(going, Reason.fault)
    other.execute("ROLLBACK")
    other.close()
    assert going.ask("s6").answer == Answer.GO


@pytest.mark.parametrize("text", ["", "this is no [toml", 'name = "x"\nrulez = []\n'])
def test_an_unreadable_policy_holds(going: Lab, text: str) -> None:
    going.policy.write_text(text)
    assert "policy.toml" in holds(going, Reason.fault)


def test_a_missing_policy_or_catalogue_holds(going: Lab) -> None:
    going.policy.rename(going.root / "elsewhere.toml")
    holds(going, Reason.fault)
    (going.root / "elsewhere.toml").rename(going.policy)
    (going.root / "catalogue.toml").unlink()
    holds(going, Reason.fault)


@pytest.mark.parametrize("run", ["s99", "", "lab/", "other/s6", "lab/s6/x", "../s6", "%"])
def test_an_unknown_run_holds(going: Lab, run: str) -> None:
    assert "unknown run" in holds(going, Reason.no_data, run)


def test_a_name_in_two_families_holds_until_it_is_spelled_out(going: Lab) -> None:
    going.baseline([{**row, "run": "s6"} for row in rung(0, family="other")], "other.csv")
    going.cycle()
    assert "several families" in holds(going, Reason.no_data)
    assert going.ask("lab/s6").answer == Answer.GO


def test_silence_of_the_daemon_holds(going: Lab) -> None:
    longest = going.settings.gate.max_silence
    going.clock.sleep(longest.total_seconds() - 60)
    assert going.ask("s6").answer == Answer.GO
    going.clock.sleep(60)
    assert "last complete cycle" in holds(going, Reason.stale)


def test_a_failed_cycle_holds_until_one_succeeds(going: Lab) -> None:
    text = going.policy.read_text()
    going.policy.write_text("nonsense = 1\n")
    assert not going.cycle()
    going.policy.write_text(text)
    assert "cycle failed" in holds(going, Reason.fault)
    assert going.cycle()
    assert going.ask("s6").answer == Answer.GO


def test_a_clock_that_went_backwards_holds(going: Lab) -> None:
    going.clock.sleep(-3600)
    assert "backwards" in holds(going, Reason.fault)


def test_a_file_that_arrived_and_is_not_judged_holds(going: Lab) -> None:
    going.arrive(rung(6, loss=1.0), "news.csv")
    with going.store() as store:
        inbox.arrivals(store, going.settings.source, going.settings.base, going.clock, timedelta(0))
    assert "not judged yet" in holds(going, Reason.no_data)


def test_a_forecast_touched_in_the_ledger_holds(going: Lab) -> None:
    with sqlite3.connect(going.root / "holdpoint.db") as connection:
        connection.execute("DROP TRIGGER ledger_refuses_update")
        connection.execute(
            "UPDATE ledger SET body = replace(body, '\"last_value\":', '\"last_value\":1') WHERE kind = 'seal'"
        )
    connection.close()
    assert "digest" in holds(going, Reason.fault)
    with going.store() as store, pytest.raises(LedgerBroken):
        store.ledger.verify()


def test_a_pause_is_latched_when_the_value_falls_back(paused: Lab) -> None:
    """A policy that would no longer see the break does not open the gate either: only people do."""
    text = paused.policy.read_text()
    loose = text.replace("tail = 0.01", "tail = 1e-12").replace("resolve = 0.35", "resolve = 1.0")
    paused.policy.write_text(f'authors = ["erin"]\n{loose}')
    paused.cycle("scan", "overdue")
    assert paused.ask("s6").answer == Answer.PAUSE
    for by in ("carol", "dan"):
        with paused.store() as store:
            rules = paused.rules()
            paused.desk(store).adopt(rules.policy, by=by, reason="the tail was too wide")
    paused.clock.sleep(60)
    paused.arrive([{**row, "step": 2} for row in rung(6)], "s6-later.csv")
    paused.cycle()
    state = paused.ask("s6")
    assert (state.answer, state.reason) == (Answer.PAUSE, Reason.latched)


def release(lab: Lab, by: str, *, reason: str = "looked at it", evidence: str = "", reject: bool = False) -> Answer:
    with lab.store() as store:
        seen = evidence or lab.ask("s6").evidence
        decision = lab.desk(store).release("lab", "s6", by=by, reason=reason, evidence=seen, reject=reject)
    lab.clock.sleep(1)
    return decision.answer


def test_two_people_release_a_pause(paused: Lab) -> None:
    assert release(paused, "carol") == Answer.PAUSE
    assert paused.ask("s6").answer == Answer.PAUSE
    assert release(paused, "dan") == Answer.GO
    assert paused.ask("s6").exit_code == 0
    paused.cycle()
    assert paused.ask("s6").answer == Answer.GO
    with paused.store() as store:
        assert {a.state for a in store.actions.alerts()} == {"closed"}
        assert store.actions.latch("lab", "s6") is None


@pytest.mark.parametrize("again", ["carol", "Carol", "  CAROL "])
def test_one_person_twice_is_one_person(paused: Lab, again: str) -> None:
    release(paused, "carol")
    assert release(paused, again) == Answer.PAUSE


def test_a_release_needs_name_reason_and_the_evidence_that_was_seen(paused: Lab) -> None:
    with pytest.raises(BadRelease, match="name"):
        release(paused, "  ")
    with pytest.raises(BadRelease, match="reason"):
        release(paused, "carol", reason=" ")
    with pytest.raises(BadRelease, match="rests on evidence"):
        release(paused, "carol", evidence="0123456789abcdef")
    with pytest.raises(BadRelease, match="rests on evidence"):
        release(paused, "carol", evidence=paused.ask("s6").evidence[:7])


def test_the_owner_of_the_run_may_not_release_it(paused: Lab) -> None:
    paused.policy.write_text(paused.policy.read_text().replace('# "my-family/*" = ["alice"]', '"lab/*" = ["alice"]'))
    paused.cycle("overdue")
    with pytest.raises(BadRelease, match="owns this run"):
        release(paused, "alice")
    assert release(paused, "carol") == Answer.PAUSE


def test_a_rejection_keeps_the_gate_closed_for_this_evidence(paused: Lab) -> None:
    release(paused, "carol")
    release(paused, "erin", reject=True)
    assert release(paused, "dan") == Answer.PAUSE


def test_new_evidence_voids_a_release(paused: Lab) -> None:
    release(paused, "carol")
    release(paused, "dan")
    paused.arrive([{**row, "task": "more-sums"} for row in rung(6, loss=1.0)], "more.csv")
    paused.cycle()
    assert paused.ask("s6").exit_code in (10, 20)


def test_a_changed_policy_voids_a_release(paused: Lab) -> None:
    release(paused, "carol")
    release(paused, "dan")
    paused.policy.write_text(paused.policy.read_text().replace('version = "1"', 'version = "2"'))
    assert paused.ask("s6").answer == Answer.PAUSE
    paused.cycle()
    assert paused.ask("s6").answer == Answer.PAUSE


def test_a_release_that_was_given_lasts(paused: Lab) -> None:
    """The time limit of an approval is for collecting the quorum; a released gate does not close by itself."""
    release(paused, "carol")
    paused.clock.sleep(71 * 3600)
    paused.cycle("scan")
    release(paused, "dan")
    paused.clock.sleep(30 * 24 * 3600)
    paused.cycle("scan")
    assert paused.ask("s6").answer == Answer.GO


def test_an_approval_that_waits_too_long_for_a_second_one_expires(paused: Lab) -> None:
    release(paused, "carol")
    paused.clock.sleep(73 * 3600)
    paused.cycle("scan")
    assert release(paused, "dan") == Answer.PAUSE


def test_a_hard_rule_is_not_released(ladder: Lab) -> None:
    ladder.policy.write_text(ladder.policy.read_text().replace('level = "soft"', 'level = "hard"'))
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    ladder.cycle()
    with pytest.raises(BadRelease, match="hard"):
        release(ladder, "carol")
    with ladder.store() as store:
        latch = store.actions.latch("lab", "s6")
    assert latch is not None
    assert latch.hard


@pytest.mark.parametrize(
    ("level", "code"), [(Level.advisory, 0), (Level.shadow, 0), (Level.soft, 20), (Level.hard, 20)]
)
def test_levels(ladder: Lab, level: Level, code: int) -> None:
    ladder.policy.write_text(ladder.policy.read_text().replace('level = "soft"', f'level = "{level}"'))
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    ladder.cycle()
    assert ladder.ask("s6").exit_code == code


def test_time_alone_makes_no_new_decision(going: Lab) -> None:
    with Store.open(going.root / "holdpoint.db") as store:
        before = store.ledger.head
    for _ in range(3):
        going.cycle("overdue")
    with going.store() as store:
        assert store.ledger.head == before
