"""Groups, roots, quiet hours, repeats, escalations: what is told when, from the state of the store alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from telling import House

from checkpoints_db import Store
from checkpoints_db.actions import alert_row
from checkpoints_db.outbox import message_row
from checkpoints_db.records import Acknowledgement, Alert, Answer, Decision, Finding, Level, Message, Reason
from monitor import alerts, notify

FILE = '[receivers.file]\nkind = "file"\npath = "alerts.jsonl"'


@pytest.fixture
def plain(house: House) -> House:
    house.receivers(FILE, '[receivers.boss]\nkind = "file"\npath = "boss.jsonl"')
    house.notify("file")
    return house


def told(house: House, name: str = "alerts.jsonl") -> list[dict[str, object]]:
    path = house.lab.root / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def decide(
    house: House, store: Store, *findings: tuple[str, str, Answer], run: str = "s6", subject: str = ""
) -> list[Alert]:
    made = tuple(
        Finding(
            rule=rule,
            kind=kind,
            level=Level.soft,
            answer=answer,
            reason=Reason.broken,
            sentence=f"{rule}, {run}",
            subject=subject,
        )
        for rule, kind, answer in findings
    )
    at = house.clock.now()
    decision = Decision(
        family="lab",
        run=run,
        answer=max((f.answer for f in made), key=lambda a: a.rank, default=Answer.GO),
        reason=Reason.broken,
        sentence="",
        findings=made,
        passed=0,
        policy="",
        policy_name="",
        evidence="",
        at=at,
        judgement_version=1,
    )
    with store.transaction():
        known = {"wmdp": ("cyber", "bio")}
        return alerts.raise_for(store, decision, house.policy.notify, at, lambda task: known.get(task, ()))


def alert_like(alert: Alert, number: int) -> Alert:
    name = alerts.fingerprint("", "", "unplaced", f"m{number}")
    return alert.model_copy(update={"id": name[:12], "fingerprint": name, "sentence": f"m{number} is unknown"})


def test_ten_thousand_alerts_of_one_cause_are_one_message(plain: House, store: Store) -> None:
    first = plain.trouble(store, "m0", rule="unplaced")
    many = [alert_like(first, number) for number in range(1, 10_000)]
    at = plain.clock.now()
    with store.transaction():  # as `raise_about` writes them, many for the price of a few
        store._tables.insert_all("alerts", [alert_row(alert) for alert in many])
        owed = [Message(id=alert.fingerprint, receiver="*", event="opened", alert=alert, at=at) for alert in many]
        store._tables.insert_all("outbox", [message_row(message) for message in owed])
    began = time.monotonic()
    assert plain.deliver(store) == (1, 0, {})
    assert time.monotonic() - began < 30
    (message,) = told(plain)
    assert message["count"] == 10_000
    assert len(message["others"]) == 20  # type: ignore[arg-type]
    assert "10000 alerts in this message" in str(message["text"])
    assert len(json.dumps(message)) < 50_000
    assert plain.deliver(store) == (0, 0, {})


def test_ten_thousand_runs_are_one_message_for_each_rule(plain: House, store: Store) -> None:
    for number in range(200):
        decide(plain, store, ("a", "level", Answer.HOLD), ("b", "level", Answer.HOLD), run=f"r{number}")
    assert plain.deliver(store) == (2, 0, {})
    assert [message["count"] for message in told(plain)] == [200, 200]


def test_a_group_waits_and_is_told_again_after_its_interval(plain: House, store: Store) -> None:
    plain.routes('[[routes]]\nreceivers = "file"\ngroup_wait = "30s"\ngroup_interval = "5m"')
    plain.trouble(store, "a.json")
    assert plain.deliver(store)[0] == 0
    plain.clock.sleep(29)
    plain.trouble(store, "b.json")
    assert plain.deliver(store)[0] == 0
    plain.clock.sleep(1)
    assert plain.deliver(store)[0] == 1
    plain.clock.sleep(10)
    plain.trouble(store, "c.json")
    plain.settle(store, "a.json")
    plain.clock.sleep(289)
    assert plain.deliver(store)[0] == 0
    plain.clock.sleep(1)
    assert plain.deliver(store)[0] == 1
    assert [message["count"] for message in told(plain)] == [2, 2]


def test_what_is_worse_than_what_was_told_does_not_wait(plain: House, store: Store) -> None:
    plain.routes('[[routes]]\nreceivers = "file"\ngroup_by = ["run"]\ngroup_interval = "4h"')
    decide(plain, store, ("a", "level", Answer.HOLD))
    plain.deliver(store)
    plain.clock.sleep(5)
    decide(plain, store, ("a", "level", Answer.HOLD), ("b", "level", Answer.WARN))
    assert plain.deliver(store)[0] == 0
    decide(plain, store, ("a", "level", Answer.HOLD), ("b", "level", Answer.WARN), ("c", "break", Answer.PAUSE))
    assert plain.deliver(store)[0] == 1
    assert told(plain)[-1]["alert"]["rule"] == "c"  # type: ignore[index]


def test_one_broken_evaluation_is_one_message(plain: House, store: Store) -> None:
    holding = [("complete", "evidence", Answer.HOLD), *((f"r{n}", "level", Answer.HOLD) for n in range(50))]
    decide(plain, store, *holding)
    assert plain.deliver(store)[0] == 1
    (message,) = told(plain)
    assert message["alert"]["rule"] == "complete"  # type: ignore[index]
    assert message["held_back"] == 50
    with_pause = [*holding, ("r0", "level", Answer.PAUSE)]
    decide(plain, store, *with_pause)
    assert plain.deliver(store)[0] == 1
    assert told(plain)[-1]["alert"]["rule"] == "r0"  # type: ignore[index]


def test_a_consequence_is_told_when_its_root_is_gone_and_it_is_not(plain: House, store: Store) -> None:
    decide(
        plain, store, ("complete", "evidence", Answer.HOLD), ("a", "level", Answer.HOLD), ("b", "level", Answer.HOLD)
    )
    plain.deliver(store)
    decide(plain, store, ("a", "level", Answer.HOLD))
    for _ in range(3):
        plain.clock.sleep(60)
        plain.deliver(store)
    said = {(m["event"], m["alert"]["rule"]) for m in told(plain)}  # type: ignore[index]
    assert said == {("opened", "complete"), ("closed", "complete"), ("opened", "a")}, "b was over before it was told"
    assert len(told(plain)) == 3
    assert store.outbox.notices(plain.clock.now()) == []


def test_quiet_hours_hold_a_hold_and_never_a_pause(plain: House, store: Store) -> None:
    plain.routes('[[routes]]\nreceivers = "file"\nquiet = [{ between = "08:00-20:00" }]')  # the lab begins at nine
    decide(plain, store, ("a", "level", Answer.HOLD))
    decide(plain, store, ("b", "break", Answer.PAUSE), run="s7")
    assert plain.deliver(store)[0] == 1
    assert told(plain)[0]["alert"]["rule"] == "b"  # type: ignore[index]
    plain.clock.sleep(11 * 3600 - 1)
    assert plain.deliver(store)[0] == 0
    plain.clock.sleep(1)
    assert plain.deliver(store)[0] == 1
    assert told(plain)[1]["alert"]["rule"] == "a"  # type: ignore[index]


def test_what_opened_and_closed_in_the_night_is_told_as_closed(plain: House, store: Store) -> None:
    plain.routes('[[routes]]\nreceivers = "file"\nquiet = [{ between = "08:00-20:00" }]')
    plain.trouble(store, "a.json")
    plain.deliver(store)
    plain.clock.sleep(3600)
    plain.settle(store, "a.json")
    plain.deliver(store)
    plain.clock.sleep(10 * 3600)
    plain.deliver(store)
    assert [message["event"] for message in told(plain)] == ["closed"]


def acknowledge(house: House, store: Store, alert: Alert) -> None:
    at = house.clock.now()
    ack = Acknowledgement(alert=alert.id, by="ada", at=at, expires=at + timedelta(hours=2))
    with store.transaction():
        store.actions.put_review(ack, "ack" + at.isoformat(), alert.family, alert.run)
        alerts.moved(store, alert, "acknowledged", "ada", house.policy.notify, at)


def test_repeated_while_it_fires_and_nobody_has_it(plain: House, store: Store) -> None:
    plain.routes('[[routes]]\nreceivers = "file"\nrepeat = "1h"')
    alert = plain.trouble(store, "a.json")
    for _ in range(3 * 60 + 1):
        plain.deliver(store)
        plain.clock.sleep(60)
    assert [message["event"] for message in told(plain)] == ["opened", "repeated", "repeated", "repeated"]
    acknowledge(plain, store, alert)
    for _ in range(10):
        plain.deliver(store)
        plain.clock.sleep(1800)
    assert [message["event"] for message in told(plain)][4:] == ["acknowledged"]


ESCALATES = '[[routes]]\nreceivers = "file"\ngroup_interval = "1m"\nescalate_after = "30m"\nescalate_to = "boss"'


def test_escalated_once_when_nobody_acknowledges(plain: House, store: Store) -> None:
    plain.routes(ESCALATES)
    plain.trouble(store, "a.json")
    plain.deliver(store)
    plain.clock.sleep(29 * 60 + 59)
    plain.deliver(store)
    assert told(plain, "boss.jsonl") == []
    plain.clock.sleep(1)
    for _ in range(5):
        plain.deliver(store)
        plain.clock.sleep(600)
    assert [message["event"] for message in told(plain, "boss.jsonl")] == ["escalated"]
    plain.trouble(store, "b.json")
    plain.deliver(store)
    plain.clock.sleep(1800)
    plain.deliver(store)
    assert [m["alert"]["sentence"] for m in told(plain, "boss.jsonl")][1:] == ["b.json: cannot be read"]  # type: ignore[index]
    plain.settle(store, "a.json")
    plain.clock.sleep(60)
    plain.deliver(store)
    assert told(plain, "boss.jsonl")[-1]["event"] == "closed", "who was called hears that it is over"


def test_an_acknowledgement_stops_the_clock_and_its_end_starts_it_anew(plain: House, store: Store) -> None:
    plain.routes(ESCALATES)
    alert = plain.trouble(store, "a.json")
    plain.deliver(store)
    plain.clock.sleep(1200)
    acknowledge(plain, store, alert)
    plain.clock.sleep(7200)
    plain.deliver(store)
    assert told(plain, "boss.jsonl") == []
    with store.transaction():
        (known,) = store.actions.alerts()
        alerts.refire(store, known, plain.policy.notify, plain.clock.now())
    plain.clock.sleep(1799)
    plain.deliver(store)
    assert told(plain, "boss.jsonl") == []
    plain.clock.sleep(1)
    plain.deliver(store)
    assert [message["event"] for message in told(plain, "boss.jsonl")] == ["escalated"]


def test_a_policy_that_does_not_load_silences_nobody(plain: House, store: Store) -> None:
    plain.trouble(store, "a.json")
    assert notify.deliver(store, plain.lab.settings, plain.clock, None) == (1, 0, {})


@pytest.mark.parametrize("steps", [1, 7])
def test_how_often_it_is_looked_at_changes_nothing(
    plain: House, store: Store, steps: int, make_lab: Callable[[str], object]
) -> None:
    """A scheduler that comes late makes the same messages late, none twice and none less."""
    plain.routes(ESCALATES + '\nrepeat = "1h"')
    plain.trouble(store, "a.json")
    for _ in range(14 // steps):
        for _ in range(steps):
            plain.deliver(store)
        plain.clock.sleep(600 * steps)
    events = [m["event"] for m in told(plain)] + [m["event"] for m in told(plain, "boss.jsonl")]
    assert events[0] == "opened"
    assert events.count("escalated") == 1
    assert events.count("repeated") in (1, 2)


def test_a_route_by_domain_takes_alerts_about_its_tasks(plain: House, store: Store) -> None:
    plain.routes('[[routes]]\nmatch = { domain = "cyber" }\nreceivers = "boss"')
    (alert,) = decide(plain, store, ("a", "level", Answer.HOLD), subject="wmdp · acc")
    assert alert.domains == ("bio", "cyber")
    decide(plain, store, ("b", "level", Answer.HOLD), subject="sums · acc")
    plain.deliver(store)
    assert [m["alert"]["rule"] for m in told(plain, "boss.jsonl")] == ["a"]  # type: ignore[index]
    assert [m["alert"]["rule"] for m in told(plain)] == ["b"]  # type: ignore[index]
