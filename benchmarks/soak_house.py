"""The house that is soaked: a daemon whose timetable is kept on a clock that jumps, and a receiver over HTTP."""

from __future__ import annotations

import base64
import math
import shutil
import time
from collections import Counter
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from cutting import Failing, PowerCut
from lab import START, Lab
from receivers import Hook
from soak_year import Event, Year

from checkpoints_db import Store
from checkpoints_db.records import Answer
from monitor import watch
from monitor.clock import VirtualClock
from monitor.daemon import inbox
from monitor.daemon.service import Service
from monitor.settings import Settings, Source

SETTINGS = """store = "holdpoint.db"
catalogue = "catalogue.toml"
policy = "policy.toml"
[[source]]
path = "inbox"
[daemon]
scan = "12h"
settle = "1s"
forecast = "24h"
overdue = "24h"
expire = "12h"
renew = "12h"
deliver = "3h"
[backup]
url = "backups"
every = "7d"
keep = 2
[retention]
items = "30d"
[receivers.file]
kind = "file"
path = "alerts.jsonl"
[receivers.hook]
kind = "webhook"
url = "{url}"
secret_files = ["hook.secret"]
"""
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
SOON = 60.0
"""Seconds after which what has landed is scanned; the messages go out as many later."""


class Hands(VirtualClock):
    """A clock on a wall that somebody can set: its hands move, and no time passes."""

    def step(self, seconds: float) -> None:
        """Set it on, or back."""
        self._at += timedelta(seconds=seconds)


