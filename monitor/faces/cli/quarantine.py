"""`holdpoint quarantine`: what could not be read, why, and reading it again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from checkpoints_db import File, Store
from checkpoints_db.errors import EvidenceError, UnreadableFile
from checkpoints_db.readers import read
from monitor import alerts, watch
from monitor.daemon.inbox import sha256_of
from monitor.daemon.rules import load_rules, readers_of
from monitor.faces.cli import shell
from monitor.faces.render import clean, moment, table
from monitor.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Quarantine: files that no reader could read; nothing of them was taken.")

HEAD = 400
"""Bytes of a file that `show` prints."""
Digest = Annotated[str, typer.Argument(help="First characters of the file's digest, from `quarantine list`.")]


@app.command("list")
def list_(config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """Every file in quarantine, with the reason.

    Example: holdpoint quarantine list
    """
    with shell.opened(config) as (_, store):
        files = store.evidence.files("quarantined")
    rows = [(f.sha256[:12], f.path, f.size, moment(f.seen_at), f.reason) for f in files]
    columns = ("file", "path", "bytes", "seen", "reason")
    shell.show([f.body() for f in files], table("Quarantine", columns, rows, right=("bytes",)), json=json)


@app.command()
def show(name: Digest, config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """One file: why it was refused, how it begins, where its copy lies, and what to do next.

    Example: holdpoint quarantine show 3f2a9c01
    """
    with shell.opened(config) as (settings, store):
        file = _find(store, name)
        origins = store.evidence.origins(file.sha256)
    copy = watch.copy_of(settings, file)
    where = _content(settings, file)
    field, said, readable = _read_now(settings, where, file)
    value = {
        "sha256": file.sha256,
        "path": file.path,
        "seen_as": origins,
        "size": file.size,
        "seen": moment(file.seen_at),
        "reason": file.reason,
        "field": field,
        "readers_now": said,
        "begins": _head(where),
        "copy": str(copy) if copy.is_file() else "",
        "next": _next(file, where, readable=readable),
    }
    rows = [
        (key.replace("_", " "), "; ".join(cell) if isinstance(cell, list) else cell or "–")
        for key, cell in value.items()
    ]
    shell.show(value, table("In quarantine", ("what", ""), rows), json=json)


@app.command()
def retry(name: Digest, config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """Take a file out of quarantine: the next scan reads it again, with the readers there are now.

    Example: holdpoint quarantine retry 3f2a9c01
    """
    with shell.opened(config) as (settings, store):
        file = _find(store, name)
        where = _content(settings, file)
        if where is None:
            raise EvidenceError(
                f"{file.path}: its content is there no more, and no copy was kept; write the file again, "
                "the next scan reads it"
            )
        again = file.model_copy(update={"status": "arrived", "reason": "", "path": str(where)})
        with store.transaction():
            if again.path != file.path:  # the copy is read now; should it be refused, the alert will name the copy
                told = load_rules(settings, shell.CLOCK).told(store)
                alerts.settle_about(store, "quarantine", file.path, told, shell.now())
            store.evidence.put_file(again, shell.now())
    shell.show(again.body(), f"{again.path} is read again at the next scan", json=json)


def _find(store: Store, name: str) -> File:
    found = [f for f in store.evidence.files("quarantined") if f.sha256.startswith(name)]
    if len(found) != 1:
        why = "several files in quarantine begin so" if found else "no file in quarantine begins so"
        raise EvidenceError(f"file {name!r}: {why}; see `holdpoint quarantine list`")
    return found[0]


def _content(settings: Settings, file: File) -> Path | None:
    """Where these very bytes lie: where they were seen, else the copy; None where both are gone or changed."""
    for path in (Path(file.path), watch.copy_of(settings, file)):
        try:
            if sha256_of(path) == file.bytes_digest:
                return path
        except OSError:  # not ours to open any more: as good as gone
            continue
    return None


def _read_now(settings: Settings, where: Path | None, file: File) -> tuple[str, str, bool]:
    """The field that is wrong, what the readers of today say of the file, and whether they can read it."""
    if where is None:
        return "", "its content is there no more", False
    try:
        readout = read(where, readers_of(settings))
    except UnreadableFile as error:
        return error.field, str(error), False
    except EvidenceError as error:
        return "", str(error), False
    except watch.MALFORMED as error:
        return (
            "",
            f"{file.path}: the reader does not understand it ({type(error).__name__}: {error}); report this",
            False,
        )
    return "", f"{readout.reader} finds {len(readout.readings)} results in it", True


def _head(where: Path | None) -> str:
    if where is None:
        return ""
    with where.open("rb") as stream:
        return clean(stream.read(HEAD).decode("utf-8", "replace"))


def _next(file: File, where: Path | None, *, readable: bool) -> str:
    retry = f"holdpoint quarantine retry {file.sha256[:12]}"
    if where is None:
        return "write the file again whole; the next scan reads it by itself"
    if readable:
        return f"it can be read now: {retry}"
    return (
        "repair what the reason names and write the file again, the next scan reads it by itself; or fix or install a "
        f"reader and run: {retry}; or, if it is no result, move it out of the source"
    )
