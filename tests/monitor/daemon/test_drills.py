"""A fire drill goes the way of every result, is timed, counts nowhere, touches nothing real, and ends clean."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from answered import must_be_as_published
from asking import answer, run
from lab import START, Lab, rung
from receivers import listening
from telling import SECRET

from checkpoints_db.errors import BadDrill, BadRelease
from checkpoints_db.rebuild import rebuild
from checkpoints_db.records import Answer, FireDrill
from monitor import doctor, notify, watch
from monitor.daemon import drills
from monitor.faces.cli import shell
from monitor.gate import ask
from monitor.keys import Keys
from monitor.measures import StoreMeasures
from monitor.notify.event import type_of
from monitor.overview import overview
from monitor.settings import Drill
from policies.loader import find

NOTIFY = 'notify = ["log", "file"]\n'


@pytest.fixture
def house(ladder: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab with a gate that goes, in which commands have the clock of the lab."""
    ladder.policy.write_text(NOTIFY + ladder.policy.read_text())
    ladder.arrive(rung(6), "s6.csv")
    assert ladder.cycle()
    with ladder.store() as store:
        store.resign("test:1")
    monkeypatch.setattr(shell, "CLOCK", ladder.clock)
    return ladder


def told(lab: Lab) -> list[dict[str, Any]]:
    path = lab.root / "alerts.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def everything(lab: Lab) -> tuple[Any, ...]:
    """Whatever counts of real runs."""
    with lab.store() as store:
        seen = overview(store, lab.settings, lab.clock.now())
        measured = {
            name: sorted(values)
            for name, values in StoreMeasures().read(store, lab.clock.now(), held=False)
            if "drill" not in name
            and name.split("_")[1] not in ("ledger", "audit", "leadership")
            and "cycle" not in name
        }
        gates = [(g.state.family, g.state.run, g.answer, g.spent) for g in seen.gates]
        return gates, seen.alerts, seen.families, seen.answers, seen.track, measured, store.evidence.news()


def test_a_drill_is_timed_and_marked_and_counts_nowhere(house: Lab, tmp_path: Path) -> None:
    before = everything(house)
    said = answer(house, "drill", "--by", "ada")
    must_be_as_published(("drill",), said)
    drilled = FireDrill.model_validate(said)
    assert (drilled.state, drilled.by) == ("passed", "ada")
    assert {(step.what, step.to) for step in drilled.steps} == {
        ("alert", ""),
        ("message", "log"),
        ("message", "file"),
        ("gate", ""),
    }
    assert all(0 < (step.seconds or 0) < 10 for step in drilled.steps)
    letters = told(house)
    assert {letter["event"] for letter in letters} == {"opened", "closed"}
    for letter in letters:
        assert letter["subject"].startswith("[holdpoint DRILL ")
        assert letter["text"].startswith("DRILL: this is fire drill")
        assert letter["alert"]["sentence"].startswith("DRILL: ")
        assert letter["next"] == ["holdpoint drill list"]
    assert everything(house) == before
    assert house.ask("lab/s6").answer is Answer.GO
    assert house.ask(drilled.gate).answer is Answer.HOLD
    assert "fire-drill" not in run(house, "gate", "status")[1]
    assert house.cycle()  # nothing of it comes back
    assert everything(house) == before
    assert len(told(house)) == len(letters)
    with house.store() as store, pytest.raises(BadRelease, match="ends by itself"):
        house.desk(store).release(drilled.family, drilled.family, by="ada", reason="why", evidence="0" * 12)
    with house.store() as store:
        assert store.actions.latch(drilled.family, drilled.family) is None
        assert not store.actions.alerts(still_open=True)
        assert [entry.value()["state"] for entry in store.ledger.entries("fire_drill")] == ["open", "open", "passed"]
        assert rebuild(store, tmp_path / "rebuilt.db") == []
    assert drilled.id in run(house, "drill", "list")[1]
    assert answer(house, "drill", "list") == [drilled.body()]


