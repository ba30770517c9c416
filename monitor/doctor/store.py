"""Checks of what everything stands on: the disk, the store, its schema and ledger, and the clock."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from checkpoints_db import Store, flag
from checkpoints_db.errors import StoreUnreadable
from checkpoints_db.ledger import STEP, Pin
from checkpoints_db.rebuild import rebuild
from checkpoints_db.records.base import stamp
from monitor.doctor.patient import Checked, Patient, roughly

QUICK = 10_000
"""Rows from the end of the ledger that are read where no pin says from where."""
LATELY = timedelta(days=30)
"""How long a step of the clock is worth a word."""
EACH = 500
"""Rows of the ledger between two words on how far a rebuild is."""
LEAST_INODES = 1000
SHOWN = 3


def disk(patient: Patient) -> Iterator[Checked]:
    """Room for what comes, and for one copy of the store, which every upgrade makes first."""
    path = patient.path
    try:
        flag.must_have_room(path)
    except StoreUnreadable as error:
        yield Checked(name="disk", state="fail", found=str(error))
        return
    told = os.statvfs(path.parent)
    free, size = told.f_bavail * told.f_frsize, path.stat().st_size if path.is_file() else 0
    found = f"{free / 1e9:.1f} GB free beside a store of {size / 1e6:.1f} MB"
    if free < 2 * size + flag.LEAST:
        do = "free space: an upgrade copies the store before it changes it, and so does a backup"
        yield Checked(name="disk", state="warn", found=found, do=do)
    elif told.f_files and told.f_favail < LEAST_INODES:
        do = "remove small files: without a free inode nothing new can be written"
        yield Checked(name="disk", state="warn", found=f"{found}; {told.f_favail} inodes free", do=do)
    else:
        yield Checked(name="disk", state="ok", found=found)


def store(patient: Patient) -> Iterator[Checked]:
    """The file opens, and SQLite finds no damage in it."""
    if patient.opened is None:
        raise patient.why or StoreUnreadable(str(patient.path), "it was not opened")
    damage = patient.opened.damage(deep=patient.deep)
    if damage:
        told = "; ".join(damage[:SHOWN]) + (f" and {len(damage) - SHOWN} more" if len(damage) > SHOWN else "")
        do = "stop the daemon, put the file aside, and `holdpoint restore` the newest backup"
        yield Checked(name="store", state="fail", found=f"{patient.path} is damaged: {told}", do=do)
        return
    how = "whole, indexes included" if patient.deep else "whole; --deep compares indexes with tables too"
    yield Checked(name="store", state="ok", found=f"{patient.path}: {how}")


def schema(patient: Patient) -> Iterator[Checked]:
    """The steps of the schema are those of this version: a store of another one is not opened read-only."""
    if patient.opened is not None:
        steps = patient.opened.steps()
        yield Checked(name="schema", state="ok", found=f"{len(steps)} steps, the last {steps[-1]}")


def clock(patient: Patient) -> Iterator[Checked]:
    """The clock is after what the ledger says last, and was not set back."""
    if patient.opened is None:
        return
    at, ledger = patient.clock.now(), patient.opened.ledger
    last = ledger.not_before(at)
    if last - at > STEP:
        found = f"the clock says {at:%Y-%m-%d %H:%M:%S}Z, {roughly(last - at)} before the last row of the ledger"
        do = "set it right (`timedatectl`, `chronyc tracking`); gates hold until that moment has passed"
        yield Checked(name="clock", state="fail", found=found, do=do)
        return
    set_back = patient.opened.fact("clock")
    if set_back is not None and set_back[0] > stamp(at):
        do = "wait until then, or `holdpoint ledger clock --by NAME --reason WHY` if it is right now"
        yield Checked(name="clock", state="fail", found=f"it was set back; it had said {set_back[0]}", do=do)
        return
    steps = [e for e in ledger.entries("clock", "back") if at - e.at < LATELY]
    if steps:
        found = f"set back {len(steps)} times in 30 days, last at {steps[-1].at:%Y-%m-%d %H:%M}Z"
        yield Checked(name="clock", state="warn", found=found, do="find out what sets it; NTP slews and does not step")
        return
    yield Checked(name="clock", state="ok", found=f"{at:%Y-%m-%d %H:%M:%S}Z, after the last row of the ledger")


def ledger(patient: Patient) -> Iterator[Checked]:
    """The chain holds: from the last pin, or over its last rows; `deep`: all of it, and every table comes out of it."""
    if patient.opened is None:
        return
    opened = patient.opened
    since = None if patient.deep else _since(opened, patient.pins)
    seq, digest = opened.ledger.verify(since, patient.pins)
    read = f"rows {since.seq + 1} to {seq}" if since is not None and since.seq else f"{seq} rows"
    pins = f", {len(patient.pins)} pins kept" if patient.pins else ""
    if not patient.deep:
        found = f"{read} hold, head {digest[:12]}{pins}"
        do = "" if patient.pins else "name a file of pins by --pin: only they show an end that was cut off"
        yield Checked(name="ledger", state="ok", found=found, do=do)
        return
    with TemporaryDirectory() as folder:
        rows = opened.ledger.head[0]
        told = lambda at: patient.tell("rebuilding", at, rows) if at % EACH == 0 or at == rows else None  # noqa: E731
        differences = rebuild(opened, Path(folder) / "rebuilt.db", told)
    if differences:
        found = f"{len(differences)} rows are not what the ledger says, the first: {differences[0]}"
        do = "`holdpoint ledger verify --deep` names them all; find out who wrote to the store, and restore a backup"
        yield Checked(name="ledger", state="fail", found=found, do=do)
    else:
        yield Checked(name="ledger", state="ok", found=f"{read} hold, and every table is what they say{pins}")


def _since(opened: Store, pins: tuple[Pin, ...]) -> Pin | None:
    """From where on the chain is read: the last pin, or so many rows from its end."""
    end = opened.ledger.head[0]
    within = [pin for pin in pins if pin.seq <= end]
    if within:
        return max(within, key=lambda pin: pin.seq)
    return Pin(seq=end - QUICK, sha256=opened.ledger.entry(end - QUICK).sha256) if end > QUICK else None
