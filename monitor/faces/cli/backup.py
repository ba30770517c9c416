"""`holdpoint backup` and `holdpoint restore`."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from checkpoints_db import backup as copies
from monitor.daemon import backups
from monitor.faces.cli import shell
from monitor.settings import Backups, Settings

Force = Annotated[bool, typer.Option("--force", help="Replace what is there; a store is moved aside, not deleted.")]


def backup(
    target: Annotated[Path | None, typer.Argument(help="The file to write.", metavar="TARGET")] = None,
    to: Annotated[
        str, typer.Option("--to", help="Instead: a folder or URL that backups lie in, compressed.", metavar="URL")
    ] = "",
    keep: Annotated[
        int | None, typer.Option(min=1, help="With --to: how many are kept there, the newest ones.")
    ] = None,
    force: Force = False,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Copy the store to TARGET while the daemon goes on, and verify the copy. Exit code 1 where that fails.

    Without TARGET and --to it goes where the settings say ([backup]), under a name of its own.

    Example: holdpoint backup --to s3://bucket/holdpoint
    """
    if target is not None and (to or keep):
        raise typer.BadParameter("a file TARGET, or a folder or URL by --to (and --keep); not both")
    with shell.opened(config) as (settings, store), shell.progress(after=1) as tell:
        if target is None:
            terms = _terms(settings, to, keep)
            made = backups.make(store, settings, terms, shell.now(), tell)
        else:
            head = copies.backup(store, target, force=force, tick=tell)
    if target is None:
        gone = f"; {len(made.removed)} older ones removed" if made.removed else ""
        told = f"backed up {made.head.seq} ledger rows to {made.url}/{made.name} ({made.size:,} bytes){gone}"
        shell.show(made.body(), f"{told}, head {made.head}", json=json)
        return
    size = target.stat().st_size
    told = f"backed up {head.seq} ledger rows to {target} ({size:,} bytes), head {head}"
    shell.show({"store": str(target), "rows": head.seq, "head": str(head), "bytes": size}, told, json=json)


def _terms(settings: Settings, to: str, keep: int | None) -> Backups:
    """Where a backup goes and what is kept there: as the options say, else as the settings do."""
    if to:
        try:
            return Backups(url=str(Path(to).resolve()) if "://" not in to else to, keep=keep or NEVER)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--to") from error
    if settings.backup is None:
        raise typer.BadParameter("name a file, a folder or URL by --to, or write [backup] url = … into the settings")
    return settings.backup if keep is None else settings.backup.model_copy(update={"keep": keep})


NEVER = 1_000_000
"""A number of backups that nobody reaches: where nobody says how many to keep, none is removed."""


def restore(
    source: Annotated[
        str,
        typer.Argument(help="A backup, or a folder or URL: the newest there. Else as [backup] says.", metavar="SOURCE"),
    ] = "",
    force: Force = False,
    drill: Annotated[
        bool, typer.Option("--drill", help="Only try it, in a temporary folder; the store in use stays as it is.")
    ] = False,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Verify the backup SOURCE and put it where the settings want the store. Gates hold until the next complete cycle.

    Exit code 1 where a store is in the way (--force moves it aside), a daemon leads it, or SOURCE does not hold.
    --drill rebuilds every table from its ledger, says how long all of it took, and writes that into the ledger in use.

    Example: holdpoint restore --drill
    """
    settings = Settings.load(config)
    if not source and settings.backup is None:
        raise typer.BadParameter("name a backup, or a folder or URL of them", param_hint="SOURCE")
    named, base = (source, Path.cwd()) if source else (settings.backup.url if settings.backup else "", settings.base)
    if drill:
        _drill(config, named, base, json=json)
        return
    target = settings.at(settings.store)
    with TemporaryDirectory() as folder, shell.progress(after=1) as tell:
        path, _, _ = backups.fetched(named, base, Path(folder))
        head = copies.restore(path, target, shell.now(), force=force, tick=tell)
    told = f"restored {head.seq} ledger rows to {target}, head {head}; gates hold until a daemon completes a cycle"
    shell.show({"store": str(target), "rows": head.seq, "head": str(head)}, told, json=json)


def _drill(config: Path, source: str, base: Path, *, json: bool) -> None:
    with shell.opened(config) as (_, store), shell.progress(after=1) as tell:
        drilled = backups.drill(store, source, base, shell.CLOCK, tell)
    value = {**drilled.body(), "sound": drilled.sound}
    what = (
        f"{drilled.url}/{drilled.name}: {drilled.head.seq} ledger rows restored and rebuilt in {drilled.seconds:.1f} s"
    )
    if drilled.sound:
        shell.show(value, f"{what}; every table is what the ledger says. The store could go on from it.", json=json)
        return
    why = f"{drilled.differences} rows are not what its ledger says" if drilled.ours else "it is of another store"
    shell.show(value, f"{what}; {why}. Find out who wrote to it, and make a new one.", json=json)
    raise typer.Exit(1)
