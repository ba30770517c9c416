"""Delivery: at least once, again after a failure, and a receiver that can never be reached raises an alert."""

from __future__ import annotations

import json

from lab import Lab, rung

from monitor import notify


def test_a_failing_receiver_is_tried_again_and_the_others_get_theirs(ladder: Lab) -> None:
    (ladder.root / "alerts.jsonl").mkdir()
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    ladder.cycle("scan")
    with ladder.store() as store:
        sent, failed, lost = notify.deliver(store, ladder.settings, ladder.clock)
        assert (sent, failed, lost) == (2, 2, {})
        assert notify.deliver(store, ladder.settings, ladder.clock) == (0, 0, {})
        (ladder.root / "alerts.jsonl").rmdir()
        ladder.clock.sleep(notify.FIRST_WAIT.total_seconds())
        assert notify.deliver(store, ladder.settings, ladder.clock) == (2, 0, {})
        assert {owed.attempts for owed in store.outbox.all() if owed.message.receiver == "file"} == {2}
    lines = (ladder.root / "alerts.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["alert"]["rule"] for line in lines) == ["break", "diagnosis"]


def test_a_receiver_nobody_set_up_raises_an_alert(ladder: Lab) -> None:
    ladder.config.write_text(ladder.config.read_text().split("[receivers.file]")[0])
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    assert ladder.cycle()
    with ladder.store() as store:
        (alert,) = [a for a in store.actions.alerts() if a.rule == "fault"]
    assert "no such receiver" in alert.sentence


def test_hostile_text_leaves_no_control_characters_in_the_log(ladder: Lab) -> None:
    ladder.arrive(rung(6, loss=1.0, run="s6\u202e\x1b[31m"), "s6.csv")
    ladder.cycle("scan")
    with ladder.store() as store:
        lines = [notify.one_line(owed.message) for owed in store.outbox.all()]
    assert lines
    assert all(line.isprintable() for line in lines)
