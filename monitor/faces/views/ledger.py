"""The ledger, newest rows first."""

from __future__ import annotations

import json

from checkpoints_db import Store
from checkpoints_db.errors import LedgerBroken
from checkpoints_db.ledger import Entry
from checkpoints_db.records import Record

PAGE = 50
"""Rows on a page."""
KINDS = (
    "alert",
    "catalogue",
    "clock",
    "decision",
    "diagnosis",
    "file",
    "gate",
    "lease",
    "policy",
    "result",
    "review",
    "seal",
    "verdict",
)
"""Kinds that people look for."""


class LedgerPage(Record):
    """Some rows of the ledger."""

    head: int
    tip: str
    kind: str
    rows: tuple[Entry, ...]
    older: int | None
    """The row before which the next page begins; None on the last one."""


class Verified(Record):
    """Whether the chain holds."""

    rows: int
    tip: str
    broken: str
    """Which row does not hold, and why; empty where all do."""


def ledger_page(store: Store, kind: str, before: int | None) -> LedgerPage:
    """Rows before a row, newest first; of one kind where one is named."""
    rows = store.ledger.latest(PAGE + 1, before=before, kind=kind or None)
    head, tip = store.ledger.head
    older = rows[PAGE - 1].seq if len(rows) > PAGE else None
    return LedgerPage(head=head, tip=tip, kind=kind, rows=tuple(rows[:PAGE]), older=older)


def verified(store: Store) -> Verified:
    """Walk the whole chain."""
    try:
        seq, tip = store.ledger.verify()
    except LedgerBroken as error:
        return Verified(rows=0, tip="", broken=str(error))
    return Verified(rows=seq, tip=tip, broken="")


def spelled(entry: Entry) -> str:
    """The body of a row, one key a line."""
    return json.dumps(entry.value(), indent=2, ensure_ascii=False, sort_keys=True)
