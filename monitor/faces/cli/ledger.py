"""`holdpoint ledger`: has anybody touched the record?"""

from __future__ import annotations

import typer

from monitor.faces.cli import shell

app = typer.Typer(no_args_is_help=True, help="The ledger: append-only and hash-chained.")


@app.command()
def verify(config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """Walk the whole chain. Exit code 0 when it holds, 1 naming the first row that does not."""
    with shell.opened(config) as (_, store):
        seq, head = store.ledger.verify()
    shell.show({"rows": seq, "head": head}, f"the ledger holds: {seq} rows, head {head}", json=json)
