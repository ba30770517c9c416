"""The power fails: what lies on the disk at a random moment, write-ahead log and all, is a store that goes on.

And the clock is set back an hour. Each ends in HOLD with a reason, recovers by itself, and loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from lab import Lab, rung

from checkpoints_db import Store
from checkpoints_db.records import Answer, Reason
from monitor.daemon.jobs import Jobs

CUTS = 8
"""Moments that are tried, of the commits of a cycle."""


class Wire:
    """A connection that says when it has committed."""

    def __init__(self, connection: Any, committed: Callable[[Any], None]) -> None:
        self._connection, self._committed = connection, committed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *args: Any) -> Any:
        done = self._connection.execute(sql, *args)
        if sql == "COMMIT":
            self._committed(self._connection)
        return done


class Watched(Jobs):
    """Jobs on a store each of whose commits is told."""

    def __init__(self, *args: Any, committed: Callable[[Any], None]) -> None:
        super().__init__(*args)
        self._committed = committed

    def _open(self) -> Store:
        store = super()._open()
        store._tables._db.conn = Wire(store._tables._db.conn, self._committed)
        return store


class Cut(NamedTuple):
    """A disk as it was when the power failed, and how many rows of the ledger had been promised by then."""

    lab: Lab
    promised: int


def wal_of(root: Path) -> Path:
    return root / "holdpoint.db-wal"


def cuts_of(lab: Lab, folder: Path) -> list[Cut]:
    """One cycle, in which the power fails in the middle of some commits: their last frames are cut off, or torn."""
    rng, cuts, seen = np.random.default_rng(9), list[Cut](), {"rows": 0, "wal": 0, "commits": 0}

    def committed(connection: Any) -> None:
        rows = connection.execute("SELECT max(seq) FROM ledger").fetchone()[0] or 0
        size = wal_of(lab.root).stat().st_size
        begun = seen["wal"] if seen["wal"] <= size else 0
        if len(cuts) < CUTS and rng.random() < 0.8 and size > begun:
            twin = lab.copy(folder / f"cut{len(cuts)}")
            wal, at = wal_of(twin.root), int(rng.integers(begun, size))
            data = wal.read_bytes()
            torn = rng.bytes(min(4096, size - at)) if rng.random() < 0.5 else b""
            wal.write_bytes(data[:at] + torn)
            wal.with_name("holdpoint.db-shm").unlink(missing_ok=True)
            cuts.append(Cut(twin, seen["rows"]))
        seen.update(rows=rows, wal=size, commits=seen["commits"] + 1)

    jobs = Watched(lab.settings, lab.clock, "test:1", committed=committed)
    for name, _, body in jobs.timetable():
        jobs.run(name, body)
    assert seen["commits"] > 10, "the walk is shorter than it was: is every commit still seen?"
    return cuts


def outcome(lab: Lab) -> dict[str, Any]:
    with lab.store() as store:
        store.ledger.verify()
        assert store.damage(deep=True) == []
        return {
            "results": sorted(s.result.identity for s in store.evidence.results()),
            "verdicts": sorted((v.run, v.task, v.metric.name, v.outcome) for _, v in store.judgements.verdicts()),
            "decisions": [(d.run, d.answer, d.sentence) for d in store.judgements.decisions()],
            "alerts": [(a.rule, a.answer, a.state, a.episode) for a in store.actions.alerts()],
            "messages": sorted(o.message.alert.rule for o in store.outbox.all()),
        }


def test_a_disk_of_any_moment_holds_until_a_cycle_and_ends_where_no_cut_ends(ladder: Lab, tmp_path: Path) -> None:
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    whole = ladder.copy(tmp_path / "whole")
    whole.cycle()
    expected = outcome(whole)
    cuts = cuts_of(ladder, tmp_path)
    assert len(cuts) == CUTS
    for i, cut in enumerate(cuts):
        with cut.lab.store() as store:
            assert store.ledger.verify()[0] >= cut.promised, f"cut {i} lost what had been promised"
        state = cut.lab.ask("s6")
        assert state.answer in (Answer.HOLD, Answer.PAUSE), f"GO after cut {i}"
        assert state.sentence
        assert cut.lab.cycle()
        assert outcome(cut.lab) == expected, f"after cut {i}"
        assert cut.lab.ask("s6").answer == Answer.PAUSE


def test_a_clock_that_is_set_back_an_hour_holds_until_it_has_come_there_again(ladder: Lab) -> None:
    ladder.arrive(rung(6), "s6.csv")
    ladder.cycle()
    assert ladder.ask("s6").answer == Answer.GO
    ladder.clock.sleep(-3600)
    state = ladder.ask("s6")
    assert (state.answer, "clock" in state.sentence) == (Answer.HOLD, True), state.sentence
    ladder.arrive(rung(6, loss=1.0, run="s7", flop=5e22), "s7.csv")
    assert ladder.cycle()
    for run in ("s6", "s7"):
        state = ladder.ask(run)
        assert state.answer in (Answer.HOLD, Answer.PAUSE)
    assert (ladder.ask("s6").answer, ladder.ask("s6").reason) == (Answer.HOLD, Reason.fault), ladder.ask("s6").sentence
    ladder.clock.sleep(3700)
    assert ladder.cycle()
    assert (ladder.ask("s6").answer, ladder.ask("s7").answer) == (Answer.GO, Answer.PAUSE)
    with ladder.store() as store:
        assert [entry.subject for entry in store.ledger.entries("clock")] == ["back"]
        assert len(store.evidence.results(run="s7")) == 2
        store.ledger.verify()


def test_a_clock_that_is_set_back_holds_where_nothing_lands_either_until_a_person_says_that_it_is_right(
    ladder: Lab,
) -> None:
    ladder.arrive(rung(6), "s6.csv")
    ladder.cycle()
    for _ in range(3):  # days in which nothing is written down: the last row does not know what the clock said
        ladder.clock.sleep(86_400)
        assert ladder.cycle()
    assert ladder.ask("s6").answer == Answer.GO
    ladder.clock.sleep(-3600)
    for _ in range(2):
        assert ladder.cycle()
        state = ladder.ask("s6")
        assert (state.answer, "the clock was set back" in state.sentence) == (Answer.HOLD, True), state.sentence
    with ladder.store() as store:
        assert [entry.subject for entry in store.ledger.entries("clock")] == ["back"]
        assert store.accept_clock("ann", "it was an hour ahead", ladder.clock.now())
    assert ladder.cycle()
    assert ladder.ask("s6").answer == Answer.GO
