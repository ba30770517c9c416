"""Settings, policy and catalogue read again while the daemon runs: all or nothing, and never a false GO."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lab import Lab, rung

from checkpoints_db.records import Answer
from monitor.daemon import systemd
from monitor.daemon.service import Service


@pytest.fixture
def going(ladder: Lab) -> Lab:
    ladder.arrive(rung(6), "s6.csv")
    return ladder


def service(lab: Lab) -> Service:
    made = Service(lab.settings, lab.clock, config=lab.config)
    made.prepare()
    assert all(made._run(name) for name in made.jobs.periods())
    assert lab.ask("lab/s6").answer == Answer.GO
    return made


def reloads(lab: Lab) -> list[tuple[str, str]]:
    """State and sentence of alerts about a reload."""
    with lab.store() as store:
        return [(a.state, a.sentence) for a in store.actions.alerts() if "reload" in a.sentence]


def edit(lab: Lab, old: str, new: str) -> None:
    text = lab.config.read_text()
    assert old in text
    lab.config.write_text(text.replace(old, new))


def test_what_is_right_is_taken_at_once(going: Lab) -> None:
    running = service(going)
    edit(going, 'scan = "1s"', 'scan = "7s"')
    (going.root / "second").mkdir()
    edit(going, "[daemon]", '[[source]]\npath = "second"\n[daemon]')
    going.arrive(rung(7), "../second/s7.csv")
    going.clock.sleep(5)
    assert running.reload()
    assert running.jobs.periods()["scan"].total_seconds() == 3.5
    assert running.jobs.pulse.reloaded is not None
    going.clock.sleep(5)
    assert running._run("scan")
    assert going.ask("lab/s7").answer == Answer.GO
    assert reloads(going) == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('scan = "1s"', 'scan = "soon"', "daemon.scan"),
        ('scan = "1s"', "scan = ", "holdpoint.toml"),
        ('store = "holdpoint.db"', 'store = "other.db"', "store was changed, which needs a restart"),
        ("[daemon]", '[web]\nlisten = "127.0.0.1:0"\n[daemon]', "web was changed, which needs a restart"),
    ],
)
def test_wrong_settings_change_nothing_and_are_told(going: Lab, old: str, new: str, says: str) -> None:
    running = service(going)
    right, before = going.config.read_text(), running.settings
    edit(going, old, new)
    going.clock.sleep(5)
    assert not running.reload()
    assert running.settings is before is running.jobs.settings
    assert says in running.jobs.pulse.reload_refused
    ((state, sentence),) = reloads(going)
    assert (state, says in sentence, "of before are kept" in sentence) == ("firing", True, True)
    going.clock.sleep(5)
    assert running._run("scan")  # by what was right before
    going.config.write_text(right)
    going.clock.sleep(5)
    assert running.reload()
    assert running.jobs.pulse.reload_refused == ""
    assert [state for state, _ in reloads(going)] == ["closed"]


@pytest.mark.parametrize("name", ["policy.toml", "catalogue.toml"])
def test_a_wrong_policy_or_catalogue_holds_every_gate_and_the_one_in_force_stays(going: Lab, name: str) -> None:
    running, file = service(going), going.root / name
    right = file.read_text()
    with going.store() as store:
        in_force = store.policies.all()
    file.write_text("nothing = that is one")
    going.arrive(rung(7), "s7.csv")
    going.clock.sleep(5)
    assert not running.reload()
    state = going.ask("lab/s6")
    assert (state.answer, state.reason) == (Answer.HOLD, "fault")
    assert going.ask("lab/s7").answer == Answer.HOLD  # and was not judged by anything
    with going.store() as store:
        assert store.policies.all() == in_force
        assert store.judgements.verdicts("lab", "s7") == []
    file.write_text(right)
    going.clock.sleep(5)
    assert running.reload()
    assert [going.ask(run).answer for run in ("lab/s6", "lab/s7")] == [Answer.GO, Answer.GO]


def test_settings_from_no_file_cannot_be_read_again(going: Lab) -> None:
    running = Service(going.settings, going.clock)
    running.prepare()
    assert not running.reload()
    assert "came from no file" in running.jobs.pulse.reload_refused


def until(true: Callable[[], bool]) -> None:
    for _ in range(400):
        if true():
            return
        time.sleep(0.025)
    raise AssertionError("it never came to be")


def test_signals_reload_and_stop_and_systemd_is_told(
    going: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(0.05)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        running = Service(going.settings, going.clock, config=going.config)
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}

        def hear() -> list[str]:
            try:
                while True:
                    said.append(ear.recv(4096).decode().partition("\n")[0])
            except TimeoutError:
                return said

        def operator() -> None:
            try:
                until(lambda: "WATCHDOG=1" in hear())
                going.policy.write_text(going.policy.read_text() + "\n# read again\n")
                os.kill(os.getpid(), signal.SIGHUP)
                until(lambda: running.jobs.pulse.reloaded is not None)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)

        asking = threading.Thread(target=operator)
        asking.start()
        try:
            assert running.run() == 0
        finally:
            asking.join()
            for number, handler in handlers.items():
                signal.signal(number, handler)
        hear()
    assert (said[0], said[-1]) == ("READY=1", "STOPPING=1")
    assert said.count("WATCHDOG=1") >= 2
    assert going.ask("lab/s6").answer == Answer.GO


def test_the_watchdog_hears_of_complete_cycles_only(
    going: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(b"\0holdpoint-" + str(os.getpid()).encode())  # an abstract name, as containers have
        ear.settimeout(0.01)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@holdpoint-{os.getpid()}")
        going.policy.write_text("nothing = that is one")
        assert not going.cycle()
        with pytest.raises(TimeoutError):
            ear.recv(4096)
    assert not systemd.tell(systemd.ALIVE)  # nobody listens any more, and nothing breaks
    monkeypatch.delenv("NOTIFY_SOCKET")
    assert not systemd.tell(systemd.ALIVE)
