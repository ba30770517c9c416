"""Breaks of known size, planted into results that came: which, where, and by how much."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from checkpoints_db.errors import ForecastError
from checkpoints_db.past import Seals
from checkpoints_db.past.evidence import PastEvidence
from checkpoints_db.past.planted import Break
from checkpoints_db.records import Sealed
from monitor.forecasting import forecast
from monitor.prior import Prior
from monitor.replay import Source
from monitor.science.planting import spots
from monitor.tuning.sizes import Size
from monitor.tuning.survey import Sitting, noises

GROUP = 0.1
"""A group is this share of the questions of a checkpoint, and two at least."""

GROUPED = 4
"""Fewer questions than this make no groups."""


HORIZON = 4
"""Checkpoints at which a break may be seen: later ones have learnt of it, and have got used to it."""


class Plant(NamedTuple):
    """One break: it begins at one checkpoint and stays for all later results of its series."""

    family: str
    run: str
    checkpoint: str
    order: int
    """Of the checkpoint, in its family."""
    size: Size
    questions: tuple[str, ...]
    broken: Break
    looks: tuple[int, ...]
    """Orders of the checkpoints at which it can be seen, this one first."""

    @property
    def grouped(self) -> bool:
        """Whether several questions break at once."""
        return len(self.questions) > 1


def plants(
    source: Source,
    sittings: Mapping[str, Sequence[Sitting]],
    sizes: Sequence[Size],
    wanted: int,
    rng: np.random.Generator,
    horizon: int = HORIZON,
    tell: Callable[[int, int], None] = lambda *_: None,
) -> list[Plant]:
    """Breaks of every size at `wanted` places, or at all there are: half of them of one question, half of a group.

    `sittings`: by family. Confirmed breaks are left alone. Every size is planted at the same places, so that sizes can
    be compared. `horizon`: checkpoints at which each may be seen. Drawn from `rng` in one order, whoever does the work.
    """
    open_ = [s for own in sittings.values() for s in own if s.questions and not s.confirmed]
    alone, together = _chosen(rng, open_, wanted)
    by_family: dict[str, list[tuple[Sitting, tuple[str, ...]]]] = {}
    for i, names in [*alone, *together]:
        by_family.setdefault(open_[i].family, []).append((open_[i], names))
    found: list[Plant] = []
    done, total = 0, len(alone) + len(together)
    for family, own in by_family.items():
        with source.told(family) as told:
            for sitting, names in own:
                known = noises(told, sitting, names)
                looks = _looks(sittings[family], sitting, known)[:horizon]
                found += [_plant(sitting, names, size, known, looks) for size in sizes if known]
                done += 1
                tell(done, total)
    return found


Chosen = list[tuple[int, tuple[str, ...]]]


def _chosen(rng: np.random.Generator, open_: Sequence[Sitting], wanted: int) -> tuple[Chosen, Chosen]:
    """Which questions of which checkpoint: single ones, and groups."""
    names = [sorted(s.questions) for s in open_]
    groups = np.array([1 if len(own) >= GROUPED else 0 for own in names], dtype=np.intp)
    many = wanted // 2 if groups.any() else 0
    together: Chosen = []
    for turn in range(many):  # the places take turns here too
        if turn % max(int(groups.sum()), 1) == 0:
            order = rng.permutation(np.flatnonzero(groups))
        i = int(order[turn % len(order)])
        picked = rng.choice(len(names[i]), max(2, round(GROUP * len(names[i]))), replace=False)
        together.append((i, tuple(names[i][k] for k in sorted(picked.tolist()))))
    single = spots(rng, np.array([len(own) for own in names], dtype=np.intp), wanted - many)
    return [(int(i), (names[i][k],)) for i, k in single.tolist()], together


def _looks(own: Sequence[Sitting], begins: Sitting, moved: Container[str]) -> tuple[int, ...]:
    """Orders of the checkpoints from the one it begins on that have any of the moved series."""
    later = [s for s in own if s.order >= begins.order]
    return tuple(s.order for s in later if any(each in moved for series in s.questions.values() for each in series))


def _plant(
    sitting: Sitting, names: tuple[str, ...], size: Size, known: Mapping[str, tuple[float, int]], looks: tuple[int, ...]
) -> Plant:
    shifts = {
        series: size.way * sign * (size.amount * sd if size.unit == "sd" else size.amount)
        for series, (sd, sign) in known.items()
    }
    broken = Break(sitting.first, shifts)
    return Plant(sitting.family, sitting.run, sitting.checkpoint, sitting.order, size, names, broken, looks)


class PlantedSeals:
    """The seals of a history with a break in it: those made after it begins are made again, as they have learnt of it.

    `prior`: what is believed beforehand. Where nothing can be fitted to the ladder with the break, the seal that there
    was stands.
    """

    def __init__(self, seals: Seals, evidence: PastEvidence, broken: Break, prior: Prior) -> None:
        self._seals, self._evidence, self._broken, self._prior = seals, evidence, broken, prior
        self._made: dict[int, Sealed] = {}

    def at(self, series: str, up_to: int) -> int | None:
        """Row of the newest seal of a series at or before row `up_to`, negative where it is made again; or None."""
        seq = self._seals.at(series, up_to)
        again = seq is not None and seq >= self._broken.since and series in self._broken.shifts
        return -seq if again and seq is not None else seq

    def read(self, seq: int) -> Sealed:
        """What was sealed as that row, or would have been."""
        if seq >= 0:
            return self._seals.read(seq)
        if seq not in self._made:
            was = self._seals.read(-seq)
            series = self._evidence.series_at(was.forecast.series, -seq, was.forecast.axis)
            try:
                self._made[seq] = Sealed(forecast=forecast(series, self._prior), at=was.at, seq=was.seq)
            except ForecastError:
                self._made[seq] = was
        return self._made[seq]
