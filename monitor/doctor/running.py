"""Checks of what is done: who leads, when the last cycle was complete, what forecasts came to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

from checkpoints_db import flag
from checkpoints_db.records.duration import spell_duration
from monitor import track
from monitor.daemon.leadership import is_dead
from monitor.doctor.patient import Checked, Patient, roughly

START = "start it: `holdpoint daemon run`, or `systemctl status holdpoint`"
DRILLED = timedelta(days=90)
"""How long ago the last drill may be."""
LAG = 10
"""Scan periods that a cycle may be old before it is late."""


def leadership(patient: Patient) -> Iterator[Checked]:
    """One daemon leads, is alive, and renews."""
    if patient.opened is None:
        return
    leader, at = patient.opened.leader(), patient.clock.now()
    if leader is None:
        yield Checked(name="leadership", state="warn", found="no daemon leads", do=START)
        return
    holder, until = leader
    term = patient.opened.fact("term")
    since = f" since {term[1]:%Y-%m-%d %H:%M}Z" if term else ""
    if is_dead(holder):
        yield Checked(name="leadership", state="fail", found=f"{holder} led{since} and is gone", do=START)
    elif until <= at:
        found = f"{holder} led{since}; its right ended {roughly(at - until)} ago"
        yield Checked(name="leadership", state="fail", found=found, do=f"see whether it hangs; {START}")
    else:
        yield Checked(name="leadership", state="ok", found=f"{holder}{since}, for another {roughly(until - at)}")


def cycle(patient: Patient) -> Iterator[Checked]:
    """The last cycle was complete, and not long ago; nothing failed since."""
    if patient.opened is None:
        return
    up = flag.read(patient.path)
    if up:
        yield Checked(name="cycle", state="fail", found=up, do="see to its cause; the next complete cycle ends it")
        return
    fault, last, at = patient.opened.fact("fault"), patient.opened.fact("cycle"), patient.clock.now()
    if last is None or not last[0]:
        why = f"; {fault[0]}" if fault else ""
        yield Checked(name="cycle", state="fail", found=f"no cycle was complete yet{why}", do=START)
        return
    terms, ago = patient.settings, roughly(at - last[1])
    if fault is not None and fault[1] > last[1]:
        do = "see to its cause; the next complete cycle ends it, and gates hold until then"
        yield Checked(name="cycle", state="fail", found=f"{fault[0]}; last complete {ago} ago", do=do)
    elif at - last[1] > terms.gate.max_silence:
        found = f"last complete {ago} ago, longer than gate.max_silence: every gate holds"
        yield Checked(name="cycle", state="fail", found=found, do=START)
    elif at - last[1] > LAG * terms.daemon.scan:
        found = f"last complete {ago} ago; one is due every {spell_duration(terms.daemon.scan)}"
        do = "see its log: a scan may take long (many files), or the daemon does not run"
        yield Checked(name="cycle", state="warn", found=found, do=do)
    else:
        yield Checked(name="cycle", state="ok", found=f"last complete {ago} ago")


def backup(patient: Patient) -> Iterator[Checked]:
    """Backups are made as often as the settings want, and somebody has tried one lately."""
    if patient.opened is None:
        return
    last, drill, at = patient.opened.fact("backup"), patient.opened.fact("drill"), patient.clock.now()
    terms = patient.settings.backup
    if terms is None and last is None:
        do = "write [backup] into the settings, or call `holdpoint backup` from a timer"
        yield Checked(name="backup", state="warn", found="none was ever made", do=do)
        return
    if last is None or (terms is not None and at - last[1] > 2 * terms.every):
        ago = "none was ever made" if last is None else f"the newest, {last[0]}, is {roughly(at - last[1])} old"
        yield Checked(
            name="backup", state="fail", found=ago, do="see `holdpoint alert list` for why, or start the daemon"
        )
        return
    found = f"{last[0]}, {roughly(at - last[1])} old"
    if drill is not None and drill[0] != "sound":
        do = "make a new one (`holdpoint backup`) and try it: `holdpoint restore --drill`"
        yield Checked(name="backup", state="fail", found=f"{found}; the last drill failed", do=do)
    elif drill is None or at - drill[1] > DRILLED:
        ago = "nobody ever tried one" if drill is None else f"the last drill is {roughly(at - drill[1])} ago"
        yield Checked(name="backup", state="warn", found=f"{found}; {ago}", do="`holdpoint restore --drill`")
    else:
        told = f"{found}; a drill was sound {roughly(at - drill[1])} ago"
        yield Checked(name="backup", state="ok", found=told)


def fire_drill(patient: Patient) -> Iterator[Checked]:
    """Somebody has seen lately that a pause reaches people and closes a gate."""
    if patient.opened is None:
        return
    last, at, do = patient.opened.drills.last(), patient.clock.now(), "`holdpoint drill`"
    if last is None:
        rows = patient.opened.ledger.head[0]
        began = patient.opened.ledger.entry(1).at if rows else at
        state: Literal["ok", "warn"] = "warn" if at - began > DRILLED else "ok"
        yield Checked(name="fire_drill", state=state, found="none was ever held", do=do)
        return
    ago = f"the last one, {last.id}, {last.state} {roughly(at - last.at)} ago"
    if last.state != "passed":
        do = "see `holdpoint drill list --json` for why, and hold it again: `holdpoint drill`"
        yield Checked(name="fire_drill", state="warn", found=ago, do=do)
    elif at - last.at > DRILLED:
        yield Checked(name="fire_drill", state="warn", found=ago, do=do)
    else:
        yield Checked(name="fire_drill", state="ok", found=ago)


def calibration(patient: Patient) -> Iterator[Checked]:
    """What was sealed came as often as promised, within what chance allows."""
    if patient.opened is None:
        return
    rows = track.rows(patient.opened.judgements.tallies("run"))
    if not rows:
        yield Checked(name="calibration", state="ok", found="no sealed forecast was followed by a result yet")
        return
    wrong = [
        f"{row.family}, {row.kind}: {seen.share:.0%} in the {nominal:.0%} intervals"
        for row in rows
        for nominal, seen in ((0.8, row.inside_80), (0.95, row.inside_95))
        if seen.wrong(nominal)
    ]
    if wrong:
        do = "`holdpoint forecast track --chart track.svg`; learn a prior on your own ladders (`holdpoint prior learn`)"
        found = f"off beyond what chance allows: {'; '.join(wrong)}"
        yield Checked(name="calibration", state="warn", found=found, do=do)
    else:
        told = f"{sum(row.forecasts for row in rows)} forecasts that came true or not are inside what chance allows"
        yield Checked(name="calibration", state="ok", found=told)
