"""`holdpoint file`: what was read, what waits, what is in quarantine, and reading one again."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from checkpoints_db.errors import EvidenceError
from monitor.faces.cli import shell
from monitor.faces.render import moment, table

app = typer.Typer(no_args_is_help=True, help="Files: read, waiting for their other half, or in quarantine.")


@app.command("list")
def list_(
    status: Annotated[
        Literal["arrived", "read", "waiting", "quarantined"] | None, typer.Option(help="Only these.")
    ] = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Every file by its content, with the reason why it could not be read."""
    with shell.opened(config) as (_, store):
        files = store.evidence.files(status)
    rows = [
        (f.sha256[:12], f.path, f.reader or "–", f.status, moment(f.seen_at), f.reason or "; ".join(f.notes))
        for f in files
    ]
    columns = ("file", "path", "reader", "status", "seen", "reason or notes")
    shell.show([f.body() for f in files], table("Files", columns, rows), json=json)


@app.command()
def retry(
    name: Annotated[str, typer.Argument(help="First characters of the file's digest, from `file list`.")],
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Take a file out of quarantine: the next scan reads it again, with the readers there are now."""
    with shell.opened(config) as (_, store):
        found = [f for f in store.evidence.files("quarantined") if f.sha256.startswith(name)]
        if len(found) != 1:
            why = "several files in quarantine begin so" if found else "no file in quarantine begins so"
            raise EvidenceError(f"file {name!r}: {why}; see `holdpoint file list --status quarantined`")
        with store.transaction():
            again = found[0].model_copy(update={"status": "arrived", "reason": ""})
            store.evidence.put_file(again, shell.now())
    shell.show(again.body(), f"{again.path} is read again at the next scan", json=json)