def test_it_tells_whom_it_may_and_nobody_else(house: Lab) -> None:
    assert {s["to"] for s in answer(house, "drill", "--receivers", "log")["steps"] if s["what"] == "message"} == {"log"}
    house.clock.sleep(60)
    quiet = answer(house, "drill", "--receivers", "none")
    assert [step["what"] for step in quiet["steps"]] == ["alert", "gate"]
    assert told(house) == []
    code, said = run(house, "drill", "--receivers", "pager")
    assert (code, "there are: log, file" in said) == (1, True)
    assert run(house, "drill", "--receivers", "none,log")[0] == 2
    assert run(house, "drill", "--within", "2h")[0] == 2
    with house.config.open("a") as settings:
        settings.write('[receivers.other]\nkind = "log"\n')
    house.clock.sleep(60)
    missed = answer(house, "drill", "--receivers", "other", "--within", "1s", code=1)
    (message,) = [step for step in missed["steps"] if step["what"] == "message"]
    assert (message["to"], message["seconds"], "route test" in message["do"]) == ("other", None, True)


def test_a_message_that_does_not_arrive_fails_it_and_says_so_until_one_passes(house: Lab) -> None:
    (house.root / "alerts.jsonl").mkdir()
    code, said = run(house, "drill", "--by", "ada", "--within", "2s")
    assert code == 1
    assert "FAIL message to file: did not happen" in said
    assert "outbox list --receiver file" in " ".join(said.split())
    with house.store() as store:
        (own,) = [a for a in store.actions.alerts("", "", still_open=True) if "fire drill" in a.sentence]
        assert (own.drill, "message to file did not happen" in own.sentence) == ("", True)
        patient = doctor.Patient(house.settings, house.clock, store)
        (found,) = doctor.running.fire_drill(patient)
        assert (found.state, "failed" in found.found) == ("warn", True)
        (house.root / "alerts.jsonl").rmdir()
        assert store.vitals.outbox().lost == 0
    house.clock.sleep(3600)
    assert house.cycle("deliver")  # nobody is woken later by what did not arrive in time
    assert [letter["alert"]["drill"] for letter in told(house)] == [""]
    with house.store() as store:
        store.resign("test:1")
    house.clock.sleep(60)
    assert run(house, "drill", "--by", "ada")[0] == 0
    with house.store() as store:
        assert not store.actions.alerts(still_open=True)
        at = house.clock.now()
        measured = dict(StoreMeasures().read(store, at, held=False))
        assert list(measured["holdpoint_last_drill_success"]) == [((), 1.0)]
        for days, state in ((89, "ok"), (91, "warn")):
            house.clock.sleep((START + timedelta(days=days) - house.clock.now()).total_seconds())
            (found,) = doctor.running.fire_drill(doctor.Patient(house.settings, house.clock, store))
            assert found.state == state, days


def test_a_policy_that_pauses_on_no_such_family_fails_it(ladder: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "CLOCK", ladder.clock)
    rules = '[[rules]]\nid = "b"\nkind = "break"\nlevel = "soft"\nselect = { family = "lab" }\n'
    ladder.policy.write_text(f'name = "narrow"\n{NOTIFY}{rules}')
    failed = answer(ladder, "drill", "--within", "1s", code=1)
    alert, gate = failed["steps"][0], failed["steps"][-1]
    assert (alert["seconds"], gate["seconds"]) == (None, None)
    assert "no rule of the policy pauses" in alert["do"]
    assert "the gate says HOLD" in gate["said"]


def test_a_catalogue_that_takes_it_for_a_family_of_ours_refuses_it(house: Lab) -> None:
    with (house.root / "catalogue.toml").open("a") as catalogue:
        catalogue.write('[[run]]\nfamily = "lab"\nmatch = "*/{run}"\n')
    before = everything(house)
    code, said = run(house, "drill")
    assert (code, "narrow the [[run]] pattern" in said) == (1, True)
    assert everything(house) == before
    with house.store() as store:
        assert store.drills.all() == []


def begun(lab: Lab, **more: Any) -> FireDrill:
    with lab.store() as store:
        rules = lab.rules()
        order = drills.Order(by="ada", within=timedelta(seconds=60), **more)
        return drills.drop(store, rules, drills.begin(store, rules, order))


