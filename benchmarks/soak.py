"""A simulated year of one daemon: does it stay as it was? Memory, write-ahead log, lag, messages, decisions.

    python benchmarks/soak.py [--tasks 200] [--checkpoints 60] [--days 365] [--seed 0] [--json soak.json]

The daemon is the real one (`Service`, its jobs, its store), on a clock that jumps from one thing to do to the next.
Its timetable is compressed: what lands is scanned a minute later, the sources are looked through every six hours
anyway, messages go out every three hours, every gate is settled anew each day, a backup is made each week. Meanwhile a
receiver answers 500 or hangs up on one day in eight; the process ends twice a month, once by a power cut somewhere in
its work; the clock steps by an hour or six; two people release every other run that paused. What jobs really take moves
the clock as well: the lag is how late a job began because of that.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from soak_house import House
from soak_year import Year, drawn

from checkpoints_db.rebuild import rebuild
from monitor.replay import StoreSource, likeness

WARM = 3
"""Months after which memory stays what it is,"""
FLAT = 0.10
"""up to this share."""
LAG = 60.0
"""Seconds that a job may begin late."""
WAL = 64 << 20
"""Bytes that the write-ahead log may have."""
MB = 1e6


class Month(NamedTuple):
    """What the process and its store look like at the end of a month, and how that month was."""

    rss: float
    store: float
    wal: float
    lag: float
    longest: float
    name: str
    jobs: int
    seconds: float


def resident() -> int:
    """Bytes that this process has in memory now."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def lived(house: House, year: Year) -> list[Month]:
    """The whole year."""
    months, began, jobs, beginning = list[Month](), time.perf_counter(), 0, house.clock.monotonic()
    for event in year.events:
        house.until(beginning + event.after)
        house.meet(event)
        if event.kind == "month":
            size = (house.lab.root / "holdpoint.db").stat().st_size
            done, now = house.seen["jobs"] - jobs, time.perf_counter()
            months.append(
                Month(resident() / MB, size / MB, house.wal / MB, house.lag, *house.busiest, done, now - began)
            )
            began, jobs, house.wal, house.lag, house.busiest = now, house.seen["jobs"], 0, 0.0, (0.0, "")
            told(months)
    return months


def messages(house: House, wrong: list[str]) -> dict[str, int]:
    """What was owed, and what became of it, by the store and by who heard it."""
    with house.lab.store() as store:
        owed = [one for one in store.outbox.all() if one.message.receiver != "*"]
    states = Counter(one.state for one in owed)
    lines = (house.lab.root / "alerts.jsonl").read_text(encoding="utf-8").splitlines() if owed else []
    heard = {"hook": house.hook.keys, "file": Counter(json.loads(line)["id"] for line in lines)}
    for name, keys in heard.items():
        due = {one.message.id for one in owed if one.message.receiver == name}
        wrong += [f"{name} never heard {key[:12]}" for key in due - keys.keys()]
        wrong += [f"{name} heard what nobody owed: {key[:12]}" for key in keys.keys() - due]
    told_of = Counter((one.message.receiver, one.message.bundle) for one in owed)
    wrong += [f"told twice under two keys: {bundle[:12]} to {name}" for (name, bundle), n in told_of.items() if n > 1]
    wrong += [f"{n} messages are {state}" for state, n in states.items() if state != "sent"]
    again = sum(n - 1 for keys in heard.values() for n in keys.values())
    return {"owed": len(owed), "sent": states["sent"], "lost": states["lost"], "heard again, same key": again}


