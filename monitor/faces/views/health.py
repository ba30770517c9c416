"""Whether the house itself is well: what gates look at before they believe silence."""

from __future__ import annotations

from datetime import datetime

from checkpoints_db import Store, flag
from checkpoints_db.errors import StoreUnreadable
from checkpoints_db.outbox import Owed
from checkpoints_db.records import Instant, Record
from monitor.settings import Settings

MESSAGES = 20
"""Messages that are listed."""


class Sign(Record):
    """One sign of health."""

    name: str
    well: bool
    sentence: str


class Health(Record):
    """All signs, and what goes out."""

    signs: tuple[Sign, ...]
    cycle: Instant | None
    owed: tuple[Owed, ...]
    lost: tuple[Owed, ...]
    rows: int
    """Of the ledger."""

    @property
    def well(self) -> bool:
        """Whether every sign is."""
        return all(sign.well for sign in self.signs)


def health(store: Store, settings: Settings, at: datetime) -> Health:
    """How the daemon, the store, the clock and deliveries are at this moment."""
    cycle, lost = store.fact("cycle"), store.outbox.listed(state="lost", limit=MESSAGES)
    return Health(
        signs=(
            _cycle(cycle, settings, at),
            _fault(store, cycle),
            _flag(settings),
            _clock(store),
            _leader(store, at),
            Sign(
                name="deliveries",
                well=not lost,
                sentence=f"{len(lost)} messages never arrived" if lost else "none was lost",
            ),
        ),
        cycle=cycle[1] if cycle else None,
        owed=tuple(store.outbox.listed(state="owed", limit=MESSAGES)),
        lost=tuple(lost),
        rows=store.ledger.head[0],
    )


def _cycle(cycle: tuple[str, datetime] | None, settings: Settings, at: datetime) -> Sign:
    if cycle is None:
        return Sign(name="cycle", well=False, sentence="no cycle was ever complete; is a daemon running?")
    well = at - cycle[1] <= settings.gate.max_silence
    return Sign(name="cycle", well=well, sentence=f"the last complete one was at {cycle[1]:%Y-%m-%d %H:%M:%S} UTC")


def _fault(store: Store, cycle: tuple[str, datetime] | None) -> Sign:
    fault = store.fact("fault")
    if fault is None or (cycle is not None and fault[1] <= cycle[1]):
        return Sign(name="jobs", well=True, sentence="none failed since the last complete cycle")
    return Sign(name="jobs", well=False, sentence=f"the last cycle failed: {fault[0]}")


def _flag(settings: Settings) -> Sign:
    path = settings.at(settings.store)
    try:
        flag.must_have_room(path)
    except StoreUnreadable as error:
        return Sign(name="disk", well=False, sentence=str(error))
    said = flag.read(path)
    return Sign(name="disk", well=not said, sentence=said or "the store can be written")


def _clock(store: Store) -> Sign:
    was = store.fact("clock")
    if was is None or not was[0]:
        return Sign(name="clock", well=True, sentence="it never went back")
    return Sign(name="clock", well=False, sentence=f"it was set back: it had said {was[0][:19]}Z")


def _leader(store: Store, at: datetime) -> Sign:
    leader = store.leader()
    if leader is None:
        return Sign(name="daemon", well=False, sentence="none leads this store")
    well = leader[1] >= at
    return Sign(name="daemon", well=well, sentence=f"{leader[0]} leads until {leader[1]:%Y-%m-%d %H:%M:%S} UTC")
