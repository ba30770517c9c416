"""Drills that the daemon holds by itself: when one is due, and one step of it at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time
from zoneinfo import ZoneInfo

from checkpoints_db import Store
from checkpoints_db.errors import BadDrill
from monitor import alerts, watch
from monitor.clock import Clock
from monitor.daemon.drills.beginning import Order, begin, drop
from monitor.daemon.drills.ending import ABOUT
from monitor.daemon.drills.observing import Observer, told
from monitor.settings import Drill, Settings

WEEKEND = 5


class Schedule:
    """The drill that this daemon holds, if it holds one."""

    def __init__(self) -> None:
        self._held: Observer | None = None

    def step(self, store: Store, settings: Settings, rules: Callable[[], watch.Rules], clock: Clock) -> str:
        """Begin a drill where one is due, or see how the one that was begun goes on.

        One that cannot begin is an alert, and holds no gate: nothing real has failed.
        """
        if self._held is None:  # one that was begun before a restart goes on
            mine = [drill for drill in store.drills.open() if drill.by == alerts.DAEMON and drill.dropped_at]
            self._held = Observer(mine[0]) if mine else None
        if self._held is not None:
            ended = self._held.look(store, settings, clock)
            if ended is not None:
                self._held = None
            return told(ended) if ended else ""
        terms = settings.drill
        if terms is None or not is_due(store, terms, clock.now()):
            return ""
        try:
            by = rules()
            order = Order(by=alerts.DAEMON, within=terms.within, receivers=terms.receivers)
            drill = drop(store, by, begin(store, by, order))
        except BadDrill as error:
            with store.transaction():
                alerts.raise_about(store, "fault", ABOUT, str(error), tuple(settings.receivers), clock.now())
            return ""
        self._held = Observer(drill)
        return f"fire drill {drill.id} has begun"


def is_due(store: Store, terms: Drill, at: datetime) -> bool:
    """Whether the last drill is long enough ago, none is under way, and people may be rung up at this hour."""
    here = at.astimezone(ZoneInfo(terms.zone))
    first, last = (time.fromisoformat(text) for text in terms.between.split("-"))
    if here.weekday() >= WEEKEND or not first <= here.time() < last or store.drills.open():
        return False
    held = store.drills.all()
    return not (held and held[-1].at <= at < held[-1].at + terms.every)