class Receiver(Hook):
    """Remembers of what it heard the keys alone, so that the memory is the daemon's."""

    def __init__(self) -> None:
        super().__init__()
        self.keys = Counter[str]()

    def _hear(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        self.keys[request.headers["webhook-id"]] += 1


class Watched(Failing):
    """Jobs that look how large the write-ahead log is, and may be cut off by the power."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args, statements=math.inf)
        store = self.settings.at(self.settings.store)
        self.log, self.largest = store.with_name(f"{store.name}-wal"), 0

    def step(self) -> None:
        if self.log.is_file():
            self.largest = max(self.largest, self.log.stat().st_size)
        super().step()


class Daemon(Service):
    """The daemon, whose timetable somebody else keeps."""

    def __init__(self, settings: Settings, clock: VirtualClock) -> None:
        super().__init__(settings, clock)
        self.jobs: Watched = Watched(settings, clock, self.holder)
        self.prepare()

    def do(self, name: str) -> bool:
        """One job, as the scheduler would begin it. Raises what would have stopped the daemon."""
        done = self._run(name)
        if self._fatal is not None:
            raise self._fatal
        return done

    def stop(self) -> None:
        """Give leadership back, as at the end of a run."""
        self.resign()


class House:
    """One lab, its daemon, its people, and what was seen of them."""

    def __init__(self, root: Path, year: Year) -> None:
        self.lab, self.year, self.hook = Lab(root), year, Receiver()
        self.clock = self.lab.clock = Hands(START)
        families = (f'[[family]]\nname = "{name}"\naxis = "flop"\ncompare_at = "any"\n' for name in year.families)
        (root / "catalogue.toml").write_text("".join(families), encoding="utf-8")
        self.lab.config.write_text(SETTINGS.format(url=self.hook.url), encoding="utf-8")
        (root / "hook.secret").write_text(SECRET, encoding="utf-8")
        terms = self.lab.policy.read_text(encoding="utf-8")
        told = terms.replace('version = "1"\n', 'version = "1"\nnotify = ["file", "hook"]\n', 1)
        self.lab.policy.write_text(told, encoding="utf-8")
        self.seen = Counter[str]()
        self.wrong = list[str]()
        self.lag = 0.0
        self.busiest = (0.0, "")
        """The longest job: its seconds, and its name."""
        self.wal = 0
        self._history()
        self.reader = Store.open(root / "holdpoint.db", read_only=True)
        """Somebody has the file open all year, so that closing it does not remove the write-ahead log."""
        self.daemon = self._started()

    def _history(self) -> None:
        with self.lab.store() as store:
            source = Source(path=self.year.history.parent, pattern=self.year.history.name)
            files = inbox.arrivals(store, [source], self.lab.root, self.clock, timedelta(seconds=1), baseline=True)
            watch.consider(store, self.lab.rules(), files)
        self.clock.sleep(60)

    def _started(self) -> Daemon:
        daemon = Daemon(self.lab.settings, self.clock)
        self.due = dict.fromkeys(daemon.jobs.periods(), self.clock.monotonic())
        self.begun = self.clock.monotonic()
        return daemon

    def until(self, moment: float) -> None:
        """Do what is due until then, so many seconds after the beginning of the clock."""
        while True:
            first = min(self.due, key=lambda name: self.due[name])
            if self.due[first] > moment:
                break
            self.clock.sleep(max(0.0, self.due[first] - self.clock.monotonic()))
            self._job(first)
        self.clock.sleep(max(0.0, moment - self.clock.monotonic()))

    def _job(self, name: str) -> None:
        late, period = self.clock.monotonic() - self.due[name], self.daemon.jobs.periods()[name].total_seconds()
        self.lag = max(self.lag, late)
        before = time.perf_counter()
        jobs = self.daemon.jobs
        try:
            self.seen["jobs"] += 1
            if not self.daemon.do(name):
                self.wrong.append(f"{self.clock.now():%m-%d %H:%M}: job {name} failed")
        except PowerCut:
            self.seen["power cuts"] += 1
            self.daemon = self._started()
        spent = time.perf_counter() - before
        self.busiest, self.wal = max(self.busiest, (spent, name)), max(self.wal, jobs.largest)
        self.clock.sleep(spent)  # as long as it really took, the next one waits
        while self.due[name] <= self.clock.monotonic():
            self.due[name] += period

    def meet(self, event: Event) -> None:
        """Something happens to the house."""
        self.seen[event.kind] += 1
        getattr(self, f"_{event.kind}")(event.what)

    def _lands(self, file: str) -> None:
        shutil.move(file, self.lab.inbox)
        for name, after in (("scan", SOON), ("deliver", 2 * SOON)):
            self.due[name] = min(self.due[name], self.clock.monotonic() + after)

    def _receiver(self, mode: str) -> None:
        self.hook.mode = mode

    def _restart(self, _: object) -> None:
        self.daemon.stop()
        self.daemon = self._started()

    def _cut(self, statements: int) -> None:
        jobs = self.daemon.jobs
        jobs.left = jobs.seen + statements

    def _clock(self, seconds: float) -> None:
        self._job("scan")  # where the timetable is not compressed, the last cycle is seconds old
        self.clock.step(seconds)
        self._job("scan")
        if seconds < 0:
            self.wrong += [f"{name} goes on while the clock is back" for name in self.open_gates()]

    def _accept(self, _: object) -> None:
        with self.lab.store() as store:
            self.seen["clock accepted"] += bool(store.accept_clock("ann", "it was wrong before", self.clock.now()))

    def _people(self, _: object) -> None:
        """Two of them let every other run go on that paused."""
        with self.lab.store() as store:
            paused = [state for state in store.actions.gates() if state.answer == Answer.PAUSE]
            for state in paused[::2]:
                self.seen["released"] += 1
                for who in ("ann", "bob"):
                    self.lab.desk(store).release(
                        state.family, state.run, by=who, reason="looked at", evidence=state.evidence
                    )

    def _month(self, _: object) -> None:
        """Its end; whoever keeps the books looks."""

    def runs(self) -> list[str]:
        """Runs that have a gate."""
        with self.lab.store() as store:
            return [f"{state.family}/{state.run}" for state in store.actions.gates()]

    def open_gates(self) -> list[str]:
        """Runs that may go on, as a training job is told."""
        return [run for run in self.runs() if self.lab.ask(run).exit_code == 0]

    def close(self) -> None:
        """Stop everything."""
        self.daemon.stop()
        self.reader.close()
        self.hook.close()
