"""Long tables a page at a time, the newest first: each page begins where the one before it ended, found by an index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from checkpoints_db.errors import StoreError
from checkpoints_db.evidence_rows import Seen, seen_of
from checkpoints_db.ledger import Entry, Ledger
from checkpoints_db.records import Alert, Instant, Record, SignedLease, Verdict
from checkpoints_db.tables import Tables

NAMED = "seq, digest as sha256, series, family, task, metric, stage, at"
RULED = "seq, event, digest as sha256, name, version, change, at"
Where = Mapping[str, str | None]
"""Column to what it must be; None for whatever it is."""


class Numbered(Record):
    """Something and the row of the ledger that tells of it."""

    seq: int


class ListedResult(Numbered, Seen):
    """A result as the store has it."""

    identity: str


class ListedVerdict(Numbered):
    """A verdict as the ledger has it."""

    verdict: Verdict


class ListedForecast(Numbered):
    """That a forecast was sealed; its digest finds the whole of it."""

    sha256: str
    series: str
    family: str
    task: str
    metric: str
    stage: str
    at: Instant


class ListedLease(Numbered):
    """A lease as it is signed."""

    signed: SignedLease


class ListedPolicy(Numbered):
    """How a policy came into force, waits, or was withdrawn."""

    event: str
    sha256: str
    name: str
    version: str
    change: str
    at: Instant


class Listing:
    """Pages of what is kept. `before` is the row of the ledger, or the mark, that the last page ended with."""

    def __init__(self, tables: Tables, ledger: Ledger) -> None:
        self._tables, self._ledger = tables, ledger

    def results(self, where: Where, before: int | None, limit: int) -> list[ListedResult]:
        """Results, of a family, run, series, task or checkpoint."""
        found = self._page("results", where, before, limit)
        return [ListedResult(seq=row["seq"], identity=row["identity"], **dict(seen_of(row))) for row in found]

    def verdicts(self, where: Where, before: int | None, limit: int) -> list[ListedVerdict]:
        """Verdicts, of a family, run, checkpoint, task or outcome. Raises LedgerBroken where one was touched."""
        found = self._page("verdicts", where, before, limit, "seq")
        return [
            ListedVerdict(seq=row["seq"], verdict=Verdict.model_validate_json(self._ledger.entry(row["seq"]).text))
            for row in found
        ]

    def forecasts(self, where: Where, before: int | None, limit: int) -> list[ListedForecast]:
        """Seals, of a family, series or task."""
        return [ListedForecast.model_validate(row) for row in self._page("forecasts", where, before, limit, NAMED)]

    def leases(self, where: Where, before: int | None, limit: int) -> list[ListedLease]:
        """Leases, of a family or run."""
        found = self._page("leases", where, before, limit, "seq, body")
        return [ListedLease(seq=row["seq"], signed=SignedLease.model_validate_json(row["body"])) for row in found]

    def policies(self, where: Where, before: int | None, limit: int) -> list[ListedPolicy]:
        """The history of the policy in force."""
        return [ListedPolicy.model_validate(row) for row in self._page("policies", where, before, limit, RULED)]

    def ledger(self, where: Where, before: int | None, limit: int) -> list[Entry]:
        """Rows of the ledger, of a kind or about a subject. Raises LedgerBroken where one was touched."""
        return [self._ledger.entry(row["seq"]) for row in self._page("ledger", where, before, limit, "seq")]

    def alerts(self, where: Where, before: str | None, limit: int) -> list[tuple[str, Alert]]:
        """Alerts by when they were first opened, each with its mark. Raises StoreError for what is no mark."""
        tests, args = _tests(where)
        if before is not None:
            opened, mark, fingerprint = before.partition("~")
            if not (opened and mark and fingerprint):
                raise StoreError(f"{before[:80]!r} is not where a page of alerts ended; take `next` of that page")
            tests.append("(opened_at, fingerprint) < (?, ?)")
            args += [opened, fingerprint]
        order, columns = "opened_at desc, fingerprint desc", "opened_at, fingerprint, body"
        found = self._tables.rows(
            "alerts", " and ".join(tests) or None, args, order_by=order, limit=limit, select=columns
        )
        return [(f"{row['opened_at']}~{row['fingerprint']}", Alert.model_validate_json(row["body"])) for row in found]

    def _page(
        self, table: str, where: Where, before: int | None, limit: int, select: str = "*"
    ) -> list[dict[str, Any]]:
        tests, args = _tests(where)
        if before is not None:
            tests.append("seq < ?")
            args.append(before)
        return self._tables.rows(
            table, " and ".join(tests) or None, args, order_by="seq desc", limit=limit, select=select
        )


def _tests(where: Where) -> tuple[list[str], list[Any]]:
    given = {column: value for column, value in where.items() if value is not None}
    return [f"{column} = ?" for column in given], list(given.values())
