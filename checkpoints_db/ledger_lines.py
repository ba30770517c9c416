"""The ledger as lines of text that anybody can check: the digest of a line is the digest of the row.

A line is the canonical JSON of `[seq, at, kind, subject, body, previous]`, the very text that the chain hashes, so
`sha256sum` of the line is what the next line ends with. There is no smaller proof: a row's digest covers its whole
body, and a row that is left out could be a result that was left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator

from checkpoints_db.chain import GENESIS
from checkpoints_db.errors import LedgerBroken
from checkpoints_db.ledger import Entry
from checkpoints_db.records.base import canonical, stamp

COLUMNS = ("seq", "at", "kind", "subject", "text", "previous")


def line_of(entry: Entry) -> bytes:
    """A row as its line, without the line end."""
    told = [entry.seq, stamp(entry.at), entry.kind, entry.subject, entry.text, entry.previous]
    return canonical(told).encode("utf-8", "surrogatepass")


def entries_of(lines: Iterable[bytes]) -> Iterator[Entry]:
    """The rows of lines, from the first row on, each linked to the one before it.

    Raises LedgerBroken naming the first row that is missing, touched, or no row.
    """
    previous = GENESIS
    for seq, line in enumerate(lines, 1):
        entry = _entry(seq, line.removesuffix(b"\n"))
        if entry.seq != seq:
            raise LedgerBroken(seq, f"row is missing; the next one is {entry.seq}")
        if entry.previous != previous:
            raise LedgerBroken(seq, "does not name the digest of the row before it; one of the two was changed")
        previous = entry.sha256
        yield entry


def _entry(seq: int, line: bytes) -> Entry:
    try:
        told = json.loads(line.decode("utf-8", "surrogatepass"))
        named = dict(zip(COLUMNS, told, strict=True))
        entry = Entry.model_validate({**named, "sha256": hashlib.sha256(line).hexdigest()})
    except (ValueError, TypeError, RecursionError) as error:
        raise LedgerBroken(seq, f"does not read as a row: {error}") from error
    if line_of(entry) != line:
        raise LedgerBroken(seq, "is not spelled as the ledger spells it")
    return entry
