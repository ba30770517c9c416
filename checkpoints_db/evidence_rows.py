"""Rows of evidence as records, and records of evidence as rows: files, sightings, results, readings without a place."""

from __future__ import annotations

import json
from typing import Any, Literal

from checkpoints_db.records import Instant, Kind, Reading, Record, Result
from checkpoints_db.records.base import stamp

RESTATED = "scale"
"""Remark of a result whose numbers are known and whose checkpoint is now said to stand elsewhere."""
TICK = 1000
"""Results between two words about how far reading them is."""
FileStatus = Literal["arrived", "read", "waiting", "quarantined"]


class File(Record):
    """A file by its content: the same bytes under another name are the same file.

    Unless a reader reads them together with what lies beside them: `samples_x.jsonl` under two models is two files.
    """

    sha256: str
    """Digest of the bytes; of bytes and context, for a file whose bytes were known with another context before."""
    path: str
    size: int
    reader: str = ""
    status: FileStatus
    reason: str = ""
    baseline: bool = False
    seen_at: Instant
    seen_after: int
    """Head of the ledger when the file was first noticed: only forecasts sealed up to there may judge it."""
    changed_at: Instant
    notes: tuple[str, ...] = ()
    content: str = ""
    """Digest of the bytes, where `sha256` is not that."""
    context: str = ""
    """What it was read with, besides its bytes (`readers.context_of`); empty where it speaks for itself."""

    @property
    def bytes_digest(self) -> str:
        """SHA-256 of the bytes."""
        return self.content or self.sha256


class Sighting(Record):
    """A path or URL as it looked when it was last looked at."""

    path: str
    size: int
    mtime_ns: int
    """Time of the last change; of an object behind a URL, a number made of its etag and its times."""
    seen_at: Instant
    seen_after: int
    sha256: str = ""
    """Digest of the content once it was read; empty while it is still growing."""


class Seen(Record):
    """A result as the store has it."""

    result: Result
    baseline: bool
    counts: bool
    """Whether this is the result that counts; a conflicting later one is kept and does not count."""
    seen_at: Instant
    seen_after: int


class Kept(Record):
    """How a result was taken in: what the ledger says of it besides the result itself."""

    counts: bool
    baseline: bool
    seen_at: Instant
    seen_after: int
    instead: str = ""
    """Identity of the remarked result whose place it took."""


class Held(Record):
    """How a reading without a place was taken in."""

    reason: str
    source: str
    baseline: bool
    seen_at: Instant
    seen_after: int


class UnplacedReading(Record):
    """A reading the catalogue could not place: held, listed, alerted, tried again at every scan."""

    id: str
    reading: Reading
    reason: str
    source: str
    baseline: bool
    seen_at: Instant
    seen_after: int


class Recorded(Record):
    """What became of results handed to `Evidence.record`."""

    new: tuple[Result, ...] = ()
    same: int = 0
    aside: tuple[Result, ...] = ()
    """Remarked results beside a whole one: kept and shown, they contradict nothing and never count."""
    conflicting: tuple[tuple[Result, Result], ...] = ()
    """Pairs (the one that counts, the newcomer); also where the newcomer only says another scale."""


class SeriesHead(Record):
    """Which series it is, and how many results it has."""

    series: str
    family: str
    task: str
    metric: str
    kind: Kind
    stage: str
    results: int


def became_of(first: Result | None, result: Result) -> Literal["new", "aside", "conflicting"]:
    """What becomes of a result beside the one that counts for its key, if there is one; only a new one counts."""
    if first is None or (first.remarks and not result.remarks):
        return "new"
    return "aside" if result.remarks and not first.remarks else "conflicting"


def restated(known: Result, result: Result) -> Result | None:
    """What is kept of a result whose numbers are `known`: nothing, but where it places its checkpoint elsewhere."""
    if not known.checkpoint.moved(result.checkpoint):
        return None
    return result.model_copy(update={"remarks": (*result.remarks, RESTATED)})


def file_row(file: File) -> dict[str, Any]:
    """A file as its table has it."""
    return {
        **file.body(),
        "baseline": int(file.baseline),
        "seen_at": stamp(file.seen_at),
        "changed_at": stamp(file.changed_at),
        "notes": json.dumps(list(file.notes)),
    }


def result_row(result: Result, kept: Kept, seq: int) -> dict[str, Any]:
    """A result as its table has it; `seq`: its row of the ledger."""
    checkpoint = result.checkpoint
    return {
        "identity": result.identity,
        "key": result.key,
        "series": result.series,
        "family": checkpoint.family,
        "run": checkpoint.run,
        "checkpoint": checkpoint.id,
        "step": checkpoint.step,
        "stage": checkpoint.stage,
        "task": result.task,
        "metric": result.metric.name,
        "kind": result.metric.kind,
        "value": result.value,
        "counts": int(kept.counts),
        "baseline": int(kept.baseline),
        "source": result.source,
        "seen_at": stamp(kept.seen_at),
        "seen_after": kept.seen_after,
        "seq": seq,
        "body": result.as_text(),
    }


def unplaced_row(name: str, reading: Reading, held: Held) -> dict[str, Any]:
    """A reading without a place as its table has it."""
    return {
        "id": name,
        "model": reading.model,
        "task": reading.task,
        "metric": reading.metric.name,
        "reason": held.reason,
        "source": held.source,
        "baseline": int(held.baseline),
        "seen_at": stamp(held.seen_at),
        "seen_after": held.seen_after,
        "placed_at": "",
        "body": reading.as_text(),
    }


def file_of(row: dict[str, Any]) -> File:
    """A file from its row."""
    return File.model_validate({**row, "baseline": bool(row["baseline"]), "notes": json.loads(str(row["notes"]))})


def seen_of(row: dict[str, Any]) -> Seen:
    """A result from its row."""
    return Seen(
        result=Result.model_validate_json(str(row["body"])),
        baseline=bool(row["baseline"]),
        counts=bool(row["counts"]),
        seen_at=row["seen_at"],
        seen_after=row["seen_after"],
    )
