"""`holdpoint file`: what was read, what waits, what is in quarantine."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

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
    """Every file by its content, with the reason why it could not be read.

    Example: holdpoint file list --status quarantined
    """
    with shell.opened(config) as (_, store):
        files = store.evidence.files(*([status] if status else []))
    rows = [
        (f.sha256[:12], f.path, f.reader or "–", f.status, moment(f.seen_at), f.reason or "; ".join(f.notes))
        for f in files
    ]
    columns = ("file", "path", "reader", "status", "seen", "reason or notes")
    shell.show([f.body() for f in files], table("Files", columns, rows), json=json)
