"""`holdpoint route test` and `holdpoint outbox`, as a user types them."""

from __future__ import annotations

import pytest
from asking import answer, run
from lab import Lab, rung
from telling import House

from monitor.clock import SystemClock

ROUTES = """
[[routes]]
name = "nights"
match = { family = "lab*", severity = ["hold", "warn"] }
receivers = "file"
quiet = [{ between = "22:00-07:00", zone = "Europe/Berlin" }]
[[routes]]
match = { severity = "pause" }
receivers = ["log", "file"]
repeat = "1h"
escalate_after = "30m"
escalate_to = "log"
  [[routes.routes]]
  name = "oncall"
  match = { rule = "break" }
  receivers = "log"
"""


@pytest.fixture
def routed(lab: Lab) -> Lab:
    House(lab).routes(ROUTES)
    return lab


def line_of(lab: Lab, text: str) -> int:
    lines = lab.policy.read_text().splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def test_who_when_and_why(routed: Lab) -> None:
    words = ("route", "test", "--family", "lab", "--run", "s6", "--rule", "break", "--at", "2026-11-24T23:30+01:00")
    (told,) = answer(routed, *words, "--severity", "hold")["told"]
    assert told["receivers"] == ["file"]
    assert told["at"] == "2026-11-25T07:00:00+01:00"
    assert told["line"] == f"policy.toml:{line_of(routed, 'nights') - 1}"
    assert told["why"].startswith("route nights (routes[0]) is the first that matches, waits for the end of quiet")
    (told,) = answer(routed, *words, "--severity", "pause")["told"]
    assert (told["receivers"], told["when"], told["route"]) == (["log"], "at once", "oncall")
    assert told["line"] == f"policy.toml:{line_of(routed, 'oncall') - 1}"
    assert told["then"] == "again every 1h; after 30m unacknowledged also log"
    assert "quiet" in run(routed, *words)[1]


def test_what_no_route_takes_goes_to_notify(routed: Lab) -> None:
    (told,) = answer(routed, "route", "test", "--family", "other", "--severity", "warn")["told"]
    assert told["receivers"] == ["log", "file"]
    assert (told["key"], told["why"]) == ("notify", "no route matches; `notify` of the policy")


def test_an_alert_of_the_store_and_what_holds_it_back(routed: Lab) -> None:
    house = House(routed)
    with routed.store() as store:
        alert = house.trouble(store, "a.json")
    said = answer(routed, "route", "test", alert.id)
    assert said["alert"]["sentence"] == "a.json: cannot be read"
    assert said["held_back"] == ""
    code, words = run(routed, "route", "test", "ffffff")
    assert code == 1
    assert "no alert 'ffffff'" in words


def test_wrong_times_and_receivers_are_named(routed: Lab) -> None:
    assert run(routed, "route", "test", "--at", "tomorrow")[0] == 2
    assert run(routed, "route", "test", "--at", "2026-11-24T02:00")[0] == 2
    House(routed).routes('[[routes]]\nreceivers = "pager"')
    for words in (("route", "test"), ("policy", "check"), ("daemon", "run", "--once")):
        code, said = run(routed, *words)
        assert code == 1
        assert "routes[0].receivers names the receiver 'pager', which the settings do not have" in said
        assert "[receivers.pager]" in said


def test_nobody_told_is_exit_code_1(routed: Lab) -> None:
    routed.policy.write_text("notify = []\n" + routed.policy.read_text().split("# routes")[0])
    code, said = run(routed, "route", "test")
    assert code == 1
    assert "nobody" in said


def test_the_outbox_is_listed_shown_and_sent_again(routed: Lab) -> None:
    house = House(routed)
    routed.clock = house.clock = SystemClock()  # type: ignore[assignment]
    (routed.root / "alerts.jsonl").mkdir()
    with routed.store() as store:
        house.trouble(store, "a.json")
        assert house.deliver(store) == (1, 1, {})
    listed = answer(routed, "outbox", "list")
    assert {(m["message"]["receiver"], m["state"]) for m in listed} == {("log", "sent"), ("file", "owed")}
    (waits,) = answer(routed, "outbox", "list", "--state", "owed", "--receiver", "file")
    name = waits["message"]["id"]
    shown = answer(routed, "outbox", "show", name[:10])
    assert [d["outcome"] for d in shown["deliveries"]] == ["failed"]
    assert "Is a directory" in shown["deliveries"][0]["reason"]
    assert "failed" in run(routed, "outbox", "show", name[:10])[1]
    (routed.root / "alerts.jsonl").rmdir()
    assert answer(routed, "outbox", "retry", name[:10], "--by", "ada")["state"] == "owed"
    with routed.store() as store:
        assert house.deliver(store) == (1, 0, {})
        told = [entry.value() for entry in store.ledger.entries("delivery", name)]
    assert [(each["event"], each["reason"].partition("/")[0]) for each in told] == [
        ("failed", "receiver file: "),
        ("again", "asked for by ada"),
        ("sent", ""),
    ]
    code, said = run(routed, "outbox", "retry", name[:10], "--by", "ada")
    assert code == 1
    assert "has arrived" in said
    assert run(routed, "outbox", "retry", name[:10], "--by", " ")[0] == 2
    assert run(routed, "outbox", "show", "zz")[0] == 1


def test_routes_that_wait_for_approval_tell_nobody_yet(routed: Lab) -> None:
    routed.baseline(rung(0))
    routed.arrive(rung(1), "s1.csv")
    assert routed.cycle()
    House(routed).routes("")
    words = ("route", "test", "--family", "lab", "--run", "s6", "--rule", "break", "--severity", "pause")
    (told,) = answer(routed, *words)["told"]
    assert (told["route"], told["receivers"]) == ("oncall", ["log"])
    assert "in force since before policy.toml was changed" in told["line"]
    (told,) = answer(routed, *words, "--policy", str(routed.policy))["told"]
    assert told["key"] == "notify"
