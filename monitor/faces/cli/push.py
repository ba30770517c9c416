"""What came through standard input: taken whole, walked as a file, answered row by row."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from checkpoints_db import File, Store
from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers.table import Table
from checkpoints_db.records import Decision, Record, Result
from monitor import watch
from monitor.daemon import inbox
from monitor.daemon.spool import HISTORY, PUSHED, Spool
from monitor.faces.cli import shell
from monitor.faces.render import as_json, number, table
from monitor.settings import Settings, Source

LIMIT = 64 << 20
"""More than this is not a push, in bytes; write a file into a source."""
NAME = "standard input"
SHOWN = 40
"""Rows of the table; --json has all of them."""


class Row(Record):
    """One result that was pushed."""

    checkpoint: str
    task: str
    metric: str
    value: float
    was: float | None = None
    """The value that counts, where this one does not."""


class Homeless(Record):
    """A reading that was pushed and has no place yet."""

    model: str
    task: str
    metric: str
    value: float
    reason: str


class Answer(Record):
    """What became of a push: each row is in `new`, `same`, `aside`, `conflicting` or `unplaced`; or all are refused."""

    sha256: str
    path: str
    left: str = ""
    """Who walks it, where a daemon leads this store; nothing else is known then."""
    new: tuple[Row, ...] = ()
    same: tuple[Row, ...] = ()
    aside: tuple[Row, ...] = ()
    """Remarked, beside a whole result: kept, and counting for nothing."""
    conflicting: tuple[Row, ...] = ()
    unplaced: tuple[Homeless, ...] = ()
    refused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sealed: int = 0
    decisions: tuple[Decision, ...] = ()


def taken(stream: BinaryIO, limit: int = LIMIT) -> bytes:
    """Everything a stream has. Raises UnreadableFile when it is too much, nothing, or not rows of the plain table."""
    body = stream.read(limit + 1)
    if len(body) > limit:
        why = f"more than the limit of {limit} bytes; nothing was taken. Push it in parts, or write a file to a source"
        raise UnreadableFile(NAME, "size", why)
    if not body.strip():
        raise UnreadableFile(NAME, "", "nothing came; pipe rows of the plain table into it, one JSON object a line")
    if not (body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and Table().recognises(Path(NAME), body[: 1 << 16])):
        why = "not a row of the plain table as JSON; nothing was taken. Write other logs to a folder that is a source"
        raise UnreadableFile(NAME, "line 1", why)
    return body


def _spooled(settings: Settings, body: bytes, folder: str) -> tuple[Path, str]:
    digest = hashlib.sha256(body).hexdigest()
    spool = Spool(settings.at(settings.spool))
    path = (spool.root / folder / f"{digest[:16]}.jsonl").resolve()
    spool.write(path, [body], len(body), NAME)
    return path, digest


def arrived(store: Store, settings: Settings, body: bytes, *, baseline: bool) -> tuple[File, bool]:
    """Write a push into the spool and note it as arrived; and whether it was read before."""
    path, digest = _spooled(settings, body, HISTORY if baseline else PUSHED)
    before = store.evidence.file(digest)
    if before is not None and before.status == "quarantined":  # pushed again: read again
        with store.transaction():
            again = before.model_copy(update={"status": "arrived", "reason": ""})
            store.evidence.put_file(again, shell.now())
    source = Source(path=path.parent, pattern=path.name)
    # It is whole already, so there is nothing to wait for.
    inbox.arrivals(store, [source], path.parent, shell.CLOCK, timedelta(0), baseline=baseline)
    file = store.evidence.file(digest)
    if file is None:
        raise UnreadableFile(str(path), "", "it was changed while it was taken in; push it again")
    # The same bytes may have come before under a name that is gone.
    return file.model_copy(update={"path": str(path)}), before is not None and before.status == "read"


def left(settings: Settings, body: bytes, holder: str) -> Answer:
    """Leave a push to the daemon that leads the store."""
    path, digest = _spooled(settings, body, PUSHED)
    return Answer(sha256=digest, path=str(path), left=holder)


def answered(store: Store, rules: watch.Rules, file: File, walked: watch.Walked, *, known: bool) -> Answer:
    """What became of each row, by what the store says now."""
    opened = watch.open_file(rules.catalogue, file)
    found: dict[str, list[Row]] = {"new": [], "same": [], "aside": [], "conflicting": []}
    for result in opened.results:
        what, row = _fate(store, result, known=known)
        found[what].append(row)
    unplaced = [
        Homeless(model=reading.model, task=reading.task, metric=reading.metric.name, value=reading.value, reason=why)
        for reading, why in opened.unplaced
    ]
    return Answer(
        sha256=file.sha256,
        path=file.path,
        new=tuple(found["new"]),
        same=tuple(found["same"]),
        aside=tuple(found["aside"]),
        conflicting=tuple(found["conflicting"]),
        unplaced=tuple(unplaced),
        refused=(opened.refused,) if opened.refused else (),
        notes=opened.file.notes,
        sealed=walked.sealed,
        decisions=walked.decisions,
    )


def _fate(store: Store, result: Result, *, known: bool) -> tuple[str, Row]:
    kept, counting = store.evidence.kept(result.identity), store.evidence.counting(result.key)
    row = Row(
        checkpoint=result.checkpoint.id, task=result.task, metric=result.metric.name, value=result.value, was=None
    )
    if counting is not None and kept is not None and not kept.counts:
        aside = kept.result.remarks and not counting.result.remarks
        return "aside" if aside else "conflicting", row.model_copy(update={"was": counting.result.value})
    is_new = kept is not None and kept.result.source == result.source and not known
    return ("new" if is_new else "same"), row


def show(answer: Answer, *, json: bool) -> None:
    """The answer, as JSON or as a table."""
    if json:
        as_json(answer.body())
        return
    if answer.left:
        shell.say(f"written to {answer.path}; the daemon {answer.left} leads and takes it in at its next scan")
        return
    fates = {"new": answer.new, "same": answer.same, "kept aside": answer.aside, "conflicting": answer.conflicting}
    rows = [("refused", "–", "–", "–", reason) for reason in answer.refused]
    rows += [
        (what, r.checkpoint, f"{r.task} · {r.metric}", number(r.value), f"{number(r.was)} counts")
        for what in ("conflicting", "kept aside")
        for r in fates[what]
    ]
    rows += [("unplaced", r.model, f"{r.task} · {r.metric}", number(r.value), r.reason) for r in answer.unplaced]
    for what in ("new", "same"):
        rows += [(what, r.checkpoint, f"{r.task} · {r.metric}", number(r.value), "") for r in fates[what]]
    shell.say(table("Pushed", ("became", "checkpoint", "result", "value", "because"), rows[:SHOWN], right=("value",)))
    if len(rows) > SHOWN:
        shell.say(f"and {len(rows) - SHOWN} rows more; --json lists them")
    told = ", ".join(f"{len(found)} {what}" for what, found in fates.items())
    shell.say(f"{told}, {len(answer.unplaced)} without a place, {answer.sealed} forecasts sealed")
    for note in answer.notes:
        shell.say(f"note: {note}")
    if answer.decisions:
        decided = [(f"{d.family}/{d.run}", d.answer, d.reason, d.sentence) for d in answer.decisions]
        shell.say(table("Gates", ("run", "gate", "reason", "because"), decided))
