"""The store: what was observed, expected and decided, in one SQLite file.

One writer at a time, one transaction from record to outbox. Tables are grouped by noun: `ledger`, `evidence`, `items`,
`judgements`, `actions`, `outbox`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from checkpoints_db.actions import Actions
from checkpoints_db.errors import LeadershipLost
from checkpoints_db.evidence import Evidence
from checkpoints_db.item_table import ItemTable
from checkpoints_db.judgements import Judgements
from checkpoints_db.ledger import Ledger
from checkpoints_db.outbox import Outbox
from checkpoints_db.policy_history import PolicyHistory
from checkpoints_db.policy_texts import PolicyTexts
from checkpoints_db.records.base import stamp
from checkpoints_db.tables import WAIT, Tables


class Store:
    """The face of `checkpoints_db`. Use as a context manager, or close it."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.path = tables.path
        self.ledger = Ledger(tables)
        self.evidence = Evidence(tables, self.ledger)
        self.items = ItemTable(tables, self.ledger)
        self.judgements = Judgements(tables, self.ledger)
        self.actions = Actions(tables, self.ledger)
        self.outbox = Outbox(tables, self.ledger)
        self.policies = PolicyHistory(tables, self.ledger)
        self.policy_texts = PolicyTexts(self.ledger)

    @classmethod
    def open(cls, path: Path, *, create: bool = False, wait: float = WAIT, read_only: bool = False) -> Store:
        """Open the store at `path`, bringing its schema up to date; `read_only`: without changing a byte of it.

        Raises NoStore when there is none and `create` is false, SchemaTooNew when a newer holdpoint wrote it, and
        StoreUnreadable when the file is locked for longer than `wait` seconds, damaged, not ours to read, or, where it
        must not be changed, of an older schema.
        """
        return cls(Tables.open(path, create=create, wait=wait, read_only=read_only))

    def close(self) -> None:
        """Close the file."""
        self._tables.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def transaction(self) -> AbstractContextManager[None]:
        """Everything inside happens, or nothing of it. Raises StoreUnreadable when another writer does not let go."""
        return self._tables.transaction()

    def note(self, name: str, value: str, at: datetime) -> None:
        """Remember one fact about ourselves (last complete cycle, policy in force)."""
        self._tables.upsert("facts", {"name": name, "value": value, "at": stamp(at)})

    def fact(self, name: str) -> tuple[str, datetime] | None:
        """A remembered fact and its time, or None."""
        for row in self._tables.rows("facts", "name = ?", [name]):
            return str(row["value"]), datetime.fromisoformat(row["at"])
        return None

    def lead(self, holder: str, at: datetime, until: datetime) -> None:
        """Take or renew leadership of this store. Raises LeadershipLost while another holder's time runs."""
        with self.transaction():
            for row in self._tables.rows("leadership", "name = 'daemon'"):
                if row["holder"] != holder and row["expires"] > stamp(at):
                    raise LeadershipLost(row["holder"])
            self._tables.upsert("leadership", {"name": "daemon", "holder": holder, "expires": stamp(until)})

    def leader(self) -> tuple[str, datetime] | None:
        """Who leads, or led and never gave it back, and until when; None where nobody does."""
        for row in self._tables.rows("leadership", "name = 'daemon' and expires <> ''"):
            return str(row["holder"]), datetime.fromisoformat(row["expires"])
        return None

    def resign(self, holder: str) -> None:
        """Give leadership back; nothing happens when somebody else has it."""
        with self.transaction():
            for row in self._tables.rows("leadership", "name = 'daemon' and holder = ?", [holder]):
                self._tables.upsert("leadership", {**row, "expires": ""})
