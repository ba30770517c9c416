"""The timetable: what the daemon does, each job whole or not at all, and the boundary where a failure becomes HOLD."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from checkpoints_db import Store, flag
from checkpoints_db.errors import (
    BadLease,
    DeliveryError,
    HoldpointError,
    LeadershipLost,
    LedgerBroken,
    PolicyError,
    SchemaTooNew,
    SigningError,
    StoreError,
)
from checkpoints_db.records import Alert
from checkpoints_db.records.duration import Duration
from monitor import adoption, alert_desk, alerts, lease, notify, retention, selftest, watch
from monitor.clock import Clock
from monitor.daemon import backups, drills, inbox
from monitor.daemon.heartbeat import Heartbeat
from monitor.daemon.pulse import Pulse
from monitor.daemon.rules import load_rules
from monitor.daemon.span import Trace, untraced
from monitor.keys import Keys
from monitor.settings import Receiver, Settings
from policies.loader import find
from policies.schema import Policy

logger = logging.getLogger("holdpoint.daemon")

FATAL = (LedgerBroken, SchemaTooNew, LeadershipLost)
"""Errors about ourselves: the daemon stops, and a stopped daemon means HOLD."""


HOURLY = timedelta(hours=1)


class Jobs:
    """The six jobs over one store, what the settings want kept for the years, and the heartbeat.

    Each job opens the store, loads policy and catalogue afresh, and acts in transactions.
    """

    def __init__(
        self, settings: Settings, clock: Clock, holder: str, draw: Callable[[Store, Alert], bytes | None] | None = None
    ) -> None:
        self.settings, self.clock, self.holder, self._draw = settings, clock, holder, draw
        self.trace: Trace = untraced
        self.heartbeat, self.pulse = Heartbeat(settings, clock), Pulse()
        self._failed = set[str]()
        self._sealed = ""
        """Of what every seal was made when they were last looked through."""
        self._drills = drills.Schedule()

    def follow(self, settings: Settings) -> None:
        """Go by other settings from the next job on; another store would be another house."""
        self.settings = settings
        self.heartbeat.follow(settings)

    def timetable(self) -> list[tuple[str, Duration, Callable[[], str]]]:
        """Name, period and body of each job, in the order of one cycle."""
        terms = self.settings.daemon
        return [
            # Twice in each interval, so that a file is judged within one of landing, settling included.
            ("scan", terms.scan / 2, self.scan),
            ("forecast", terms.forecast, self.forecast),
            ("overdue", terms.overdue, self.overdue),
            ("expire", terms.expire, self.expire),
            ("renew", terms.renew, self.renew),
            ("deliver", terms.deliver, self.deliver),
            *self._keeping(),
        ]

    def periods(self) -> dict[str, Duration]:
        """Job -> how often it runs."""
        return {name: period for name, period, _ in self.timetable()}

    def _keeping(self) -> list[tuple[str, Duration, Callable[[], str]]]:
        """What the settings want done for the years; a cycle is complete without it."""
        terms, tidy = self.settings.backup, ("tidy", self.settings.retention.tidy, self.tidy)
        # Looked at oftener than it is due, so that a daemon that starts anew each day makes its backups too.
        kept = [tidy] if terms is None else [("backup", min(terms.every, HOURLY), self.backup), tidy]
        return kept if self.settings.drill is None else [("drill", self.settings.daemon.deliver, self.drill), *kept]

    def run(self, name: str, body: Callable[[], str]) -> bool:
        """Run one job; the job boundary. A failure is logged, alerted, and holds every gate until a cycle succeeds."""
        try:
            with self.trace(f"holdpoint.{name}") as span:
                done = body()
                span.set_attribute("holdpoint.done", done)
        except FATAL:
            raise
        except Exception as error:  # the job boundary: whatever went wrong, doubt must become HOLD and not silence
            if isinstance(error, HoldpointError):
                logger.error("job %s failed: %s", name, error)  # noqa: TRY400 - the sentence says it, no trace needed
            else:
                logger.exception("job %s failed", name)
            self._fault(name, error)
            self.pulse.failed(name)
            self._failed.add(name)
            return False
        self._failed.discard(name)
        if done:
            logger.info("%s: %s", name, done, extra={"ids": {"job": name, **self._head()}})
        return True

    def _head(self) -> dict[str, object]:
        """The head of the ledger, for a line that leads to it; nothing where the store cannot be read just now."""
        try:
            with Store.open(self.settings.at(self.settings.store), read_only=True) as store:
                seq, digest = store.ledger.head
        except HoldpointError:
            return {}
        return {"seq": seq, "digest": digest}

    def _fault(self, name: str, error: Exception) -> None:
        """Remember the failure where `gate ask` looks, and tell everyone; if even that fails, silence holds gates."""
        sentence = f"job {name} failed: {type(error).__name__}: {error}"
        try:
            with self._open() as store, store.transaction():
                at = self.clock.now()
                store.note("fault", sentence, at)
                alerts.raise_about(store, "fault", name, sentence, tuple(self.settings.receivers), at)
        except HoldpointError as worse:
            logger.error("the failure could not be written into the store: %s", worse)  # noqa: TRY400
            flag.up(self.settings.at(self.settings.store), f"{sentence}; and it could not be written down: {worse}")
        self.heartbeat.failed(sentence)

    def tell_of_reload(self, refused: str) -> None:
        """An alert while the last request to reload was refused; closed by one that was not."""
        try:
            with self._open() as store, store.transaction():
                at, told = self.clock.now(), tuple(self.settings.receivers)
                if refused:
                    alerts.raise_about(store, "fault", "reload", refused, told, at)
                else:
                    alerts.settle_about(store, "fault", "reload", told, at)
        except FATAL:
            raise
        except HoldpointError as error:
            logger.error("what became of the reload could not be written into the store: %s", error)  # noqa: TRY400

    # -- the jobs -----------------------------------------------------------------------------------------------------

    def scan(self) -> str:
        """Take in what landed in the sources, to the end of the walk, and note a complete cycle."""
        selftest.check()  # what does not decide the known judges nothing, and does not say that it is alive
        began = self.clock.now()
        with self._open() as store:
            store.notice_clock(began)  # before this cycle is dated: the gates would forget it
            rules = self._rules()
            with self.trace("holdpoint.arrivals") as span:
                files = inbox.arrivals(
                    store,
                    inbox.sources_of(self.settings),
                    self.settings.base,
                    self.clock,
                    self.settings.daemon.settling,
                    spool=self.settings.at(self.settings.spool),
                    readers=rules.readers,
                )
                span.set_attribute("holdpoint.files", len(files))
            with self.trace("holdpoint.judge") as span:
                walked = watch.consider(store, rules, files) if files else watch.Walked()
                placed = watch.reconsider(store, rules)
                span.set_attribute("holdpoint.new", walked.new + placed.new)
                span.set_attribute("holdpoint.decisions", len(walked.decisions) + len(placed.decisions))
            self._make_up()
            with self.trace("holdpoint.decide"), store.transaction():
                at = self.clock.now()
                watch.take_up(store, rules)
                store.note("cycle", rules.policy.digest, at)
                for name, _, _ in self.timetable():
                    alerts.settle_about(store, "fault", name, tuple(self.settings.receivers), at)
                self._tell_of_sources(store, at)
        flag.down(self.settings.at(self.settings.store))
        self.pulse.took_in(watch.added(walked, placed))
        self.pulse.cycle_lasted = self.clock.now() - began
        self.heartbeat.beat()
        if not (walked.new or walked.conflicting or walked.quarantined or placed.new):
            return ""
        for d in (*walked.decisions, *placed.decisions):
            ids = {"family": d.family, "run": d.run, "answer": str(d.answer), "reason": str(d.reason)}
            ids |= {"decision": d.digest, "policy": d.policy, "evidence": d.evidence}
            logger.info("gate %s/%s %s: %s", d.family, d.run, d.answer, d.sentence, extra={"ids": ids})
        gates = ", ".join(f"{d.family}/{d.run} {d.answer}" for d in (*walked.decisions, *placed.decisions))
        return (
            f"{walked.files} files, {walked.new + placed.new} new results, {walked.sealed} seals; {gates or 'no gate'}"
        )

    def _tell_of_sources(self, store: Store, at: datetime) -> None:
        """An alert while a folder of the settings is not there: nothing ever arrives from it. Holds no gate."""
        folders = [self.settings.at(source.path) for source in self.settings.source if source.path is not None]
        gone, told = [str(folder) for folder in folders if not folder.is_dir()], tuple(self.settings.receivers)
        if gone:
            sentence = (
                f"{', '.join(gone)}: there is no such folder, and nothing arrives from there; mount it, make it, or "
                "take its [[source]] out of the settings"
            )
            alerts.raise_about(store, "fault", "sources", sentence, told, at)
        else:
            alerts.settle_about(store, "fault", "sources", told, at)

    def _make_up(self) -> None:
        """Run what failed since: a cycle is only complete when every job is. Telling people decides nothing."""
        bodies = {name: body for name, _, body in self.timetable()}
        for name in sorted(self._failed - {"scan", "deliver"}):
            bodies[name]()
            self._failed.discard(name)

    def forecast(self) -> str:
        """Make up seals that a crash or a failed scan left out, where anything changed since all of them were made."""
        with self._open() as store:
            rules = self._rules()
            of = watch.sealing_key(store, rules)
            if of == self._sealed:
                return ""
            sealed, self._sealed = watch.seal_missing(store, rules), of
        return f"{sealed} seals made up" if sealed else ""

    def overdue(self) -> str:
        """Settle every gate again: what became stale or overdue since holds now."""
        with self._open() as store:
            watch.settle_all(store, self._rules())
        return ""

    def expire(self) -> str:
        """Bring back alerts whose acknowledgement expired, tell of those that lasted, close gates whose waiver did."""
        count = 0
        with self._open() as store:
            rules, at = self._rules(), self.clock.now()
            window, told = adoption.force(store, rules.policy, at).policy.confirm.window, rules.told(store)
            for alert in store.actions.alerts(still_open=True):
                up = alert_desk.expired(store, alert, window, at)
                if up:
                    with store.transaction():
                        (alerts.refire if up == "acknowledged" else alerts.fire)(store, alert, told, at)
                    count += up == "acknowledged"
            waived = [(waiver.family, waiver.run) for waiver in store.actions.waivers()]
            broken = [(glass.family, glass.run) for glass in store.actions.glasses()]
            for family, run in dict.fromkeys(waived + broken):
                with store.transaction():
                    watch.settle(store, rules, family, run)
            with store.transaction():
                watch.tell_overdue(store, rules)
            drills.sweep(store, self.settings, self.clock.now())
        return f"{count} acknowledgements expired" if count else ""

    def renew(self) -> str:
        """Take back the leases of runs that paused, renew those that are due, and see that jobs can read the newest.

        Where that fails no lease is renewed, which stops runs by itself: an alert, and no hold.
        """
        with self._open() as store:
            runs = store.leases.runs()
            if not runs:
                return ""
            done, failed = self._leases(store, runs)
            with store.transaction():
                at, told = self.clock.now(), tuple(self.settings.receivers)
                if failed:
                    alerts.raise_about(store, "fault", "renew", "; ".join(failed), told, at)
                else:
                    alerts.settle_about(store, "fault", "renew", told, at)
        return "; ".join([*done, *failed])

    def _leases(self, store: Store, runs: Sequence[tuple[str, str]]) -> tuple[list[str], list[str]]:
        """What was done about leases, and what could not be; a run whose gate is closed is neither."""
        done, failed = list[str](), list[str]()
        try:
            key = Keys(self.settings.at(self.settings.lease.key)).signing()
            done += [lease.told(ended) for ended in lease.withdraw(store, key, self.clock.now())]
        except SigningError as error:
            return done, [str(error)]
        nobody = store.drills.families()
        for family, run in runs:
            try:
                name = f"{family}/{run}"
                renewed = None if family in nobody else lease.renew(store, self.settings, name, key, self.clock.now())
                done += [lease.told(renewed)] if renewed else []
            except BadLease as error:
                logger.info("not renewed: %s", error)
            newest = store.leases.newest(family, run)
            try:
                if newest is not None:
                    lease.publish(self.settings, newest)
            except BadLease as error:
                failed.append(str(error))
        return done, failed

    def deliver(self) -> str:
        """Send what is owed; a message that can never arrive raises an alert of its own."""
        with self._open() as store:
            policy, began = self._routes(store), self.clock.now()
            picture = partial(self._picture, store)
            sent, failed, lost = notify.deliver(store, self.settings, self.clock, policy, picture, guarded)
            if sent or failed:
                self._tell_of_receivers(store, lost, began)
        return f"{sent} messages sent, {failed} failed" if sent or failed else ""

    def backup(self) -> str:
        """Make a backup where one is due. Where that fails no gate holds for it: an alert says so."""
        terms = self.settings.backup
        with self._open() as store:
            if terms is None or not backups.is_due(store, terms, self.clock.now()):
                return ""
            told, about = tuple(self.settings.receivers), f"backups in {terms.url}"
            try:
                made = backups.make(store, self.settings, terms, self.clock.now())
            except FATAL:
                raise
            except StoreError as error:
                with store.transaction():
                    alerts.raise_about(store, "fault", about, f"no backup was made: {error}", told, self.clock.now())
                return f"no backup was made: {error}"
            with store.transaction():
                alerts.settle_about(store, "fault", about, told, self.clock.now())
        gone = f"; {len(made.removed)} older ones removed" if made.removed else ""
        return f"{made.name} ({made.size:,} bytes) lies in {made.url}{gone}"

    def drill(self) -> str:
        """Begin a fire drill where one is due, and see how the one that was begun goes on."""
        with self._open() as store:
            return self._drills.step(store, self.settings, self._rules, self.clock)

    def tidy(self) -> str:
        """Forget what the settings want forgotten, cut the write-ahead log, give free pages back."""
        age, done = self.settings.retention.items, ""
        if age is not None:
            with self._open() as store:
                rules = self._rules()
                found = retention.forget(store, rules.catalogue, rules.policy, age, self.clock.now())
            logs, size = sum(len(one.names) for one in found), sum(one.size for one in found)
            done = f"the questions of {logs} logs are forgotten ({size:,} bytes)" if logs else ""
        try:
            with Store.open(self.settings.at(self.settings.store)) as store:
                store.tidy()
        except FATAL:
            raise
        except StoreError as error:  # nothing is lost by it, and nothing is to be held for it
            logger.warning("the file of the store was not tidied: %s", error)
        return done

    def _tell_of_receivers(self, store: Store, lost: dict[str, str], began: datetime) -> None:
        """An alert about each receiver that can never be reached, to the others; closed once it was."""
        reached = {attempt.receiver for attempt in store.outbox.log(since=began) if attempt.outcome == "sent"}
        for receiver in {*lost, *reached}:
            about, at = f"receiver {receiver}", self.clock.now()
            others = tuple(name for name in self.settings.receivers if name != receiver)
            with store.transaction():
                if receiver in lost:
                    alerts.raise_about(store, "fault", about, lost[receiver], others, at)
                else:
                    alerts.settle_about(store, "fault", about, others, at)

    def _routes(self, store: Store) -> Policy | None:
        """The policy in force, whose routes are asked: one that waits takes nobody's messages away.

        None where it does not load: then those are told whom an alert names.
        """
        try:
            return adoption.force(store, find(self.settings.policy, self.settings.base), self.clock.now()).policy
        except PolicyError as error:
            logger.warning("messages go without routes, because the policy does not load: %s", error)
            return None

    def _picture(self, store: Store, alert: Alert) -> bytes | None:
        try:
            return None if self._draw is None else self._draw(store, alert)
        except Exception:  # a boundary: a picture that cannot be drawn never keeps back the words
            logger.exception("no chart for alert %s; its message goes without", alert.id)
            return None

    # -- what they stand on -------------------------------------------------------------------------------------------

    def _open(self) -> Store:
        store = Store.open(self.settings.at(self.settings.store))
        at = self.clock.now()
        try:
            term = self.settings.daemon.leadership
            store.lead(self.holder, at, at + term, renew=lambda: self.clock.now() + term)
        except BaseException:
            store.close()
            raise
        return store

    def _rules(self) -> watch.Rules:
        return load_rules(self.settings, self.clock)


def guarded(notifier: notify.Notifier, letter: notify.Letter, receiver: Receiver, settings: Settings) -> None:
    """Send; the boundary around notifiers: an error of theirs is a message to be sent again, and never holds a gate."""
    try:
        notifier.send(letter, receiver, settings)
    except HoldpointError:
        raise
    except Exception as error:  # the boundary; its text may hold a secret, so only its kind is told
        why = f"notifier {notifier.name!r} failed ({type(error).__name__}); please report this"
        raise DeliveryError(letter.message.receiver, why, permanent=False) from None
