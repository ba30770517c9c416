"""The doctor says what is wrong, in one line each, and what to do; a sound installation gets no complaint."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from asking import run
from lab import Lab, rung
from lives import changed

from checkpoints_db import Store
from checkpoints_db.errors import StoreError
from checkpoints_db.ledger import Pin
from monitor import doctor
from monitor.daemon import backups
from monitor.doctor import installation
from monitor.faces.cli import shell
from monitor.keys import Keys


@pytest.fixture
def well(ladder: Lab) -> Lab:
    """A lab whose daemon has just completed a cycle, and leads."""
    ladder.arrive(rung(6), "s6.csv")
    with ladder.config.open("a") as settings:
        settings.write('[backup]\nurl = "away"\n')
    ladder.cycle()
    with ladder.store() as store:
        backups.drill(store, "away", ladder.root, ladder.clock)
    ladder.clock.sleep(-25)
    return ladder


def examined(lab: Lab, **how: object) -> dict[str, doctor.Checked]:
    opened, why = None, None
    try:
        opened = Store.open(lab.root / "holdpoint.db", read_only=True)
    except StoreError as error:
        why = error
    try:
        patient = doctor.Patient(lab.settings, lab.clock, opened, why, **how)  # type: ignore[arg-type]
        return {one.name: one for one in doctor.examine(patient)}
    finally:
        if opened is not None:
            opened.close()


def test_a_sound_installation_gets_no_complaint(well: Lab) -> None:
    told = list[tuple[str, int, int]]()
    found = examined(well, deep=True, tell=lambda *far: told.append(far))
    assert {what for what, _, _ in told} == {"rebuilding"}
    assert told[-1][1] == told[-1][2]
    assert {one.name: one.found for one in found.values() if one.state != "ok"} == {}
    checks = {check.__name__ for check in doctor.CHECKS}
    assert {name.split()[0].removesuffix("s") for name in found} == {name.removesuffix("s") for name in checks}
    assert "every table is what they say" in found["ledger"].found
    assert "1 files" in found[f"source {well.root / 'inbox'}"].found


def test_a_clock_that_was_set_back_fails_until_its_moment_has_passed(well: Lab) -> None:
    well.clock.sleep(-3600)
    assert "before the last row of the ledger" in examined(well)["clock"].found
    well.arrive(rung(6, run="s7", flop=5e22), "s7.csv")
    well.cycle()  # the rows it writes tell of the step
    found = examined(well)["clock"]
    assert found.state == "fail"
    assert "ledger clock" in found.do
    well.clock.sleep(2 * 3600)
    found = examined(well)["clock"]
    assert (found.state, "set back 1 times" in found.found) == ("warn", True)


def test_a_damaged_store_and_a_missing_one_fail_and_the_rest_is_still_examined(well: Lab) -> None:
    path = well.root / "holdpoint.db"
    with well.store() as store:
        store._tables._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.write_bytes(path.read_bytes()[:8192] + b"\xff" * (path.stat().st_size - 8192))
    found = examined(well)
    assert found["store"].state == "fail"
    assert (found["policy"].state, found["selftest"].state) == ("ok", "ok")
    path.unlink()
    assert "holdpoint init" in examined(well)["store"].found


def test_a_ledger_that_was_touched_fails_and_deep_compares_tables_too(well: Lab) -> None:
    path = well.root / "holdpoint.db"
    changed(path, ("UPDATE results SET value = 0.5 WHERE seq = (SELECT max(seq) FROM results)", ()))
    assert examined(well)["ledger"].state == "ok"
    assert "results" in examined(well, deep=True)["ledger"].found
    changed(path, ("UPDATE ledger SET body = '{}' WHERE seq = 3", ()))
    assert "row 3" in examined(well)["ledger"].found


def test_from_a_pin_on_only_later_rows_are_read_and_a_cut_off_end_is_found(well: Lab) -> None:
    with well.store() as store:
        pin = Pin(seq=store.ledger.head[0] - 5, sha256=store.ledger.entry(store.ledger.head[0] - 5).sha256)
    found = examined(well, pins=(pin,))["ledger"]
    assert (found.state, found.found.startswith(f"rows {pin.seq + 1} to {pin.seq + 5}")) == ("ok", True)
    beyond = Pin(seq=pin.seq + 500, sha256=pin.sha256)
    assert "cut off" in examined(well, pins=(beyond,))["ledger"].found


def test_whoever_leads_is_named_and_a_right_that_ended_fails(well: Lab) -> None:
    assert examined(well)["leadership"].found.startswith("test:1 since 2026-11-23")
    well.clock.sleep(3600)
    found = examined(well)["leadership"]
    assert (found.state, "ended" in found.found) == ("fail", True)
    with well.store() as store:
        store.resign("test:1")
    assert (examined(well)["leadership"].state, examined(well)["leadership"].found) == ("warn", "no daemon leads")


def test_a_late_cycle_warns_a_silent_daemon_and_a_failed_job_fail(well: Lab) -> None:
    well.clock.sleep(60)
    assert examined(well)["cycle"].state == "warn"
    well.clock.sleep(25 * 3600)
    assert "gate.max_silence" in examined(well)["cycle"].found
    well.policy.write_text("nonsense")
    well.cycle("scan")
    found = examined(well)
    assert "job scan failed" in found["cycle"].found
    assert found["policy"].state == "fail"
    (well.root / "holdpoint.db.fault").write_text("the disk is full")
    assert examined(well)["cycle"].found == "the disk is full"


def test_sources_catalogue_keys_and_receivers_are_looked_at_one_by_one(well: Lab) -> None:
    with well.config.open("a") as settings:
        settings.write('[receivers.page]\nkind = "slack"\nurl_env = "NO_SUCH_HOOK"\n')
    shutil.rmtree(well.inbox)
    keys = Keys(well.settings.at(well.settings.lease.key))
    keys.new()
    found = examined(well)
    assert found[f"source {well.root / 'inbox'}"].state == "warn"
    assert "NO_SUCH_HOOK" in found["receiver page"].found
    assert found["policy"].state == "ok"  # it is not the policy's fault
    assert found["keys"].state == "ok"
    keys.path.chmod(0o644)
    assert "0644" in examined(well)["keys"].found
    keys.path.chmod(0o600)
    old = (well.clock.now() - timedelta(days=400)).timestamp()
    os.utime(keys.path, (old, old))
    assert "keys rotate" in examined(well)["keys"].do
    (well.root / "catalogue.toml").write_text("[[family]]\nnam = 1\n")
    assert examined(well)["catalogue"].state == "fail"


def test_a_source_that_is_gone_is_told_once_and_until_it_is_back(well: Lab) -> None:
    well.inbox.rename(well.root / "elsewhere")
    for _ in range(2):
        assert well.cycle("scan")
    with well.store() as store:
        [alert] = [each for each in store.actions.alerts(still_open=True) if each.rule == "fault"]
    assert f"{well.inbox}: there is no such folder" in alert.sentence
    assert examined(well)["cycle"].state != "fail"  # no gate holds for it
    (well.root / "elsewhere").rename(well.inbox)
    assert well.cycle("scan")
    with well.store() as store:
        assert [each for each in store.actions.alerts(still_open=True) if each.rule == "fault"] == []


def test_backups_that_stay_away_or_fail_their_drill_fail_and_one_nobody_tried_warns(well: Lab) -> None:
    assert "a drill was sound" in examined(well)["backup"].found
    with well.store() as store, store.transaction():
        store.note("drill", "failed", well.clock.now())
    assert examined(well)["backup"].state == "fail"
    well.clock.sleep(100 * 86400)
    assert "is 100.0 days old" in examined(well)["backup"].found
    with well.store() as store, store.transaction():
        store.note("drill", "sound", well.clock.now() - timedelta(days=95))
        store.note("backup", "x", well.clock.now())
    found = examined(well)["backup"]
    assert (found.state, found.do) == ("warn", "`holdpoint restore --drill`")


def test_nothing_is_sent_unless_asked_to(well: Lab) -> None:
    told = well.root / "alerts.jsonl"
    assert examined(well)["receiver file"].state == "ok"
    assert not told.exists()
    examined(well, send=True)
    assert "nothing is to be done" in json.loads(told.read_text())["alert"]["sentence"]


def test_a_package_of_the_same_name_is_found_before_and_behind_ours(tmp_path: Path) -> None:
    ours = Path(doctor.__file__).resolve().parents[2]
    loaded = {name: ours / name for name in installation.PACKAGES}
    assert installation._origin(loaded, sys.path).state == "ok"
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "__init__.py").write_text("")
    other = installation._origin(loaded, [*sys.path, str(tmp_path)])
    assert (other.state, str(tmp_path / "policies") in other.found) == ("warn", True)
    shadowed = installation._origin({**loaded, "policies": tmp_path / "policies"}, sys.path)
    (tmp_path / "policies" / "loader.py").write_text("")
    words = [sys.executable, "-m", "monitor", "doctor"]
    asked = subprocess.run(
        words, check=False, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, cwd="/"
    )
    assert asked.returncode == 3, asked
    assert asked.stderr.startswith(f"holdpoint: {tmp_path / 'policies' / '__init__.py'} is imported instead of")
    assert (shadowed.state, "something else decides here" in shadowed.do) == ("fail", True)


def test_the_command_ends_with_1_over_a_failure_and_over_warnings_only_if_strict(
    well: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell, "CLOCK", well.clock)
    assert run(well, "doctor")[0] == 0
    with well.store() as store:
        store.resign("test:1")
    code, text = run(well, "doctor")
    assert (code, "warn  leadership: no daemon leads\n      -> start it" in text) == (0, True)
    assert run(well, "doctor", "--strict")[0] == 1
    code, text = run(well, "doctor", "--strict", "--json")
    assert (code, json.loads(text)["state"]) == (1, "warn")
    well.policy.write_text("nonsense")
    assert run(well, "doctor", "--json")[0] == 1
