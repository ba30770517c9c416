"""Seals that a crash left out are made up, and looked for only where something changed since all were there."""

from __future__ import annotations

import cProfile
import pstats
from datetime import timedelta

import pytest
from lab import Lab, rung, write_table

from monitor import watch
from monitor.daemon import inbox
from monitor.daemon.jobs import Jobs
from monitor.settings import Source


def seals(lab: Lab) -> int:
    with lab.store() as store:
        return sum(1 for entry in store.ledger.entries() if entry.kind == "seal")


def unsealed(lab: Lab, size: int) -> None:
    """A rung of history that was taken in by a process which then died."""
    path = write_table(lab.root / "history" / f"more{size}.csv", rung(size))
    with lab.store() as store:
        source = Source(path=path.parent, pattern=path.name)
        files = inbox.arrivals(store, [source], lab.root, lab.clock, timedelta(seconds=1), baseline=True)
        watch.take_in(store, lab.rules(), [file for file in files if file.path == str(path)])


def looked(jobs: Jobs) -> bool:
    """Whether the job read any series."""
    profile = cProfile.Profile()
    assert profile.runcall(jobs.run, "forecast", jobs.forecast)
    return any(name == "learnt" for _, _, name in pstats.Stats(profile).stats)  # type: ignore[attr-defined]


def test_they_are_made_up_once(ladder: Lab) -> None:
    jobs = ladder.jobs
    assert looked(jobs)
    before = seals(ladder)
    unsealed(ladder, 6)
    assert looked(jobs)
    made = seals(ladder)
    assert made > before
    assert not looked(jobs)
    unsealed(ladder, 7)
    assert looked(jobs)
    assert seals(ladder) - made == made - before


def test_a_release_has_what_it_accepts_learnt_again(ladder: Lab) -> None:
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    ladder.cycle()
    jobs = ladder.jobs
    assert looked(jobs)
    assert not looked(jobs)
    before = seals(ladder)
    with ladder.store() as store:
        state = ladder.ask("s6")
        for who in ("ann", "bob"):
            ladder.desk(store).release("lab", "s6", by=who, reason="looked at", evidence=state.evidence)
    assert looked(jobs)
    assert seals(ladder) > before


@pytest.mark.parametrize("families", [("lab",), ("lab", "other")])
def test_what_lands_has_its_own_family_sealed(ladder: Lab, families: tuple[str, ...]) -> None:
    text = (ladder.root / "catalogue.toml").read_text()
    (ladder.root / "catalogue.toml").write_text(f'{text}\n[[family]]\nname = "other"\naxis = "flop"\n')
    for i in range(1, 6):
        rows = [{**row, "family": "other", "run": f"t{i}"} for row in rung(i)]
        ladder.baseline(rows, f"other{i}.csv")
    ladder.cycle()
    for family in families:
        ladder.arrive([{**row, "family": family, "run": f"{family}6"} for row in rung(6)], f"{family}6.csv")
    before = seals(ladder)
    ladder.cycle("scan")
    made = seals(ladder) - before
    assert made > 0
    assert made % len(families) == 0
    ladder.cycle("forecast")
    assert seals(ladder) - before == made
