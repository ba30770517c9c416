"""What can never arrive goes to the next receiver of its route, and is an alert of its own."""

from __future__ import annotations

import base64
import json

import pytest
from lab import Lab, rung
from receivers import Hook
from telling import House, webhook_table

from checkpoints_db import Store
from checkpoints_db.records import Alert
from monitor.daemon.jobs import Jobs
from monitor.faces.alert_chart import alert_chart
from monitor.notify import NOTIFIERS

FILES = '[receivers.file]\nkind = "file"\npath = "alerts.jsonl"\n[receivers.spare]\nkind = "file"\npath = "spare.jsonl"'


def lines(house: House, name: str) -> list[dict[str, object]]:
    path = house.lab.root / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


@pytest.mark.parametrize(
    ("status", "final"), [("400", True), ("404", True), ("408", False), ("425", False), ("429", False)]
)
def test_which_refusals_are_final(hooked: House, hook: Hook, store: Store, status: str, final: bool) -> None:
    hook.mode = status
    hooked.trouble(store, "a.json")
    sent, failed, lost = hooked.deliver(store)
    assert (sent, failed, list(lost)) == (0, 1, ["hook"] if final else [])


def test_the_next_of_the_route_gets_it_once(hooked: House, hook: Hook, store: Store) -> None:
    hook.mode = "410"
    hooked.receivers(webhook_table(), FILES)
    hooked.routes('[[routes]]\nreceivers = ["hook"]\nescalate_after = "1h"\nescalate_to = ["spare", "file"]')
    hooked.trouble(store, "a.json")
    sent, failed, lost = hooked.deliver(store)
    assert (sent, failed) == (1, 1)
    assert lost["hook"] == "receiver hook: answered 410: no hook at /•••"
    assert [line["receiver"] for line in lines(hooked, "spare.jsonl")] == ["spare"]
    assert lines(hooked, "alerts.jsonl") == []
    assert hooked.deliver(store) == (0, 0, {})


def test_one_who_got_it_already_does_not_get_it_again(hooked: House, hook: Hook, store: Store) -> None:
    hook.mode = "410"
    hooked.receivers(webhook_table(), FILES)
    hooked.routes('[[routes]]\nreceivers = ["hook", "file"]')
    hooked.trouble(store, "a.json")
    assert hooked.deliver(store)[:2] == (1, 1)
    assert len(lines(hooked, "alerts.jsonl")) == 1


def test_lost_for_good_raises_an_alert_of_its_own_that_closes_when_it_is_reached(ladder: Lab, hook: Hook) -> None:
    house = House(ladder)
    (ladder.root / "secret").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    (ladder.root / "hook.url").write_text(hook.url)
    house.receivers(webhook_table(), FILES)
    house.notify("hook", "file")
    hook.mode = "404"
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    assert ladder.cycle()
    assert ladder.cycle()
    with ladder.store() as store:
        (alert,) = [a for a in store.actions.alerts() if a.rule == "fault"]
    assert alert.state == "firing"
    assert alert.sentence == "receiver hook: answered 404: no hook at /•••"
    about = [line for line in lines(house, "alerts.jsonl") if line["alert"]["rule"] == "fault"]  # type: ignore[index]
    assert [line["event"] for line in about] == ["opened"]
    assert ladder.ask("s6").answer == "PAUSE", "who hears of it changes nothing at the gate"
    hook.mode = "ok"
    ladder.arrive(rung(6, loss=1.9, run="s7"), "s7.csv")
    ladder.cycle()
    ladder.cycle()
    with ladder.store() as store:
        assert [a.state for a in store.actions.alerts() if a.rule == "fault"] == ["closed"]


def test_given_up_after_days_and_then_it_goes_to_the_next(hooked: House, hook: Hook, store: Store) -> None:
    hook.mode = "500"
    hooked.receivers(webhook_table(), FILES)
    hooked.routes('[[routes]]\nreceivers = ["hook"]\nescalate_to = "file"\nescalate_after = "30d"')
    hooked.trouble(store, "a.json")
    for _ in range(6 * 24):
        hooked.deliver(store)
        hooked.clock.sleep(3601)
    (lost,) = store.outbox.listed(state="lost")
    assert "given up after 5 days" in lost.error
    assert len(lines(hooked, "alerts.jsonl")) == 1


def test_an_error_in_a_notifier_holds_no_gate_and_loses_nothing(ladder: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A notifier of another package may raise anything: it is tried again, and the job goes on."""
    house = House(ladder)
    house.receivers('[receivers.odd]\nkind = "odd"', FILES)
    house.notify("odd", "file")

    class Odd:
        name = "odd"

        def check(self, receiver: object, settings: object) -> None:
            """Nothing."""

        def send(self, letter: object, receiver: object, settings: object) -> None:
            raise KeyError("with a secret in it")

    monkeypatch.setitem(NOTIFIERS._built_in, "odd", Odd())
    ladder.arrive(rung(6), "s6.csv")
    with ladder.store() as store:
        house.trouble(store, "a.json")
    assert ladder.cycle()
    assert ladder.ask("s6").answer == "GO"
    with ladder.store() as store:
        (owed,) = store.outbox.listed(state="owed")
    assert owed.error == "receiver odd: notifier 'odd' failed (KeyError); please report this"
    assert len(lines(house, "alerts.jsonl")) == 1


def test_a_message_about_a_break_carries_its_chart(ladder: Lab, hook: Hook) -> None:
    house = House(ladder)
    (ladder.root / "apprise.url").write_text(hook.url.replace("http://", "json://"))
    house.receivers('[receivers.chat]\nkind = "apprise"\nurl_file = "apprise.url"', FILES)
    house.notify("chat")
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    jobs = Jobs(ladder.settings, ladder.clock, "test:1", alert_chart)
    for name, _, body in jobs.timetable():
        assert jobs.run(name, body)
    pictures = [base64.b64decode(file["base64"]) for heard in hook.heard for file in heard["json"]["attachments"]]
    assert len(pictures) == 2
    assert all(picture.startswith(b"\x89PNG") and len(picture) > 10_000 for picture in pictures)


def test_a_chart_that_cannot_be_drawn_keeps_no_words_back(ladder: Lab, hook: Hook) -> None:
    house = House(ladder)
    (ladder.root / "apprise.url").write_text(hook.url.replace("http://", "json://"))
    house.receivers('[receivers.chat]\nkind = "apprise"\nurl_file = "apprise.url"', FILES)
    house.notify("chat")
    with ladder.store() as store:
        house.trouble(store, "a.json")

    def broken(store: Store, alert: Alert) -> bytes | None:
        raise ValueError(alert.id)

    jobs = Jobs(ladder.settings, ladder.clock, "test:1", broken)
    assert jobs.run("deliver", jobs.deliver)
    assert "a.json" in hook.heard[0]["json"]["message"]
