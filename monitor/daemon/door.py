"""The door that pushes come through: one walk at a time, whoever keeps the store besides it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import PurePosixPath

from checkpoints_db import File, Store
from checkpoints_db.errors import LeadershipLost, StoreError
from monitor import watch
from monitor.clock import Clock
from monitor.daemon import push
from monitor.daemon.leadership import is_dead, myself
from monitor.daemon.pulse import Pulse
from monitor.daemon.rules import load_rules
from monitor.daemon.spool import PUSHED, Held, Spool
from monitor.settings import Settings, Web

LONGEST_WALK = timedelta(minutes=10)
"""How long leadership is taken for a push where no daemon leads; given back when the push is done."""
GLANCE = 0.2
"""Seconds between two looks at whether the daemon has taken a push in."""


class Door:
    """Takes pushes in. `turn` is the lock of a daemon in this process, which leads as `holder`; alone there is none."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        holder: str = "",
        turn: threading.Lock | None = None,
        pulse: Pulse | None = None,
    ) -> None:
        self.settings, self.clock, self.pulse = settings, clock, pulse or Pulse()
        self.terms = settings.web or Web()
        self._spool = Spool(settings.at(settings.spool))
        self.alone = not holder
        self.holder = holder or myself()
        self._turn = turn or threading.Lock()
        self._pause = threading.Event()

    def follow(self, settings: Settings) -> None:
        """Go by other settings from the next request on; its own table stays as it was at the start."""
        self.settings = settings

    def hold(self, files: Iterable[tuple[PurePosixPath, Iterable[bytes]]]) -> tuple[Held, ...]:
        """Write a push whole into the spool: from here on it is taken in, at the latest by the next scan.

        Raises OSError where it cannot be written.
        """
        return self._spool.hold(PUSHED, files, self.terms.limit)

    def settle(self, held: Sequence[Held]) -> push.Pushed:
        """Walk what was held and say what became of it; `left` where the turn did not come in time.

        Raises StoreError, PolicyError or SettingsError where it cannot be judged now.
        """
        rules = load_rules(self.settings, self.clock)
        if not self._turn.acquire(timeout=self.terms.patience.total_seconds()):
            return push.Pushed(files=tuple(held), left=self.holder)
        try:
            with Store.open(self.settings.at(self.settings.store)) as store:
                known = push.known_of(store, rules, held, self._spool.untold)
                push.again(store, rules, held)
                try:
                    self._lead(store)
                    untold = self._spool.untold
                    return self._told(push.settled(store, rules, held, consider=self._consider, untold=untold))
                except LeadershipLost as lost:
                    leader = lost.holder
                finally:
                    if self.alone:
                        with suppress(StoreError):  # it expires by itself, and an error on its way must not be hidden
                            store.resign(self.holder)
        finally:
            self._turn.release()
        return self._left_to(leader, rules, held, known)

    def _consider(self, store: Store, rules: watch.Rules, files: Sequence[File]) -> watch.Walked:
        walked = watch.consider(store, rules, files)
        self.pulse.took_in(walked)
        return walked

    def _lead(self, store: Store) -> None:
        at, leader = self.clock.now(), store.leader()
        if self.alone and leader is not None and leader[0] != self.holder:
            # One whose time ran out may only be busy with a long scan, and would stop if it found itself replaced.
            lately = at - leader[1] < LONGEST_WALK
            if lately and not is_dead(leader[0]):
                raise LeadershipLost(leader[0])
            store.resign(leader[0])
        store.lead(self.holder, at, at + (LONGEST_WALK if self.alone else self.settings.daemon.leadership))

    def _left_to(self, leader: str, rules: watch.Rules, held: Sequence[Held], known: frozenset[str]) -> push.Pushed:
        """Another daemon leads: wait for its scan to take the push in."""
        with Store.open(self.settings.at(self.settings.store)) as store:
            for _ in range(int(self.terms.patience.total_seconds() / GLANCE) + 1):
                files = [push.file_of(store, rules, one) for one in held]
                if all(file is not None and file.status != "arrived" for file in files):
                    untold = self._spool.untold
                    return self._told(push.answered(store, rules, held, watch.Walked(), known=known, untold=untold))
                self._pause.wait(GLANCE)
        return push.Pushed(files=tuple(held), left=leader)

    def _told(self, answer: push.Pushed) -> push.Pushed:
        """Whoever pushes the same once more hears that it is the same."""
        self._spool.untold.difference_update(push.folder_of(one) for one in answer.files)
        return answer
