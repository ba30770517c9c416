"""What came through standard input: read whole, and what became of it as a person reads it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import BinaryIO

from checkpoints_db.errors import UnreadableFile
from checkpoints_db.readers.table import Table
from monitor.daemon.push import Pushed
from monitor.daemon.spool import Held, Spool
from monitor.faces.cli import shell
from monitor.faces.render import as_json, number, table
from monitor.settings import Settings

LIMIT = 64 << 20
"""More than this is not a push, in bytes; write a file into a source."""
NAME = "standard input"
ROWS = PurePosixPath("rows.jsonl")
"""What it is called in the spool."""
SHOWN = 40
"""Rows of the table; --json has all of them."""


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


def spooled(settings: Settings, body: bytes, folder: str) -> tuple[Held, ...]:
    """Write it whole into a folder of the spool."""
    return Spool(settings.at(settings.spool)).hold(folder, [(ROWS, [body])], len(body))


def show(answer: Pushed, *, json: bool) -> None:
    """The answer, as JSON or as a table."""
    if json:
        as_json(answer.body())
        return
    if answer.left:
        shell.say(f"written to {answer.files[0].path}; the daemon {answer.left} leads and takes it in at its next scan")
        return
    fates = {"new": answer.new, "same": answer.same, "kept aside": answer.aside, "conflicting": answer.conflicting}
    rows = [("refused", "–", "–", "–", one.reason) for one in answer.refused]
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
