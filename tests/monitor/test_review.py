"""Acknowledge and waive: what a person may do, what it changes, and when it ends."""

from __future__ import annotations

import pytest
from lab import Lab, rung

from checkpoints_db.errors import BadWaiver, PolicyError
from checkpoints_db.records import Alert, Answer, Decision


@pytest.fixture
def held(ladder: Lab) -> Lab:
    """A gate that holds because one metric is missing."""
    ladder.arrive([row for row in rung(6) if row["metric"] == "nll"], "s6.csv")
    ladder.cycle()
    assert ladder.ask("s6").answer == Answer.HOLD
    return ladder


def the_alert(lab: Lab) -> Alert:
    with lab.store() as store:
        (alert,) = [a for a in store.actions.alerts() if a.state != "closed"]
    return alert


def waive(lab: Lab, *, by: str = "carol", reason: str = "acc is broken, see ticket 7", days: float = 7) -> Decision:
    with lab.store() as store:
        subject = "sums · acc"
        _, decision = lab.desk(store).waive(
            "lab", "s6", "evidence", subject, by=by, reason=reason, until=lab.later(days=days)
        )
    return decision


def test_acknowledging_changes_the_alert_and_not_the_gate_and_expires(held: Lab) -> None:
    with held.store() as store:
        held.desk(store).acknowledge(the_alert(held).id, by="carol", comment="on it", until=held.later(hours=2))
    assert the_alert(held).state == "acknowledged"
    assert held.ask("s6").answer == Answer.HOLD
    held.cycle()
    assert the_alert(held).state == "acknowledged"
    held.clock.sleep(2 * 3600)
    held.cycle()
    alert = the_alert(held)
    assert alert.state == "firing"
    with held.store() as store:
        assert [(e.event, e.by) for e in store.actions.history(alert.id)] == [
            ("opened", "holdpoint"),
            ("acknowledged", "carol"),
            ("reopened", "holdpoint"),
        ]


def test_an_acknowledgement_needs_a_name_an_open_alert_and_an_end(held: Lab) -> None:
    name = the_alert(held).id
    with held.store() as store:
        desk = held.desk(store)
        with pytest.raises(PolicyError, match="name"):
            desk.acknowledge(name, by=" ", comment="", until=held.later(hours=1))
        with pytest.raises(PolicyError, match="at most 8h"):
            desk.acknowledge(name, by="carol", comment="", until=held.later(hours=9))
        with pytest.raises(PolicyError, match="no alert"):
            desk.acknowledge("ffffffff", by="carol", comment="", until=held.later(hours=1))


def test_a_waiver_opens_the_gate_for_its_time_and_no_longer(held: Lab) -> None:
    assert waive(held).answer == Answer.GO
    state = held.ask("s6")
    assert state.answer == Answer.GO
    assert "waived by carol" in state.sentence
    held.clock.sleep(7 * 24 * 3600)
    held.cycle("scan")
    assert held.ask("s6").answer == Answer.HOLD


def test_a_waiver_is_void_for_another_finding_of_the_same_rule(ladder: Lab) -> None:
    ladder.baseline([{**row, "task": "words"} for i in range(6) for row in rung(i)], "words.csv")
    ladder.arrive([row for row in rung(6) if row["metric"] == "nll"], "s6.csv")
    ladder.cycle()
    assert waive(ladder).answer == Answer.HOLD


def test_a_waiver_needs_name_reason_finding_and_a_bound(held: Lab) -> None:
    with pytest.raises(BadWaiver, match="name"):
        waive(held, by=" ")
    with pytest.raises(BadWaiver, match="reason"):
        waive(held, reason=" ")
    with pytest.raises(BadWaiver, match="14d"):
        waive(held, days=15)
    with held.store() as store, pytest.raises(BadWaiver, match="says nothing"):
        held.desk(store).waive(
            "lab", "s6", "break", "sums · nll", by="carol", reason="why not", until=held.later(days=1)
        )


def test_a_waiver_does_not_release_a_pause(ladder: Lab) -> None:
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    ladder.cycle()
    with ladder.store() as store:
        desk = ladder.desk(store)
        for finding in store.judgements.decisions()[-1].findings:
            _, decision = desk.waive(
                "lab", "s6", finding.rule, finding.subject, by="carol", reason="known", until=ladder.later(days=1)
            )
    assert decision.waived == 2
    assert decision.answer == Answer.PAUSE
    assert ladder.ask("s6").answer == Answer.PAUSE
