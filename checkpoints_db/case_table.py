"""Cases that gates were last decided on, so that whoever asks need not have them computed anew. Nothing is trusted here
that the ledger does not vouch for, and nothing is used that anything newer could have changed."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import lru_cache

from checkpoints_db.errors import LedgerBroken
from checkpoints_db.ledger import Ledger
from checkpoints_db.records import Case
from checkpoints_db.records.base import digest_of
from checkpoints_db.tables import Tables

STATED = ("assessment", "attestation", "breakglass", "glassreview", "stageentry", "withdrawal")
"""Kinds of reviews that cases are made of. The others are about alerts, decisions and policies, and enter none."""


class CaseTable:
    """One case for each run and policy, under the key of all it was made of. Writing wants a transaction around it."""

    def __init__(self, tables: Tables, ledger: Ledger) -> None:
        self._tables, self._ledger = tables, ledger
        self._vouched = set[tuple[str, str]]()
        """Names and keys of the cases that were read from here: they are kept already."""

    def key(self, family: str, *made_by: str) -> str:
        """Digest of all a case of a family is made of: its newest result, the newest items, the newest of what people
        stated, and `made_by` (code, policy, catalogue). Equal keys mean an equal case, but for its latch."""
        seqs = [
            self._tables.last("results", "seq", "family = ?", [family]),
            self._tables.last("items", "seq"),
            self._tables.last("reviews", "seq", f"kind in ({', '.join('?' * len(STATED))})", STATED),
        ]
        return digest_of([*made_by, *seqs])

    def put(self, case: Case, policy: str, key: str, at: datetime) -> bool:
        """Keep a case, without its latch, and its digest in the ledger; of one that is there the key is renewed.

        Returns whether it is made anew: False where it was read from here under this key.
        """
        name = digest_of([case.family, case.run, policy])
        if (name, key) in self._vouched:
            return False
        text = case.model_copy(update={"latch": None}).as_text()
        for row in self._tables.rows("cases", "name = ?", [name]):
            if row["body"] == text:
                if row["key"] != key:
                    self._tables.upsert("cases", {**row, "key": key})
                return True
        told = {"sha256": _sha256(text), "policy": policy}
        seq = self._ledger.append("case", f"{case.family}/{case.run}", told, at)
        self._tables.upsert("cases", {"name": name, "key": key, "seq": seq, "body": text})
        return True

    def get(self, family: str, run: str, policy: str, key: str) -> Case | None:
        """The case of a run under a policy, without its latch, if it was kept under this very key.

        Raises LedgerBroken where it is not the one that the ledger vouches for.
        """
        name = digest_of([family, run, policy])
        for row in self._tables.rows("cases", "name = ? and key = ?", [name, key]):
            seq, text = int(row["seq"]), str(row["body"])
            entry = self._ledger.entry(seq)
            if entry.kind != "case" or entry.value() != {"sha256": _sha256(text), "policy": policy}:
                raise LedgerBroken(seq, f"the case of {family}/{run} is not the one that was decided on")
            self._vouched.add((name, key))
            return _read(text)
        return None


@lru_cache(maxsize=8)
def _read(text: str) -> Case:
    """A case is immutable: whoever answers often reads it once. Few are kept: of a large suite one takes megabytes."""
    return Case.model_validate_json(text)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
