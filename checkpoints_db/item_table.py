"""The items in the store: one row for each task of a per-sample log, with its digest in the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from checkpoints_db.errors import LedgerBroken
from checkpoints_db.items import ItemLog, Items
from checkpoints_db.ledger import Ledger
from checkpoints_db.records.base import Record, digest_of
from checkpoints_db.tables import CHUNK, Tables


class Logged(Record):
    """That the items of a task in a log are kept, without them."""

    seq: int
    source: str
    task: str
    conditions: str


class ItemTable:
    """Items by the log they are from; a result names its log as `source`. Writing wants a transaction around it."""

    def __init__(self, tables: Tables, ledger: Ledger) -> None:
        self._tables, self._ledger = tables, ledger

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
        return {(row["source"], row["conditions"]): self._checked(row) for row in rows}

    def places(self, sources: Sequence[str]) -> set[tuple[str, str, str]]:
        """(source, task, conditions) of everything that is kept of these files, without reading it."""
        found: set[tuple[str, str, str]] = set()
        for start in range(0, len(sources), CHUNK):
            part = sources[start : start + CHUNK]
            where, columns = f"source in ({', '.join('?' * len(part))})", "source, task, conditions"
            rows = self._tables.rows("items", where, part, select=columns)
            found |= {(row["source"], row["task"], row["conditions"]) for row in rows}
        return found

    def logged(self) -> list[Logged]:
        """Everything that is kept, without reading it, oldest first."""
        columns = ", ".join(Logged.model_fields)
        return [Logged.model_validate(row) for row in self._tables.rows("items", order_by="seq", select=columns)]

    def packed(self, name: str) -> bytes | None:
        """The items of an id (`digest_of([source, task, conditions])`) as they are stored, or None; not checked."""
        rows = self._tables.rows("items", "id = ?", [name], select="body")
        return bytes(rows[0]["body"]) if rows else None

    def ids(self, sources: Sequence[str]) -> list[str]:
        """Ids of everything that is kept of these files, in order."""
        return sorted(digest_of(list(place)) for place in self.places(sources))

    def _checked(self, row: dict[str, Any]) -> Items:
        seq, data = int(row["seq"]), bytes(row["body"])
        said = self._ledger.entry(seq).value()
        if hashlib.sha256(data).hexdigest() != said.get("sha256"):
            raise LedgerBroken(seq, f"the items of {row['task']} are not those that were stored; a byte was changed")
        try:
            return Items.unpacked(data)
        except (ValueError, KeyError, TypeError) as error:
            raise LedgerBroken(seq, f"the items of {row['task']} do not read as items: {error}") from error
