"""A receiver that is away, slow, half closing or refusing: nothing is lost, doubles carry one key, order is kept."""

from __future__ import annotations

import re
import time
from datetime import datetime
from itertools import pairwise

import pytest
from receivers import Hook
from telling import House, webhook_table

from checkpoints_db import Store
from monitor.notify.backoff import LONGEST_HOLD, LONGEST_WAIT

EACH = '[[routes]]\nreceivers = ["hook"]\ngroup_by = ["alert"]\ngroup_interval = "1s"'
"""Every alert in messages of its own."""


def told(hook: Hook) -> list[tuple[str, str]]:
    return [(heard["json"]["data"]["event"], heard["json"]["data"]["alert"]["sentence"]) for heard in hook.heard]


def test_down_for_a_day_nothing_is_lost_and_each_alert_keeps_its_order(hooked: House, hook: Hook, store: Store) -> None:
    hook.mode = "503"
    hooked.routes(EACH)
    for hour in range(24):
        hooked.trouble(store, "a.json", f"no longer JSON, {hour}") if hour % 6 == 0 else None
        hooked.trouble(store, f"file-{hour}.json")
        for _ in range(3):
            hooked.deliver(store)
            hooked.clock.sleep(1190)
        if hour % 6 == 5:
            hooked.settle(store, "a.json")
        hooked.deliver(store)
        hooked.clock.sleep(30)
    assert hook.heard == []
    waiting = store.outbox.listed(state="owed", limit=1000)
    hook.mode = "ok"
    for _ in range(int(LONGEST_WAIT / LONGEST_HOLD) + 2):
        hooked.clock.sleep(LONGEST_HOLD.total_seconds())
        hooked.deliver(store)
    assert store.outbox.listed(state="owed") == []
    assert store.outbox.listed(state="lost") == []
    assert len(hook.heard) == len(waiting) == len({heard["headers"]["webhook-id"] for heard in hook.heard})
    mine = [each for each in told(hook) if "a.json" in each[1]]
    assert [event for event, _ in mine] == ["opened", *["closed", "reopened"] * 3, "closed"]
    assert [int(re.findall(r"\d+", words)[0]) for _, words in mine] == [0, 0, 6, 6, 12, 12, 18, 18]
    assert sum("file-" in words for _, words in told(hook)) == 24


def test_a_receiver_back_from_an_outage_hears_within_minutes(hooked: House, hook: Hook, store: Store) -> None:
    hook.mode = "503"
    hooked.trouble(store, "a.json")
    for _ in range(60):
        hooked.deliver(store)
        hooked.clock.sleep(600)
    hook.mode = "ok"
    hooked.trouble(store, "b.json")
    hooked.clock.sleep(LONGEST_HOLD.total_seconds())
    assert hooked.deliver(store)[0] >= 1
    assert "b.json: cannot be read" in [words for _, words in told(hook)]


@pytest.mark.parametrize("status", ["429", "503"])
def test_retry_after_is_honoured(hooked: House, hook: Hook, store: Store, status: str) -> None:
    hook.mode, hook.retry_after = status, "1800"
    hooked.trouble(store, "a.json")
    assert hooked.deliver(store) == (0, 1, {})
    hooked.trouble(store, "b.json")
    hook.mode = "ok"
    hooked.clock.sleep(1799)
    assert hooked.deliver(store) == (0, 0, {}), "asked to wait half an hour, and it is not over; for nobody's message"
    hooked.clock.sleep(2)
    assert hooked.deliver(store)[0] == 2


def test_500_is_tried_again_after_growing_pauses(hooked: House, hook: Hook, store: Store) -> None:
    hook.mode = "500"
    hooked.trouble(store, "a.json")
    began, times = hooked.clock.now(), []
    while len(times) < 10:
        assert hooked.deliver(store) == (0, 1, {})
        times.append((hooked.clock.now() - began).total_seconds())
        again = datetime.fromisoformat(store.outbox.due(hooked.later(7200))[0].next_at)
        hooked.clock.sleep((again - hooked.clock.now()).total_seconds() - 0.001)
        assert hooked.deliver(store) == (0, 0, {}), "not a moment too early"
        hooked.clock.sleep(0.002)
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) == hook.tried
    for attempt, pause in enumerate(pauses):
        assert 2.5 * 2**attempt <= pause <= 5 * 2**attempt + 0.01
    hook.mode = "ok"
    hooked.clock.sleep(3600)
    assert hooked.deliver(store) == (1, 0, {})
    outcomes = [(a.outcome, a.reason) for a in store.outbox.log(store.outbox.listed()[0].message.id)]
    assert [outcome for outcome, _ in outcomes] == ["failed"] * len(times) + ["sent"]
    assert outcomes[0][1] == "receiver hook: answered 500: no hook at /•••"


@pytest.mark.parametrize("mode", ["slow", "trickle"])
def test_a_slow_receiver_keeps_nobody(hooked: House, hook: Hook, store: Store, mode: str) -> None:
    hook.mode = mode
    hooked.receivers(webhook_table(timeout='"1s"'), '[receivers.file]\nkind = "file"\npath = "alerts.jsonl"')
    hooked.routes('[[routes]]\nreceivers = ["hook", "file"]')
    for name in ("a", "b", "c"):
        hooked.trouble(store, f"{name}.json", rule=("quarantine", "unplaced", "conflict")["abc".index(name)])
    began = time.monotonic()
    sent, failed, _ = hooked.deliver(store)
    assert time.monotonic() - began < 4
    assert (sent, failed, hook.tried) == (3, 1, 1), "the file got all three; the hook was asked once, then left alone"


def test_a_half_closing_receiver_gets_the_same_key_twice(hooked: House, hook: Hook, store: Store) -> None:
    hook.mode = "half"
    hooked.trouble(store, "a.json")
    assert hooked.deliver(store) == (0, 1, {})
    hook.mode = "ok"
    hooked.clock.sleep(10)
    assert hooked.deliver(store) == (1, 0, {})
    first, second = hook.heard
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"] == second["json"]["id"]
    assert first["raw"] == second["raw"]


def test_a_later_event_waits_for_the_earlier_one_of_its_alert(hooked: House, hook: Hook, store: Store) -> None:
    hook.mode = "500"
    hooked.routes(EACH)
    hooked.trouble(store, "a.json")
    hooked.deliver(store)
    hook.mode = "ok"
    hooked.settle(store, "a.json")
    hooked.trouble(store, "b.json")
    assert hooked.deliver(store)[0] == 1, "b goes, a closed waits for a opened"
    assert [words for _, words in told(hook)] == ["b.json: cannot be read"]
    hooked.clock.sleep(10)
    assert hooked.deliver(store)[0] == 2
    assert [event for event, words in told(hook) if "a.json" in words] == ["opened", "closed"]