def test_it_is_mixed_with_nothing_real_and_holds_nothing_real_back(house: Lab) -> None:
    house.policy.write_text(
        house.policy.read_text()
        + '[[routes]]\nreceivers = ["file"]\ngroup_by = ["severity"]\n'
        + '[[inhibit]]\nroot = { rule = "diagnosis" }\nconsequence = { rule = "break" }\nsame = ["severity"]\n'
    )
    drilled = begun(house)
    assert house.cycle("scan")
    house.arrive(rung(7, loss=0.9), "s7.csv")
    with house.store() as store:
        watch.settle_all(store, house.rules())
    assert house.cycle("scan")
    with house.store() as store:
        notify.deliver(store, house.settings, house.clock, find(str(house.policy)))
        mentioned = [set(owed.message.alerts) for owed in store.outbox.listed()]
        ours = {alert.id for alert in store.actions.alerts(drilled.family)}
        theirs = {alert.id for alert in store.actions.alerts("lab")}
        assert ours
        assert theirs
        assert all(not (found & ours and found & theirs) for found in mentioned)
        opened = {alert.rule: alert for alert in store.actions.alerts(drilled.family)}
        assert {"diagnosis", "break"} <= set(opened)  # the one is no root of the other
        assert all(alert.id in {name for found in mentioned for name in found} for alert in opened.values())


def test_whoever_acts_by_the_type_of_an_event_does_nothing(house: Lab) -> None:
    begun(house)
    assert house.cycle("scan")
    with house.store() as store:
        notify.plan(store, find(str(house.policy)), house.clock.now())
        types = {type_of(owed.message) for owed in store.outbox.listed()}
    assert types == {"holdpoint.drill.paused.v1"}


def test_a_real_family_of_such_a_name_counts_as_any_other(house: Lab) -> None:
    name = "fire-drill-0123456789ab"
    house.baseline([row for i in range(6) for row in rung(i, family=name)], "b.csv")
    house.arrive(rung(6, loss=0.9, family=name, run="x"), "x.csv")
    assert house.cycle()
    assert house.ask(f"{name}/x").answer is Answer.PAUSE
    assert (name, "x", Answer.PAUSE) in [gate[:3] for gate in everything(house)[0]]
    assert not any("DRILL" in letter["subject"] for letter in told(house))


def test_one_that_was_left_in_the_middle_ends_as_failed(house: Lab) -> None:
    drilled = begun(house)
    assert house.cycle("scan")
    with house.store() as store, pytest.raises(BadDrill, match="is under way"):
        drills.begin(store, house.rules(), drills.Order(by="bob", within=timedelta(seconds=60)))
    assert house.ask(drilled.gate).answer is Answer.PAUSE
    house.clock.sleep(600)
    assert house.cycle("expire")
    with house.store() as store:
        (ended,) = store.drills.all()
        assert (ended.state, ended.steps) == ("failed", ())
        assert not store.actions.alerts(drilled.family, still_open=True)
        assert "left in the middle" in store.actions.alerts("", "", still_open=True)[0].sentence
    assert house.ask(drilled.gate).answer is Answer.HOLD
    assert house.ask("lab/s6").answer is Answer.GO


@pytest.mark.parametrize(
    ("at", "due"),
    [
        ("2026-11-23T09:59:00+01:00", False),
        ("2026-11-23T10:00:00+01:00", True),
        ("2026-11-23T15:59:00+01:00", True),
        ("2026-11-23T16:00:00+01:00", False),
        ("2026-11-22T12:00:00+01:00", False),
    ],
)
def test_nobody_is_rung_up_by_the_timetable_at_night(lab: Lab, at: str, due: bool) -> None:
    terms = Drill.model_validate({"every": "30d", "zone": "Europe/Berlin"})
    with lab.store() as store:
        assert drills.is_due(store, terms, datetime.fromisoformat(at)) is due


