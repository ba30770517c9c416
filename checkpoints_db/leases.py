"""Leases: every one that was issued, in the ledger and by number, and which were taken back."""

from __future__ import annotations

from typing import Any

from checkpoints_db.errors import BadLease
from checkpoints_db.ledger import Ledger
from checkpoints_db.records.base import Instant, Record, stamp
from checkpoints_db.records.lease import SignedLease
from checkpoints_db.tables import Tables


class Revocation(Record):
    """Leases of a gate up to a number that were taken back, by whom and why; rows are only added."""

    gate: str
    up_to: int
    """Number of the newest lease that was taken back."""
    by: str
    reason: str
    at: Instant


class Leases:
    """What was issued. Every writing method wants a transaction around it."""

    def __init__(self, tables: Tables, ledger: Ledger) -> None:
        self._tables, self._ledger = tables, ledger

    def newest(self, family: str, run: str) -> SignedLease | None:
        """The lease of a run with the largest number, valid or not; None where there was none."""
        where, gate = "gate = ?", [f"{family}/{run}"]
        for row in self._tables.rows("leases", where, gate, order_by="number desc", limit=1):
            return SignedLease.model_validate_json(row["body"])
        return None

    def runs(self) -> list[tuple[str, str]]:
        """(family, run) of every run that ever had a lease, by name."""
        found = self._tables.rows("leases", select="distinct family, run", order_by="family, run")
        return [(str(row["family"]), str(row["run"])) for row in found]

    def all(self, family: str | None = None, run: str | None = None) -> list[SignedLease]:
        """Every lease, oldest first."""
        tests = {c: v for c, v in (("family", family), ("run", run)) if v is not None}
        where = " and ".join(f"{c} = ?" for c in tests) or None
        found = self._tables.rows("leases", where, list(tests.values()), order_by="seq")
        return [SignedLease.model_validate_json(row["body"]) for row in found]

    def put(self, signed: SignedLease) -> None:
        """Keep a lease. Raises BadLease where its number does not grow."""
        lease = signed.lease
        last = self.newest(lease.family, lease.run)
        if last is not None and lease.seq <= last.lease.seq:
            raise BadLease(
                f"lease of {lease.gate}: number {lease.seq} is not larger than {last.lease.seq}; issue again"
            )
        seq = self._ledger.append("lease", lease.gate, signed.body(), lease.not_before)
        self._tables.insert("leases", lease_row(signed, seq))

    def revoke(self, revocation: Revocation) -> None:
        """Note who took leases back and why."""
        seq = self._ledger.append("revocation", revocation.gate, revocation.body(), revocation.at)
        self._tables.insert("revocations", revocation_row(revocation, seq))

    def revocations(self, gate: str | None = None) -> list[Revocation]:
        """What was taken back, oldest first."""
        where, args = (None, []) if gate is None else ("gate = ?", [gate])
        found = self._tables.rows("revocations", where, args, order_by="seq")
        return [Revocation.model_validate({k: row[k] for k in Revocation.model_fields}) for row in found]


def lease_row(signed: SignedLease, seq: int) -> dict[str, Any]:
    """A lease as the table has it, told in ledger row `seq`."""
    lease = signed.lease
    return {
        "id": f"{lease.gate}#{lease.seq}",
        "gate": lease.gate,
        "family": lease.family,
        "run": lease.run,
        "number": lease.seq,
        "not_before": stamp(lease.not_before),
        "expires_at": stamp(lease.expires_at),
        "revoked": int(lease.revoked),
        "key": lease.key_id,
        "seq": seq,
        "body": signed.model_dump_json(),
    }


def revocation_row(revocation: Revocation, seq: int) -> dict[str, Any]:
    """A revocation as the table has it, told in ledger row `seq`."""
    name = f"{revocation.gate}#{revocation.up_to}"
    return {**revocation.body(), "at": stamp(revocation.at), "id": name, "seq": seq}
