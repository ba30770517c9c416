"""Where a history comes from: a store that is read and not touched."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol
from zlib import crc32

from checkpoints_db import Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.judgements import Moment
from checkpoints_db.past import History, recorded


class Catalogues(NamedTuple):
    """The catalogues that cases were read by, each from a row of the ledger on, oldest first."""

    recorded: Sequence[tuple[int, Catalogue]]
    present: Catalogue
    """The one of today: what cases are read by from before anything was written down of it."""

    def at(self, seq: int) -> Catalogue:
        """The catalogue that was in use at row `seq`."""
        at = bisect_right(self.recorded, seq, key=lambda each: each[0])
        return self.recorded[at - 1][1] if at else self.present


class Told(NamedTuple):
    """One family's history, the moments at which something was decided on it, and the catalogues of its time."""

    history: History
    moments: Sequence[Moment]
    catalogues: Catalogues


class Source(Protocol):
    """What is walked. It goes to other processes, so it holds no open file."""

    @property
    def name(self) -> str:
        """What a report calls it."""
        ...

    @property
    def ends(self) -> datetime | None:
        """When history ends; None where that is its last moment."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What should be known of it."""
        ...

    def weights(self) -> dict[str, int]:
        """Every family and how many of its results may be judged."""
        ...

    def told(self, family: str) -> AbstractContextManager[Told]:
        """One family's history; what it stands on is open inside."""
        ...

    def part(self, family: str, part: int, parts: int) -> Source:
        """The history of some of a family's questions: the `part`-th of so many parts."""
        ...


class StoreSource(NamedTuple):
    """The history of a store; the file is opened for reading only."""

    path: Path
    catalogue: Catalogue
    """The one of today."""
    slice: int = 0
    parts: int = 1

    @property
    def name(self) -> str:
        """The path of the store."""
        return str(self.path)

    @property
    def ends(self) -> datetime | None:
        """When the daemon last completed a cycle."""
        with self.opened() as store:
            cycle = store.fact("cycle")
        return None if cycle is None else cycle[1]

    @property
    def notes(self) -> tuple[str, ...]:
        """Where the catalogue of today is not the one of then."""
        with self.opened() as store:
            found = catalogues(store, self.catalogue).recorded
        if not found:
            return ("which catalogue cases were read by was not written down then: that of today is used",)
        changed = len(found) - 1 + (found[-1][1].digest != self.catalogue.digest)
        if not changed:
            return ()
        times = "once" if changed == 1 else f"{changed} times"
        return (f"the catalogue has changed {times} since; every case is read by the one of its time",)

    def weights(self) -> dict[str, int]:
        """Every family and how many of its results arrived as news."""
        with self.opened() as store:
            return store.evidence.news()

    @contextmanager
    def told(self, family: str) -> Iterator[Told]:
        """One family's history; the store is open inside."""

        def wanted(task: str) -> bool:
            return self.parts == 1 or in_part(self.catalogue, task, self.parts) == self.slice

        with self.opened() as store:
            yield Told(
                recorded(store, family, wanted), store.judgements.moments(family), catalogues(store, self.catalogue)
            )

    def part(self, family: str, part: int, parts: int) -> StoreSource:
        """The history of some questions; nothing is read yet."""
        return self._replace(slice=part, parts=parts)

    def opened(self) -> Store:
        """The store, for reading."""
        return Store.open(self.path, read_only=True)


def in_part(catalogue: Catalogue, task: str, parts: int) -> int:
    """Which of so many parts a task is in, with all that is read together with it."""
    return crc32(catalogue.question(task).encode("utf-8", "surrogatepass")) % parts


def catalogues(store: Store, present: Catalogue) -> Catalogues:
    """The catalogues that a store has seen."""
    rows = store.ledger.entries("catalogue")
    return Catalogues([(row.seq, Catalogue.model_validate(row.value())) for row in rows], present)
