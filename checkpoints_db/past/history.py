"""What a history is made of, and where the present of one that is walked lies."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from checkpoints_db.actions import Reviewed
from checkpoints_db.errors import StoreError
from checkpoints_db.evidence_rows import Seen
from checkpoints_db.item_table import Logged
from checkpoints_db.items import Items
from checkpoints_db.policy_history import PolicyRow
from checkpoints_db.records import Sealed
from checkpoints_db.store import Store
from checkpoints_db.tables import Tables


class Seals(Protocol):
    """Where the forecasts of a history come from."""

    def at(self, series: str, up_to: int) -> int | None:
        """Row of the newest seal of a series at or before row `up_to`, or None."""
        ...

    def read(self, seq: int) -> Sealed:
        """What was sealed as that row."""
        ...


class ItemSource(Protocol):
    """Where the items of a history come from."""

    def of(self, sources: Sequence[str], task: str) -> dict[tuple[str, str], Items]:
        """(source, conditions) -> the items of a task."""
        ...


@dataclass(frozen=True)
class History:
    """Everything that a history of one family is made of, each with its row of the ledger, oldest first."""

    family: str
    results: Sequence[tuple[int, Seen]]
    """As each was when it arrived."""
    seals: Seals
    reviews: Sequence[Reviewed] = ()
    logged: Sequence[Logged] = ()
    items: ItemSource | None = None
    policies: Sequence[PolicyRow] = ()
    """Which policy was in force when, and what waited."""
    accepting: bool = False
    """No people are told of: everything is let go on, and learnt from, before anything else comes."""


class NoSeals:
    """Of a history in which nothing was sealed."""

    def at(self, series: str, up_to: int) -> None:
        """None."""

    def read(self, seq: int) -> Sealed:
        """Nothing; raises StoreError."""
        raise StoreError(f"row {seq} of a history without seals was asked for as one; please report this")


class RecordedSeals:
    """The seals of a family as the store has them."""

    def __init__(self, store: Store, family: str) -> None:
        self._store = store
        self._rows: dict[str, list[int]] = {}
        for series, seq in store.judgements.seal_rows(family):
            self._rows.setdefault(series, []).append(seq)

    def at(self, series: str, up_to: int) -> int | None:
        """Row of the newest seal of a series at or before row `up_to`, or None."""
        rows = self._rows.get(series, [])
        at = bisect_right(rows, up_to)
        return rows[at - 1] if at else None

    def read(self, seq: int) -> Sealed:
        """What was sealed as that row. Raises LedgerBroken when it was touched."""
        return self._store.judgements.sealed_at(seq)


def recorded(store: Store, family: str, wanted: Callable[[str], bool] = lambda _: True) -> History:
    """What a store has of a family, of the tasks that are `wanted`: every one unless told.

    It is read while the history is walked, so it must stay open as long.
    """
    return History(
        family,
        store.evidence.arrivals(family, wanted),
        RecordedSeals(store, family),
        store.actions.reviewed(),
        store.items.logged(),
        store.items,
        store.policies.all(),
    )


@dataclass
class Horizon:
    """Row of the ledger up to which everything has happened."""

    seq: int = 0


class Absent(Tables):
    """No tables: what a Past does not have it must not answer from."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise StoreError(f"{self.path}: history in memory has no tables; `checkpoints_db/past.py` must learn to answer")

    rows = sums = rows_among = insert_all = upsert_all = count = must_be_writing = _refuse
