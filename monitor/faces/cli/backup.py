"""`holdpoint backup` and `holdpoint restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from checkpoints_db import backup as copies
from monitor.faces.cli import shell
from monitor.settings import Settings

Force = Annotated[bool, typer.Option("--force", help="Replace what is there; a store is moved aside, not deleted.")]


def backup(
    target: Annotated[Path, typer.Argument(help="The file to write.", metavar="TARGET")],
    force: Force = False,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Copy the store to TARGET while the daemon goes on, and verify the copy. Exit code 1 where that fails.

    Example: holdpoint backup /mnt/backups/holdpoint-2026-11-24.db
    """
    with shell.opened(config) as (_, store), shell.progress(after=1) as tell:
        head = copies.backup(store, target, force=force, tick=tell)
    size = target.stat().st_size
    told = f"backed up {head.seq} ledger rows to {target} ({size:,} bytes), head {head}"
    shell.show({"store": str(target), "rows": head.seq, "head": str(head), "bytes": size}, told, json=json)


def restore(
    source: Annotated[Path, typer.Argument(help="A backup.", metavar="SOURCE")],
    force: Force = False,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Verify the backup SOURCE and put it where the settings want the store. Gates hold until the next complete cycle.

    Exit code 1 where a store is in the way (--force moves it aside), a daemon leads it, or SOURCE does not hold.

    Example: holdpoint restore /mnt/backups/holdpoint-2026-11-24.db --force
    """
    settings = Settings.load(config)
    target = settings.at(settings.store)
    with shell.progress(after=1) as tell:
        head = copies.restore(source, target, shell.now(), force=force, tick=tell)
    told = f"restored {head.seq} ledger rows to {target}, head {head}; gates hold until a daemon completes a cycle"
    shell.show({"store": str(target), "rows": head.seq, "head": str(head)}, told, json=json)
