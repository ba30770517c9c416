"""`holdpoint checkpoint`: what was evaluated."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from checkpoints_db import Seen
from monitor.faces.cli import shell
from monitor.faces.render import scale, table

app = typer.Typer(no_args_is_help=True, help="Checkpoints: saved weights that were evaluated.")


@app.command("list")
def list_(
    family: Annotated[str | None, typer.Option(help="Only this family.")] = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Every checkpoint, its scale, and whether it came as history or as news; then what has no place yet.

    Example: holdpoint checkpoint list --family lab
    """
    with shell.opened(config) as (_, store), shell.progress(after=1) as tell:
        shell.must_have(store, family)
        found: dict[str, list[Seen]] = {}
        for seen in store.evidence.walked(family, partial(tell, "reading results")):
            found.setdefault(seen.result.checkpoint.id, []).append(seen)
        unplaced = store.evidence.unplaced()
        value = {
            "checkpoints": [
                {
                    **seen[0].result.checkpoint.body(),
                    "id": name,
                    "results": len(seen),
                    "baseline": all(one.baseline for one in seen),
                }
                for name, seen in found.items()
            ],
            "unplaced": [{"model": u.reading.model, "task": u.reading.task, "reason": u.reason} for u in unplaced],
        }
    rows = [
        (
            c["id"],
            c["stage"] or "–",
            scale(c["params"]),
            scale(c["tokens"]),
            scale(c["flop"]),
            c["results"],
            "baseline" if c["baseline"] else "news",
        )
        for c in value["checkpoints"]
    ]
    columns = ("checkpoint", "stage", "params", "tokens", "FLOP", "results", "came as")
    shell.show(value, table("Checkpoints", columns, rows, right=columns[2:6]), json=json)
    if unplaced and not json:
        models = {u.reading.model: u.reason for u in unplaced}
        shell.say(table("Without a place", ("model", "why"), list(models.items())))