def written(house: House, year: Year, wrong: list[str]) -> dict[str, int]:
    """The store beside what landed, its ledger, and its decisions made again."""
    with house.lab.store() as store:
        store.ledger.verify()
        wrong += store.damage(deep=True)
        wrong += [str(one) for one in rebuild(store, house.lab.root / "rebuilt.db")]
        results, rows = len(store.evidence.results()), store.ledger.head[0]
        judged = Counter(verdict.result for _, verdict in store.judgements.verdicts())
        # One decision for one piece of evidence may be taken again at another time; byte for byte twice is too often.
        texts = Counter(e.text for e in store.ledger.entries() if e.kind in ("result", "verdict", "decision"))
    wrong += [f"{results} results, {year.results} landed"] if results != year.results else []
    wrong += [f"judged {n} times: {name}" for name, n in judged.items() if n > 1]
    wrong += [f"written twice: {text[:80]}" for text, n in texts.items() if n > 1]
    source = StoreSource(house.lab.root / "holdpoint.db", house.lab.catalogue)
    alike = [likeness(source, family) for family in year.families]
    wrong += [f"{one.family}/{one.run} at row {one.seq}: {one.why}" for each in alike for one in each.unlike]
    wrong += [f"{n} decisions not tried: {why}" for each in alike for why, n in each.passed_over.items()]
    decisions, same = sum(each.decisions for each in alike), sum(each.same for each in alike)
    return {"rows": rows, "results": results, "judged": len(judged), "decisions": decisions, "made again": same}


def bounded(months: list[Month]) -> list[str]:
    """Every figure that did not stay in its bounds."""
    warm = months[WARM - 1].rss
    most = max(month.rss for month in months[WARM - 1 :])
    found = [f"memory grew from {warm:.0f} to {most:.0f} MB after {WARM} months"] if most > (1 + FLAT) * warm else []
    found += [f"the write-ahead log had {m.wal:.0f} MB" for m in months if m.wal * MB > WAL]
    return found + [f"a job began {m.lag:.0f} s late" for m in months if m.lag > LAG]


def measure(root: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Live the year, and look at what is left of it."""
    began = time.perf_counter()
    # Drawn in a process of its own: what this one has once had in memory would hide what it takes later.
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as other:
        year = other.submit(drawn, root / "drawn", given.checkpoints, given.tasks, given.days, given.seed).result()
    house = House(root / "lab", year)
    try:
        months = lived(house, year)
        wrong = house.wrong + bounded(months)
        asked = {run: house.lab.ask(run) for run in house.runs()}
        wrong += [f"{run} still holds: {s.sentence}" for run, s in asked.items() if s.reason in ("fault", "stale")]
        living = time.perf_counter() - began
        found = {
            "tasks": given.tasks,
            "checkpoints": given.checkpoints,
            "days": given.days,
            "happened": {name: house.seen[name] for name in sorted(house.seen)},
            "answers": Counter(str(state.answer) for state in asked.values()),
            "messages": messages(house, wrong),
            "store": written(house, year, wrong),
            "months": [month._asdict() for month in months],
            "memory grew by": max(m.rss for m in months[WARM - 1 :]) / months[WARM - 1].rss - 1,
            "seconds": {"living": living, "looking": time.perf_counter() - began - living},
        }
    finally:
        house.close()
    return {**found, "wrong": wrong}


def told(months: list[Month]) -> None:
    """A line for the newest month."""
    if len(months) == 1:
        print(f"{'month':>8}" + "".join(f"{name:>10}" for name in Month._fields))
    newest = months[-1]
    print(f"{len(months):>8}" + "".join(f"{figure:>10,.1f}" for figure in newest[:5]), end="")
    print(f"{newest.name:>10}{newest.jobs:>10,}{newest.seconds:>10,.1f}", flush=True)


def report(found: dict[str, Any], file: Path | None) -> None:
    """Print the rest, write all where asked, and exit with what is wrong."""
    for name in ("happened", "answers", "messages", "store", "seconds"):
        print(f"{name:>8}: " + ", ".join(f"{what} {figure:,.0f}" for what, figure in found[name].items()))
    print(f"  memory: {found['memory grew by']:+.1%} at most after month {WARM} (MB; lag and longest job in seconds)")
    print(f"   wrong: {len(found['wrong'])}")
    if file:
        file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if found["wrong"]:
        raise SystemExit("\n".join(found["wrong"][:40]))


def main() -> None:
    """Live a year, print what was measured, and fail where anything grew, was lost, or came out otherwise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--checkpoints", type=int, default=60)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), given)
    report(found, given.json)


if __name__ == "__main__":
    main()
