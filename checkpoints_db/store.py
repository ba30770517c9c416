"""The store: what was observed, expected and decided, in one SQLite file.

One writer at a time, one transaction from record to outbox. Tables are grouped by noun: `ledger`, `evidence`, `items`,
`judgements`, `actions`, `outbox`, `cases`, `leases`, `drills`, `people`; `listing` has pages of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from checkpoints_db import sheets
from checkpoints_db.actions import Actions
from checkpoints_db.case_table import CaseTable
from checkpoints_db.drills import Drills
from checkpoints_db.errors import LeadershipLost, StoreError
from checkpoints_db.evidence import Evidence
from checkpoints_db.item_table import ItemTable
from checkpoints_db.judgements import Judgements
from checkpoints_db.leases import Leases
from checkpoints_db.ledger import Ledger
from checkpoints_db.listing import Listing
from checkpoints_db.outbox import Outbox
from checkpoints_db.people import People
from checkpoints_db.policy_history import PolicyHistory
from checkpoints_db.policy_texts import PolicyTexts
from checkpoints_db.records.base import stamp
from checkpoints_db.tables import WAIT, Tables
from checkpoints_db.vitals import Vitals

PAGES = 16 * 1024
"""Pages that are given back at a time: 64 MB."""


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
        self.leases = Leases(tables, self.ledger)
        self.drills = Drills(tables, self.ledger)
        self.cases = CaseTable(tables, self.ledger)
        self.people = People(tables, self.ledger)
        self.listing = Listing(tables, self.ledger)
        self._leads: tuple[str, int] | None = None
        """Under which name, and in which term, this store leads; every transaction asks whether that still holds."""
        self._renew: Callable[[], datetime] | None = None
        self.policies = PolicyHistory(tables, self.ledger)
        self.policy_texts = PolicyTexts(self.ledger)
        self.vitals = Vitals(tables, self.ledger)

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

    def pages(
        self, sheet: str, *, family: str | None = None, since: datetime | None = None
    ) -> Iterator[list[dict[str, Any]]]:
        """Plain rows of a sheet (results, forecasts, verdicts, decisions, alerts), page by page; see `sheets`."""
        return sheets.pages(self._tables, self.ledger, sheet, family, since)

    def size(self, sheet: str, *, family: str | None = None, since: datetime | None = None) -> int:
        """How many rows the same has."""
        return sheets.count(self._tables, sheet, family, since)

    def rows(self, sheet: str, *, family: str | None = None, since: datetime | None = None) -> Iterator[dict[str, Any]]:
        """The same, row by row."""
        return chain.from_iterable(self.pages(sheet, family=family, since=since))

    def frame(
        self,
        sheet: str,
        *,
        family: str | None = None,
        since: datetime | None = None,
        library: sheets.Library | None = None,
    ) -> Any:
        """The same as a data frame of pandas, or of polars where that is asked for, or all that is installed.

        Raises StoreError where neither is.
        """
        return sheets.frame(self.pages(sheet, family=family, since=since), sheet, library)

    def damage(self, *, deep: bool = False) -> list[str]:
        """What SQLite finds damaged in the file; `deep`: indexes against their tables too, which takes longer."""
        return self._tables.damage(deep=deep)

    def tidy(self, pages: int = PAGES) -> None:
        """Cut the write-ahead log, and give free pages back to the disk: so many at most, and it takes no longer."""
        self._tables.tidy(pages)

    def rewrite(self) -> None:
        """Write the whole file anew, without its free pages; nobody writes meanwhile, and the disk holds it twice."""
        self._tables.rewrite()

    def free(self) -> int:
        """Bytes of the file in free pages."""
        return self._tables.free()

    def steps(self) -> list[str]:
        """The steps of the schema that were taken, in order."""
        return self._tables.steps()

    def transaction(self) -> AbstractContextManager[None]:
        """Everything inside happens, or nothing of it.

        Raises StoreUnreadable when another writer does not let go, and LeadershipLost when this store was opened to
        lead and another one leads by now: whoever was replaced in the middle of a cycle writes nothing more.
        """
        return self._leading()

    @contextmanager
    def _leading(self) -> Iterator[None]:
        with self._tables.transaction():
            self._must_lead()
            yield

    def _must_lead(self) -> None:
        if self._leads is None:
            return
        holder, term = self._leads
        for row in self._tables.rows("leadership", "name = 'daemon'"):
            if (row["holder"], self._term()) != self._leads:
                raise LeadershipLost(row["holder"], mine=holder)
            if self._renew is not None and row["expires"]:
                self._tables.upsert("leadership", {**row, "expires": stamp(self._renew())})
            return
        raise LeadershipLost("", mine=f"{holder} (term {term})")

    def _term(self) -> int:
        """How often leadership changed hands."""
        return next((int(row["value"]) for row in self._tables.rows("facts", "name = 'term'")), 0)

    def note(self, name: str, value: str, at: datetime) -> None:
        """Remember one fact about ourselves (last complete cycle, policy in force)."""
        self._tables.upsert("facts", {"name": name, "value": value, "at": stamp(at)})

    def fact(self, name: str) -> tuple[str, datetime] | None:
        """A remembered fact and its time, or None."""
        for row in self._tables.rows("facts", "name = ?", [name]):
            return str(row["value"]), datetime.fromisoformat(row["at"])
        return None

    def notice_clock(self, at: datetime) -> None:
        """Tell in the ledger where the clock was set back since the last complete cycle.

        The rows that follow would not say it where the last one is older than that cycle.
        """
        cycle = self.fact("cycle")
        if cycle is not None and cycle[1] > at:
            with self.transaction():
                self.ledger.notice(cycle[1], at)

    def accept_clock(self, by: str, reason: str, at: datetime) -> str:
        """A person says that the clock is right after it was set back; returns the latest moment it had said, or "".

        Raises StoreError where nobody is named, or no reason.
        """
        if not (by.strip() and reason.strip()):
            raise StoreError("whoever says that the clock is right gives a name and a reason; --by and --reason")
        with self.transaction():
            was = self.fact("clock")
            if was is None or not was[0]:
                return ""
            self.ledger.append("clock", "accepted", {"by": by.strip(), "reason": reason.strip(), "was": was[0]}, at)
            self.note("clock", "", at)
            return was[0]

    def lead(self, holder: str, at: datetime, until: datetime, *, renew: Callable[[], datetime] | None = None) -> None:
        """Take or renew leadership of this store. Raises LeadershipLost while another holder's time runs.

        From here on every transaction of this `Store` wants leadership not to have changed hands since. `renew` says
        until when leadership lasts from now on; it is asked in each transaction, so that a long cycle keeps it.
        """
        with self._tables.transaction():
            kept = False
            for row in self._tables.rows("leadership", "name = 'daemon'"):
                if row["holder"] != holder and row["expires"] > stamp(at):
                    raise LeadershipLost(row["holder"])
                kept = bool(row["holder"] == holder and row["expires"])
            if not kept:
                self.note("term", str(self._term() + 1), at)
            self._tables.upsert("leadership", {"name": "daemon", "holder": holder, "expires": stamp(until)})
            self._leads, self._renew = (holder, self._term()), renew

    def leader(self) -> tuple[str, datetime] | None:
        """Who leads, or led and never gave it back, and until when; None where nobody does."""
        for row in self._tables.rows("leadership", "name = 'daemon' and expires <> ''"):
            return str(row["holder"]), datetime.fromisoformat(row["expires"])
        return None

    def resign(self, holder: str) -> None:
        """Give leadership back; nothing happens when somebody else has it."""
        if self._leads is not None and self._leads[0] == holder:
            self._leads = None
        with self._tables.transaction():
            for row in self._tables.rows("leadership", "name = 'daemon' and holder = ?", [holder]):
                self._tables.upsert("leadership", {**row, "expires": ""})