@pytest.mark.parametrize(
    ("key", "value", "says"), [("between", "22:00-06:00", "does not end on the day"), ("zone", "Mars", "no IANA")]
)
def test_hours_that_are_none_are_refused(key: str, value: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Drill.model_validate({"every": "30d", key: value})


def test_the_daemon_holds_them_by_itself_and_goes_on_after_a_restart(house: Lab) -> None:
    with house.config.open("a") as settings:
        settings.write('[drill]\nevery = "30d"\nreceivers = ["file"]\nbetween = "00:00-23:59"\nwithin = "5m"\n')
    assert house.cycle("drill")
    assert house.cycle("scan")  # `jobs` is made anew for each cycle, as a daemon that starts again
    assert house.cycle("deliver", "drill")
    with house.store() as store:
        (ended,) = store.drills.all()
    assert (ended.state, ended.by) == ("passed", "holdpoint")
    assert house.cycle()
    house.clock.sleep(3600)
    assert house.cycle("drill")
    with house.store() as store:
        assert len(store.drills.all()) == 1
    house.clock.sleep(30 * 86400)
    (house.root / "spool").rename(house.root / "away")
    (house.root / "spool").write_text("no folder")
    assert house.cycle("drill")  # one that cannot begin is an alert, and holds nothing
    with house.store() as store:
        assert any("cannot be written" in a.sentence for a in store.actions.alerts(still_open=True))
        fault = store.fact("fault")
    assert fault is None


# -- a real daemon, a real receiver, a real process that trains --------------------------------------------------------


def environment() -> dict[str, str]:
    return {**os.environ, "COLUMNS": "200"}


def test_through_a_daemon_with_a_trainer(ladder: Lab) -> None:
    Keys(ladder.root / "keys" / "lease.key").new()
    ladder.policy.write_text('notify = ["hook"]\n' + ladder.policy.read_text())
    with listening() as hook:
        text = ladder.config.read_text().replace('settle = "0.2s"\n', 'settle = "0.2s"\ndeliver = "1s"\nrenew = "1s"\n')
        (ladder.root / "hook.url").write_text(hook.url)
        ladder.config.write_text(
            text + '[receivers.hook]\nkind = "webhook"\nurl_file = "hook.url"\nsecret_files = ["secret"]\n'
        )
        (ladder.root / "secret").write_text(SECRET)
        holdpoint = [sys.executable, "-m", "monitor"]
        options = ["--config", str(ladder.config)]
        with subprocess.Popen([*holdpoint, "daemon", "run", *options], stderr=subprocess.DEVNULL) as daemon:
            try:
                for _ in range(200):
                    with ladder.store() as store:
                        if store.leader() is not None:
                            break
                    ladder.clock.sleep(0)
                    subprocess.run(["sleep", "0.05"], check=True)
                words = [*holdpoint, "drill", "--by", "ada", "--trainer", "--json", *options]
                done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60, env=environment())
            finally:
                daemon.terminate()
                daemon.wait(20)
    assert done.returncode == 0, (done.stdout, done.stderr)
    drilled = FireDrill.model_validate_json(done.stdout)
    assert [(step.what, step.to) for step in drilled.steps] == [
        ("alert", ""),
        ("message", "hook"),
        ("gate", ""),
        ("stop", ""),
    ]
    paused = [each["json"] for each in hook.heard if each["json"]["type"] == "holdpoint.drill.paused.v1"]
    assert paused
    assert all(each["data"]["subject"].startswith("[holdpoint DRILL PAUSE]") for each in paused)
    with ladder.store() as store:
        newest = store.leases.newest(drilled.family, drilled.family)
        assert newest is not None
        assert newest.lease.revoked
        assert [row.by for row in store.leases.revocations(drilled.gate)] == ["gate"]


def test_a_toy_trainer_without_a_lease_saves_and_stops_at_once(tmp_path: Path) -> None:
    Keys(tmp_path / "lease.key").new()
    words = [str(tmp_path / "none.json"), str(Keys(tmp_path / "lease.key").trusted_path), "a/b", str(tmp_path), "5"]
    done = subprocess.run([sys.executable, "-m", "monitor.adapters.toy", *words], check=False, timeout=30)
    assert done.returncode == 75
    assert json.loads((tmp_path / "checkpoint.json").read_text())["why"] == "absent"


def test_a_run_that_gets_no_go_is_drilled_without_a_trainer(house: Lab) -> None:
    Keys(house.root / "keys" / "lease.key").new()
    with house.policy.open("a") as policy:
        policy.write('\n[[rules]]\nid = "paper"\nkind = "safeguard"\nlevel = "soft"\nattestations = ["asl3"]\n')
    code, said = run(house, "drill", "--trainer", "--within", "3s")
    assert (code, "hold it without --trainer" in said) == (1, True), said
    with house.store() as store:
        (ended,) = store.drills.all()
        assert ended.state == "failed"
        assert not store.actions.alerts(still_open=True)
    assert ask(house.settings, ended.gate, house.clock).answer is Answer.HOLD
