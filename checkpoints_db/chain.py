"""The hash chain: how a row of the ledger follows from the one before it."""

from __future__ import annotations

import hashlib
from typing import Any

from checkpoints_db.records.base import canonical

GENESIS = "0" * 64
"""What the first row names as its predecessor."""


def link(seq: int, at: str, kind: str, subject: str, body: str, previous: str) -> str:
    """Digest of a row: SHA-256 of the canonical JSON of all its columns and its predecessor's digest.

    >>> link(1, "2026-11-23T09:00:00.000000+00:00", "note", "x", "{}", GENESIS)[:12]
    '02682185cd7d'
    """
    chained = canonical([seq, at, kind, subject, body, previous])
    return hashlib.sha256(chained.encode("utf-8", "surrogatepass")).hexdigest()


def chained(seq: int, previous: str, at: str, kind: str, subject: str, body: str) -> dict[str, Any]:
    """The row after row `seq` whose digest is `previous`."""
    row: dict[str, Any] = {"seq": seq + 1, "at": at, "kind": kind, "subject": subject, "body": body}
    return {**row, "previous": previous, "digest": link(seq + 1, at, kind, subject, body, previous)}
