"""The ledger: an append-only, hash-chained record of every file, result, seal, verdict, decision and review."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from checkpoints_db.errors import LedgerBroken
from checkpoints_db.records import Instant, Record, canonical
from checkpoints_db.records.base import stamp
from checkpoints_db.tables import Tables

GENESIS = "0" * 64
"""What the first row names as its predecessor."""


class Entry(Record):
    """One row of the ledger."""

    seq: int
    at: Instant
    kind: str
    subject: str
    text: str
    """The body as canonical JSON: the very text that was hashed."""
    previous: str
    sha256: str

    def value(self) -> Any:
        """The body as JSON values."""
        return json.loads(self.text)


class Ledger:
    """Rows are only ever appended; triggers in the store refuse UPDATE and DELETE."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    @staticmethod
    def link(seq: int, at: str, kind: str, subject: str, body: str, previous: str) -> str:
        """Digest of a row: SHA-256 of the canonical JSON of all its columns and its predecessor's digest."""
        chained = canonical([seq, at, kind, subject, body, previous])
        return hashlib.sha256(chained.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def head(self) -> tuple[int, str]:
        """Sequence number and digest of the last row; (0, GENESIS) of an empty ledger."""
        for row in self._tables.rows("ledger", order_by="seq desc", limit=1):
            return int(row["seq"]), str(row["digest"])
        return 0, GENESIS

    def append(self, kind: str, subject: str, body: Any, at: datetime) -> int:
        """Append a row and return its sequence number. Only inside a transaction."""
        return self.append_all(kind, [(subject, body)], at)

    def append_all(self, kind: str, told: Iterable[tuple[str, Any]], at: datetime) -> int:
        """Append a row for each (subject, body), in order; returns the last sequence number. Inside a transaction."""
        self._tables.must_be_writing()
        seq, previous = self.head
        rows, when = [], stamp(at)
        for subject, body in told:
            seq, text = seq + 1, canonical(body)
            digest = self.link(seq, when, kind, subject, text, previous)
            row = {"seq": seq, "at": when, "kind": kind, "subject": subject, "body": text, "previous": previous}
            rows.append({**row, "digest": digest})
            previous = digest
        self._tables.insert_all("ledger", rows)
        return seq

    def entry(self, seq: int) -> Entry:
        """The row `seq`, checked against its own digest. Raises LedgerBroken when it does not hold or is gone."""
        for row in self._tables.rows("ledger", "seq = ?", [seq]):
            return self._checked(row)
        raise LedgerBroken(seq, "row is missing")

    def entries(self, kind: str | None = None, subject: str | None = None) -> Iterator[Entry]:
        """Rows in order, optionally of one kind or subject, each checked against its own digest."""
        tests = [(c, v) for c, v in (("kind", kind), ("subject", subject)) if v is not None]
        where = " and ".join(f"{column} = ?" for column, _ in tests) or None
        for row in self._tables.rows("ledger", where, [v for _, v in tests], order_by="seq"):
            yield self._checked(row)

    def verify(self) -> tuple[int, str]:
        """Walk the whole chain and return its head. Raises LedgerBroken naming the first row that does not hold."""
        seq, previous = 0, GENESIS
        for row in self._tables.rows("ledger", order_by="seq"):
            if row["seq"] != seq + 1:
                raise LedgerBroken(seq + 1, f"row is missing; the next one is {row['seq']}")
            entry = self._checked(row)
            if entry.previous != previous:
                raise LedgerBroken(entry.seq, "does not name the digest of the row before it")
            seq, previous = entry.seq, entry.sha256
        for table in ("forecasts", "verdicts", "diagnoses", "decisions", "results", "items", "reviews", "policies"):
            for row in self._tables.rows(table, "seq > ?", [seq], order_by="seq", limit=1):
                raise LedgerBroken(int(row["seq"]), f"table {table} refers to this row, but the ledger ends at {seq}")
        return seq, previous

    def _checked(self, row: dict[str, Any]) -> Entry:
        seq = int(row["seq"])
        try:
            columns = {c: str(row[c]) for c in ("at", "kind", "subject", "body", "previous")}
            if self.link(seq, **columns) != row["digest"]:
                raise LedgerBroken(seq, "its content does not match its digest; a byte was changed")
            return Entry.model_validate(
                {
                    "seq": seq,
                    "at": row["at"],
                    "kind": row["kind"],
                    "subject": row["subject"],
                    "text": row["body"],
                    "previous": row["previous"],
                    "sha256": row["digest"],
                }
            )
        except ValueError as error:
            raise LedgerBroken(seq, f"does not read as a row: {error}") from error
