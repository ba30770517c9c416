"""The items in the store: one row for each task of a per-sample log, with its digest in the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from checkpoints_db.errors import LedgerBroken
from checkpoints_db.items import ItemLog, Items
from checkpoints_db.ledger import Entry, Ledger
from checkpoints_db.records.base import Record, digest_of
from checkpoints_db.tables import CHUNK, Tables


class Logged(Record):
    """That the items of a task in a log are kept, without them."""

    seq: int
    source: str
    task: str
    conditions: str


class ItemTable:
    """Items by the log they are from; a result names its log as `source`. Writing wants a transaction around it.

    Items that were forgotten are as absent as those that never were; only `forgotten` tells of them.
    """

    def __init__(self, tables: Tables, ledger: Ledger) -> None:
        self._tables, self._ledger = tables, ledger
        self._hidden: frozenset[str] = frozenset()
        self._read: set[str] = set()
        """Ids of items that were read since `watched` began."""
        self._known: dict[str, int] = {}
        """Ids of items that the ledger says were forgotten, and in which row."""

    def put(self, source: str, logs: Iterable[ItemLog], at: datetime) -> None:
        """Keep the items of the file `source` (its digest); those that are there already stay as they are."""
        for log in logs:
            name = digest_of([source, log.task, log.conditions])
            if self._tables.count("items", "id = ?", [name]):
                continue
            items = Items.unpacked(log.data)
            told = {
                "source": source,
                "task": log.task,
                "conditions": log.conditions,
                "kept": len(items),
                "asked": items.asked,
                "sha256": log.data_digest,
            }
            seq = self._ledger.append("items", log.task, told, at)
            self._tables.insert("items", {"id": name, **told, "seq": seq, "body": log.data})

    def of(self, sources: Sequence[str], task: str) -> dict[tuple[str, str], Items]:
        """(source, conditions) -> the items of `task`, of the files among `sources` that have them.

        Raises LedgerBroken where they are not what the ledger says was stored.
        """
        rows: list[dict[str, Any]] = []
        for start in range(0, len(sources), CHUNK):
            part = sources[start : start + CHUNK]
            rows += self._tables.rows("items", f"task = ? and source in ({', '.join('?' * len(part))})", [task, *part])
        there = list(self._there(rows))
        self._read.update(row["id"] for row in there)
        return {(row["source"], row["conditions"]): self._checked(row) for row in there}

    def places(self, sources: Sequence[str]) -> set[tuple[str, str, str]]:
        """(source, task, conditions) of everything that is kept of these files, without reading it."""
        found: set[tuple[str, str, str]] = set()
        for start in range(0, len(sources), CHUNK):
            part = sources[start : start + CHUNK]
            where, columns = f"source in ({', '.join('?' * len(part))})", "id, source, task, conditions, forgotten"
            rows = self._tables.rows("items", where, part, select=columns)
            found |= {(row["source"], row["task"], row["conditions"]) for row in self._there(rows)}
        return found

    def logged(self) -> list[Logged]:
        """Everything that is kept, without reading it, oldest first."""
        names = list(Logged.model_fields)
        rows = self._tables.rows("items", order_by="seq", select=", ".join(["id", "forgotten", *names]))
        return [Logged.model_validate({name: row[name] for name in names}) for row in self._there(rows)]

    def sizes(self, sources: Sequence[str]) -> dict[str, tuple[str, str, int]]:
        """Id -> (source, task, bytes) of everything that is kept of these files."""
        found: dict[str, tuple[str, str, int]] = {}
        columns = "id, source, task, forgotten, length(body) as size"
        for start in range(0, len(sources), CHUNK):
            part = sources[start : start + CHUNK]
            rows = self._tables.rows("items", f"source in ({', '.join('?' * len(part))})", part, select=columns)
            found |= {row["id"]: (row["source"], row["task"], int(row["size"] or 0)) for row in self._there(rows)}
        return found

    @contextmanager
    def hidden(self, names: Iterable[str]) -> Iterator[None]:
        """Inside, items of these ids are absent: what would be said if they were forgotten?"""
        before = self._hidden
        self._hidden = before | frozenset(names)
        try:
            yield
        finally:
            self._hidden = before

    @contextmanager
    def watched(self) -> Iterator[set[str]]:
        """Ids of the items that are read inside."""
        self._read = set()
        yield self._read

    def forget(self, names: Sequence[str], why: str, at: datetime) -> None:
        """Drop the bodies of items of these ids; the ledger keeps their digests, and the setting that wanted it so."""
        rows = []
        for start in range(0, len(names), CHUNK):
            part, columns = names[start : start + CHUNK], "id, source, task, conditions, sha256"
            where = f"forgotten = 0 and id in ({', '.join('?' * len(part))})"
            rows += self._tables.rows("items", where, part, select=columns)
        if not rows:
            return
        last = self._ledger.append_all("forgotten", [(row["task"], {**row, "why": why}) for row in rows], at)
        for seq, row in enumerate(rows, last - len(rows) + 1):
            self._tables.upsert("items", {"id": row["id"], "body": None, "forgotten": seq})

    def forgotten(self, sources: Sequence[str], task: str) -> list[Entry]:
        """Rows of the ledger that say that items of `task` in these files were forgotten."""
        rows: list[dict[str, Any]] = []
        for start in range(0, len(sources), CHUNK):
            part = sources[start : start + CHUNK]
            where = f"forgotten > 0 and task = ? and source in ({', '.join('?' * len(part))})"
            rows += self._tables.rows("items", where, [task, *part], select="forgotten", order_by="forgotten")
        return [self._ledger.entry(int(row["forgotten"])) for row in rows]

    def _there(self, rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Those rows that are kept. Raises LedgerBroken for one that was forgotten without the ledger saying so."""
        for row in rows:
            if row["forgotten"]:
                self._must_be_forgotten(row["id"], int(row["forgotten"]))
            elif row["id"] not in self._hidden:
                yield row

    def _must_be_forgotten(self, name: str, seq: int) -> None:
        if self._known.get(name) == seq:
            return
        entry = self._ledger.entry(seq)
        if entry.kind != "forgotten" or entry.value().get("id") != name:
            raise LedgerBroken(seq, f"items {name[:12]} are gone and refer to it, but it does not say so")
        self._known[name] = seq

    def packed(self, name: str) -> bytes | None:
        """The items of an id (`digest_of([source, task, conditions])`) as they are stored, or None; not checked."""
        rows = self._tables.rows("items", "id = ?", [name], select="body")
        return bytes(rows[0]["body"]) if rows and rows[0]["body"] is not None else None

    def ids(self, sources: Sequence[str]) -> list[str]:
        """Ids of everything that is kept of these files, in order."""
        return sorted(digest_of(list(place)) for place in self.places(sources))

    def _checked(self, row: dict[str, Any]) -> Items:
        seq, data = int(row["seq"]), bytes(row["body"] or b"")
        said = self._ledger.entry(seq).value()
        if hashlib.sha256(data).hexdigest() != said.get("sha256"):
            raise LedgerBroken(seq, f"the items of {row['task']} are not those that were stored; a byte was changed")
        try:
            return Items.unpacked(data)
        except (ValueError, KeyError, TypeError) as error:
            raise LedgerBroken(seq, f"the items of {row['task']} do not read as items: {error}") from error
