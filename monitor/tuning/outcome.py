"""What came of every run -> counts for each setting: false pauses, missed breaks, delays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from monitor.science.cheapest import Counts
from monitor.tuning.looking import HELD, PAUSED, Looked
from monitor.tuning.planting import Plant
from monitor.tuning.survey import Sitting

Array = npt.NDArray[np.float64]
Bits = npt.NDArray[np.intp]

DAY = timedelta(days=1)


class Outcome(NamedTuple):
    """What S settings did on C checkpoints and with P planted breaks; everything in one order, whoever did the work."""

    runs: tuple[str, ...]
    """Clusters: runs as `family/run`."""
    run_of: Bits
    """(C,): the run of each checkpoint."""
    codes: Bits
    """(C, S): PAUSED and HELD, each set where some moment of the checkpoint did it."""
    confirmed: npt.NDArray[np.bool_]
    """(C,)."""
    planted_in: Bits
    """(P,): the run in which each break begins."""
    stopped_at: Bits
    """(P, S): how many checkpoints it was let through before it was stopped; -1 where it never was."""
    looks: Bits
    """(P,): at how many it could have been."""
    days: Array
    """(P, S): days until it was stopped; nan where it never was."""
    labels: tuple[str, ...]
    """(P,): sizes."""
    downward: bool
    """Whether breaks away from capability are among them: what holds over a fall is then a false pause too."""

    def counts(self) -> Counts:
        """For each run, what is counted of it."""
        n = len(self.runs)
        on_trend, missed = ~self.confirmed, self.stopped_at < 0
        false = np.zeros((n, self.codes.shape[1]))
        np.add.at(false, self.run_of[on_trend], self.false()[on_trend].astype(float))
        lost = np.zeros((n, self.stopped_at.shape[1]))
        np.add.at(lost, self.planted_in, missed.astype(float))
        chances = np.bincount(self.run_of[on_trend], minlength=n).astype(float)
        return Counts(false, chances, lost, np.bincount(self.planted_in, minlength=n).astype(float))

    def false(self) -> npt.NDArray[np.bool_]:
        """(C, S): whether a checkpoint on trend would be stopped for nothing."""
        return np.asarray((self.codes & (PAUSED | HELD if self.downward else PAUSED)) > 0)

    def let_through(self) -> Array:
        """(P, S): checkpoints let through before a break was stopped, all where it never was."""
        return np.where(self.stopped_at < 0, self.looks[:, None], self.stopped_at).astype(float)


def outcome(
    sittings: Mapping[str, Sequence[Sitting]], plants: Sequence[Plant], looked: Sequence[Looked], settings: int
) -> Outcome:
    """Everything that was looked at, in the order of the sittings and the plants."""
    every = [s for own in sittings.values() for s in own]
    runs = tuple(dict.fromkeys(s.name for s in every))
    where = {(s.family, s.order): i for i, s in enumerate(every)}
    codes = np.zeros((len(every), settings), dtype=np.intp)
    for one in looked:
        for sat in one.sat:
            codes[where[one.family, sat.order]] |= np.array(sat.codes, dtype=np.intp)
    number = {name: i for i, name in enumerate(runs)}
    stopped, days = _stopped(plants, looked, {k: every[i].at for k, i in where.items()}, settings)
    return Outcome(
        runs,
        np.array([number[s.name] for s in every], dtype=np.intp),
        codes,
        np.array([s.confirmed for s in every], dtype=bool),
        np.array([number[f"{p.family}/{p.run}"] for p in plants], dtype=np.intp),
        stopped,
        np.array([len(p.looks) for p in plants], dtype=np.intp),
        days,
        tuple(p.size.label for p in plants),
        any(p.size.way < 0 for p in plants),
    )


def _stopped(
    plants: Sequence[Plant], looked: Sequence[Looked], begins: Mapping[tuple[str, int], datetime], settings: int
) -> tuple[Bits, Array]:
    stopped = np.full((len(plants), settings), -1, dtype=np.intp)
    days = np.full((len(plants), settings), np.nan)
    caught = sorted((c for one in looked for c in one.caught), key=lambda c: (c.plant, c.order, c.at))
    for c in caught:
        plant = plants[c.plant]
        # Toward capability only a pause counts; a fall is stopped by what holds over it.
        enough = PAUSED if plant.size.way > 0 else PAUSED | HELD
        now = (stopped[c.plant] < 0) & ((np.array(c.codes, dtype=np.intp) & enough) > 0)
        stopped[c.plant, now] = plant.looks.index(c.order)
        days[c.plant, now] = max((c.at - begins[plant.family, plant.order]) / DAY, 0.0)
    return stopped, days
