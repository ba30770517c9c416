"""The ledger: an append-only, hash-chained record of all that was seen, judged, decided and sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field

from checkpoints_db.chain import GENESIS, chained, link
from checkpoints_db.errors import LedgerBroken, StoreUnreadable
from checkpoints_db.records import Instant, Record, canonical
from checkpoints_db.records.base import stamp
from checkpoints_db.tables import Tables

STEP = timedelta(minutes=1)
"""A row dated this much before the last one says that the clock was set back; two commands differ by less."""


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


class Pin(Record):
    """A head of the ledger, written down elsewhere: whatever stood up to it can no longer be cut off or rewritten."""

    seq: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    at: Instant | None = None
    """When it was pinned."""

    @classmethod
    def parse(cls, text: str) -> Pin:
        """A pin from `SEQ:DIGEST`. Raises ValueError.

        >>> Pin.parse("12:" + "a" * 64).seq
        12
        """
        seq, mark, digest = text.strip().partition(":")
        if not (mark and seq.isascii() and seq.isdecimal()):
            raise ValueError(
                f"{text[:80]!r} is not a head of a ledger; write SEQ:DIGEST, as `holdpoint ledger head` does"
            )
        return cls(seq=int(seq), sha256=digest)

    def __str__(self) -> str:
        return f"{self.seq}:{self.sha256}"


def _is_back(was: str, at: datetime) -> bool:
    return datetime.fromisoformat(was) - at > STEP


class Ledger:
    """Rows are only ever appended; triggers in the store refuse UPDATE and DELETE."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    link = staticmethod(link)

    @property
    def head(self) -> tuple[int, str]:
        """Sequence number and digest of the last row; (0, GENESIS) of an empty ledger."""
        seq, digest, _ = self._last()
        return seq, digest

    def _last(self) -> tuple[int, str, str]:
        for row in self._tables.rows("ledger", order_by="seq desc", limit=1, select="seq, digest, at"):
            return int(row["seq"]), str(row["digest"]), str(row["at"])
        return 0, GENESIS, ""

    def not_before(self, at: datetime) -> datetime:
        """`at`, or the moment of the last row where that is later: for what is written later than it was decided."""
        _, _, last = self._last()
        return max(at, datetime.fromisoformat(last)) if last else at

    @staticmethod
    def row_of(entry: Entry) -> dict[str, Any]:
        """A row as its table has it."""
        return {
            "seq": entry.seq,
            "at": stamp(entry.at),
            "kind": entry.kind,
            "subject": entry.subject,
            "body": entry.text,
            "previous": entry.previous,
            "digest": entry.sha256,
        }

    def append(self, kind: str, subject: str, body: Any, at: datetime) -> int:
        """Append a row and return its sequence number. Only inside a transaction."""
        return self.append_all(kind, [(subject, body)], at)

    def append_all(self, kind: str, told: Iterable[tuple[str, Any]], at: datetime) -> int:
        """Append a row for each (subject, body), in order; returns the last sequence number. Inside a transaction.

        A moment that lies before that of the last row (by more than STEP) is told first, in a row of kind `clock`.
        """
        self._tables.must_be_writing()
        seq, previous, last = self._last()
        rows: list[dict[str, Any]] = []
        when, told = stamp(at), list(told)
        if told and last and when < last and _is_back(last, at):
            rows.append(self._back(seq, previous, last, at))
        for subject, body in told:
            if rows:
                seq, previous = rows[-1]["seq"], rows[-1]["digest"]
            rows.append(chained(seq, previous, when, kind, subject, canonical(body)))
        self._tables.insert_all("ledger", rows)
        return int(rows[-1]["seq"]) if rows else seq

    def notice(self, said: datetime, at: datetime) -> None:
        """Tell in a row of kind `clock` that the clock, which had `said` a moment, was set back since, if it was.

        For what is no row: where nothing happened for long, the last row says nothing of it. Inside a transaction.
        """
        was = stamp(said)
        known = any(was <= row["value"] for row in self._tables.rows("facts", "name = 'clock'"))
        if _is_back(was, at) and not known:
            seq, previous, _ = self._last()
            self._tables.insert("ledger", self._back(seq, previous, was, at))

    def _back(self, seq: int, previous: str, was: str, at: datetime) -> dict[str, Any]:
        """The row that tells of it, kept where gates look as well."""
        when, back = stamp(at), (datetime.fromisoformat(was) - at).total_seconds()
        self._remember(was, when)
        return chained(seq, previous, when, "clock", "back", canonical({"was": was, "seconds": back}))

    def _remember(self, was: str, when: str) -> None:
        """Keep the latest moment the clock ever said before it was set back, where gates look."""
        before = [row["value"] for row in self._tables.rows("facts", "name = 'clock'")]
        self._tables.upsert("facts", {"name": "clock", "value": max([was, *before]), "at": when})

    def entry(self, seq: int) -> Entry:
        """The row `seq`, checked against its own digest. Raises LedgerBroken when it does not hold or is gone."""
        for row in self._tables.rows("ledger", "seq = ?", [seq]):
            return self._checked(row)
        raise LedgerBroken(seq, "row is missing")

    def entries(self, kind: str | None = None, subject: str | None = None, after: int = 0) -> Iterator[Entry]:
        """Rows after row `after` in order, optionally of one kind or subject, each checked against its own digest."""
        tests = [(c, v) for c, v in (("kind", kind), ("subject", subject)) if v is not None]
        where = " and ".join(f"{column} = ?" for column, _ in tests) or None
        for rows in self._tables.pages("ledger", "seq", where, [v for _, v in tests], after=after):
            yield from map(self._checked, rows)

    def latest(self, limit: int, *, before: int | None = None, kind: str | None = None) -> list[Entry]:
        """At most `limit` rows, the newest first; those before row `before`, of one kind, where told. Each checked."""
        tests = [(t, v) for t, v in (("seq < ?", before), ("kind = ?", kind)) if v is not None]
        where = " and ".join(test for test, _ in tests) or None
        rows = self._tables.rows("ledger", where, [v for _, v in tests], order_by="seq desc", limit=limit)
        return [self._checked(row) for row in rows]

    def chain(self, since: Pin | None = None) -> Iterator[Entry]:
        """Rows in order, each checked against its digest and the row before it; after a pinned row, if one is named.

        Raises LedgerBroken naming the first row that does not hold.
        """
        seq, previous = 0, GENESIS
        if since is not None and since.seq:
            self._pinned(since)
            seq, previous = since.seq, since.sha256
        for row in self._rows(seq):
            if row["seq"] != seq + 1:
                raise LedgerBroken(seq + 1, f"row is missing; the next one is {row['seq']}")
            entry = self._checked(row)
            if entry.previous != previous:
                raise LedgerBroken(entry.seq, "does not name the digest of the row before it")
            seq, previous = entry.seq, entry.sha256
            yield entry

    def verify(
        self, since: Pin | None = None, pins: Iterable[Pin] = (), tick: Callable[[int], object] = lambda seq: None
    ) -> tuple[int, str]:
        """Walk the chain, whole or from the row pinned as `since`; returns its head. `tick` is told each row's number.

        `pins`: heads written down elsewhere; a ledger that ends before one, or says otherwise there, is broken.
        Raises LedgerBroken naming the first row that does not hold.
        """
        seq, previous = (since.seq, since.sha256) if since else (0, GENESIS)
        for entry in self.chain(since):
            seq, previous = entry.seq, entry.sha256
            tick(seq)
        for table in self._tables.with_column("seq"):
            for row in self._tables.rows(table, "seq > ?", [seq], order_by="seq", limit=1):
                raise LedgerBroken(int(row["seq"]), f"table {table} refers to this row, but the ledger ends at {seq}")
        for pin in sorted(pins, key=lambda pin: pin.seq):
            self._pinned(pin)
        return seq, previous

    def _pinned(self, pin: Pin) -> None:
        """Raise LedgerBroken unless the ledger still has the pinned row."""
        end, _ = self.head
        if pin.seq > end:
            raise LedgerBroken(
                end + 1, f"row is missing: the ledger ends at {end}, and row {pin.seq} was pinned; its end was cut off"
            )
        digest = self.entry(pin.seq).sha256 if pin.seq else GENESIS
        if digest != pin.sha256:
            raise LedgerBroken(
                pin.seq,
                f"was pinned as {pin.sha256[:12]} and is now {digest[:12]}; it, or rows before it, were written anew",
            )

    def _rows(self, after: int) -> Iterator[dict[str, Any]]:
        """Rows after row `after`; of the whole ledger those numbered below 1, too. Names a row that cannot be read."""
        reached = after
        try:
            for rows in self._tables.pages("ledger", "seq", after=after or None):
                for row in rows:
                    yield row
                    reached = int(row["seq"])
        except StoreUnreadable as error:
            for page in self._tables.pages("ledger", "seq", after=reached, select="seq"):
                for row in page:
                    try:
                        self._tables.rows("ledger", "seq = ?", [row["seq"]])
                    except StoreUnreadable as why:
                        raise LedgerBroken(int(row["seq"]), f"cannot be read: {why.why}") from why
            raise error from error.__cause__

    def _checked(self, row: dict[str, Any]) -> Entry:
        seq = int(row["seq"])
        try:
            columns = {c: str(row[c]) for c in ("at", "kind", "subject", "body", "previous")}
            if link(seq, **columns) != row["digest"]:
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
