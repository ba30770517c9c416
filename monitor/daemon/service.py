"""The daemon: start, stop, signals, reload, leadership. APScheduler keeps the time; correctness never depends on it."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import Protocol

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler

from checkpoints_db import Store, flag
from checkpoints_db.errors import HoldpointError, SelfTestFailed, SettingsError, StoreUnreadable
from checkpoints_db.records import Alert
from monitor import selftest
from monitor.clock import Clock
from monitor.daemon import systemd
from monitor.daemon.jobs import FATAL, Jobs
from monitor.daemon.leadership import lead, myself
from monitor.daemon.reload import reread
from monitor.settings import Settings

logger = logging.getLogger("holdpoint.daemon")

LOOK = 5.0
"""Seconds after which the daemon looks whether the clock was set back under its timetable."""
BACK = timedelta(seconds=1)
"""By more than this."""


class Beside(Protocol):
    """Something that runs while the daemon leads."""

    def start(self) -> None:
        """Begin, without waiting."""
        ...

    def stop(self) -> None:
        """End what is in hand."""
        ...

    def follow(self, settings: Settings) -> None:
        """Go by other settings from now on."""
        ...


class Service:
    """One daemon over one store. `run` gives the exit code: 0 stopped cleanly, 3 by an error about ourselves."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        draw: Callable[[Store, Alert], bytes | None] | None = None,
        config: Path | None = None,
    ) -> None:
        self.settings, self.clock = settings, clock
        self.holder = myself()
        self.jobs = Jobs(settings, clock, self.holder, draw)
        self.turn = threading.Lock()
        """Held by whoever walks: a job, or a push beside it."""
        self._config = config
        """The file that the settings came from; None where they came from none, and cannot be read again."""
        self._beside: Beside | None = None
        self._stop, self._again, self._bell = False, False, threading.Event()
        """Whether to stop, whether to reload; the bell is rung for whoever waits to be told."""
        self._fatal: HoldpointError | None = None

    def once(self) -> bool:
        """One cycle of every job; whether all of them succeeded."""
        self.prepare()
        try:
            done = [self._run(name) for name, _, _ in self.jobs.timetable()]
            return all(done) and self._fatal is None
        finally:
            self.resign()

    def run(self, beside: Beside | None = None) -> int:
        """Sweep overdue work, then keep the timetable until SIGTERM or SIGINT; `beside` runs as long."""
        self.prepare()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked_to_stop)
        signal.signal(signal.SIGHUP, self._asked_to_reload)
        self._beside = beside
        if beside is not None:
            beside.start()
        systemd.tell(systemd.READY)
        self.jobs.tell_of_reload("")  # a start has read everything
        for name, _, _ in self.jobs.timetable():
            self._run(name)
        # One worker: two jobs never write at once. No misfire time: a late job runs late, it is never dropped.
        scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(1)},
            timezone="UTC",
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        keep_time(scheduler, self._run, self.jobs.periods())
        scheduler.add_listener(self._late, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
        scheduler.start()
        logger.info("holdpoint daemon runs as %s on %s", self.holder, self.settings.at(self.settings.store))
        while not self._stop:
            self._bell.wait(LOOK)
            self._bell.clear()
            begin_anew(scheduler, self.jobs.periods(), self.clock.now())
            if self._again and not self._stop:
                self._again = False
                before = self.jobs.periods()
                self.reload()
                keep_time(scheduler, self._run, self.jobs.periods(), before)
        systemd.tell(systemd.STOPPING)
        scheduler.shutdown(wait=True)
        if beside is not None:
            beside.stop()
        self.resign()
        if self._fatal is not None:
            logger.error("stopped: %s", self._fatal)
            return 3
        logger.info("stopped")
        return 0

    def reload(self) -> bool:
        """Read settings, policy and catalogue again, all or nothing, then scan; whether they were taken.

        Where anything is wrong the settings stay as they were, and an alert says so. A policy or a catalogue that is
        wrong also fails the scan that follows, and every gate holds until it is repaired: the policy in force stays
        what it is, and nothing is judged by the wrong file, nor by one that nobody wants any more.
        """
        refused, pulse = "", self.jobs.pulse
        try:
            if self._config is None:
                raise SettingsError("settings that came from no file cannot be read again")
            settings = reread(self._config, self.settings, self.clock)
        except HoldpointError as error:
            refused = (
                f"the reload was refused: {error}; the settings of before are kept: repair it and send SIGHUP again"
            )
            logger.error("%s", refused)  # noqa: TRY400 - the sentence says it, no trace needed
        else:
            with self.turn:
                self.settings = settings
                self.jobs.follow(settings)
                if self._beside is not None:
                    self._beside.follow(settings)
            pulse.reloaded = self.clock.now()
            logger.info("reloaded settings, policy and catalogue")
        pulse.reload_refused = refused
        try:
            with self.turn:
                self.jobs.tell_of_reload(refused)
        except FATAL as error:
            self._end(error)
        self._run("scan")
        return not refused

    def prepare(self) -> None:
        """Check the ledger and ourselves, and take leadership, from a dead daemon of this machine at once.

        Where the store cannot be used, a flag beside it tells whoever asks a gate. Raises LedgerBroken, SchemaTooNew,
        NoStore, StoreUnreadable, SelfTestFailed, or LeadershipLost while another daemon leads.
        """
        path = self.settings.at(self.settings.store)
        try:
            self._lead(path)
        except StoreUnreadable as error:
            flag.up(path, f"the daemon could not start: {error}")
            raise
        self.jobs.heartbeat.started()

    def do(self, *names: str) -> bool:
        """Some of the jobs, once and in this order, by whoever has prepared; whether all of them succeeded."""
        done = [self._run(name) for name in names]  # one that fails keeps none of the others back
        return all(done)

    def _lead(self, path: Path) -> None:
        with Store.open(path) as store:
            store.ledger.verify()
            at = self.clock.now()
            lead(store, self.holder, at, at + self.settings.daemon.leadership)
            try:
                selftest.check()
            except SelfTestFailed as error:
                with store.transaction():
                    store.note("fault", str(error), at)
                store.resign(self.holder)
                self.jobs.heartbeat.failed(str(error))
                raise

    def _run(self, name: str) -> bool:
        period, body = {job: (period, body) for job, period, body in self.jobs.timetable()}[name]
        try:
            with self.turn:
                self.jobs.pulse.begins(name, period, self.clock.now())
                return self.jobs.run(name, body)
        except FATAL as error:
            self._end(error)
            return False

    def _end(self, error: HoldpointError) -> None:
        self._fatal, self._stop = error, True
        self._bell.set()

    def resign(self) -> None:
        """Give leadership back."""
        try:
            with Store.open(self.settings.at(self.settings.store)) as store:
                store.resign(self.holder)
        except HoldpointError as error:
            logger.warning("leadership could not be given back (%s); it expires by itself", error)

    def _asked_to_stop(self, number: int, _frame: FrameType | None) -> None:
        logger.info("received %s, finishing the job in hand", signal.Signals(number).name)
        self._stop = True
        self._bell.set()

    def _asked_to_reload(self, _number: int, _frame: FrameType | None) -> None:
        self._again = True
        self._bell.set()

    def _late(self, event: JobExecutionEvent) -> None:
        self.jobs.pulse.missed()
        logger.warning("job %s is late: the one before it is still running", event.job_id)


def keep_time(
    scheduler: BaseScheduler,
    run: Callable[[str], object],
    periods: Mapping[str, timedelta],
    before: Mapping[str, timedelta] = MappingProxyType({}),
) -> None:
    """Run each job once in its period; of a timetable that was kept `before`, change what is another now."""
    for name in before.keys() - periods.keys():
        scheduler.remove_job(name)
    for name, period in periods.items():
        if before.get(name) != period:
            seconds = period.total_seconds()
            scheduler.add_job(run, "interval", seconds=seconds, args=[name], id=name, replace_existing=True)


def begin_anew(scheduler: BaseScheduler, periods: Mapping[str, timedelta], at: datetime) -> list[str]:
    """Count the periods of jobs from now whose next time lies further ahead than that; returns which.

    The timetable is kept by the clock on the wall: where it was set back by an hour, nothing would be scanned, renewed
    or told of for an hour.
    """
    ahead = [job.id for job in scheduler.get_jobs() if job.next_run_time - at > periods[job.id] + BACK]
    for name in ahead:
        scheduler.reschedule_job(name, trigger="interval", seconds=periods[name].total_seconds())
    if ahead:
        logger.warning("the clock was set back: the timetable begins anew")
    return ahead
