"""`holdpoint ingest`: read files now, as news or as baseline history."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from checkpoints_db import File, Store
from checkpoints_db.errors import SettingsError
from monitor import watch
from monitor.daemon import inbox
from monitor.daemon.jobs import load_rules
from monitor.faces.cli import shell
from monitor.faces.render import as_json, console, table
from monitor.settings import Source

BATCH = 50


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Result files, or folders of them.")],
    baseline: Annotated[
        bool, typer.Option("--baseline", help="History: it trains forecasts and is never judged as news.")
    ] = False,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Read result files into the store, judge them (unless --baseline), and seal the next forecasts."""
    for path in paths:
        if not path.exists():
            raise SettingsError(f"{path}: no such file or folder")
    with shell.opened(config) as (settings, store):
        holder = f"{platform.node()}:{os.getpid()}"
        store.lead(holder, shell.now(), shell.now() + timedelta(minutes=10))
        try:
            rules = load_rules(settings, shell.CLOCK)
            sources = [_source(path) for path in paths]
            found = inbox.arrivals(store, sources, Path.cwd(), shell.CLOCK, settings.daemon.settle, baseline=baseline)
            wanted = {str(path) for path in inbox.paths_of(sources, Path.cwd())}
            walked = _walk(store, rules, [file for file in found if file.path in wanted], quiet=json)
            with store.transaction():
                store.note("cycle", rules.policy.digest, shell.now())
        finally:
            store.resign(holder)
    _report(walked, baseline=baseline, json=json)
    if walked.quarantined:
        raise typer.Exit(1)


def _source(path: Path) -> Source:
    whole = path.resolve()
    return Source(path=whole) if whole.is_dir() else Source(path=whole.parent, pattern=_literal(whole.name))


def _literal(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _walk(store: Store, rules: watch.Rules, files: Sequence[File], *, quiet: bool) -> watch.Walked:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    walked = watch.Walked()
    with Progress(*columns, console=console(error=True), disable=quiet, transient=True) as progress:
        task = progress.add_task("reading files", total=len(files))
        # News is one batch: files of one evaluation must be judged together. History is not judged, so it may be cut.
        size = BATCH if all(file.baseline for file in files) else max(len(files), 1)
        for start in range(0, len(files), size):
            batch = files[start : start + size]
            walked = watch.added(walked, watch.take_in(store, rules, batch))
            progress.advance(task, len(batch))
        names = store.evidence.series_ids()
        sealing = progress.add_task("sealing forecasts", total=len(names))
        sealed = watch.seal_missing(store, rules, tick=lambda: progress.advance(sealing))
    return watch.added(walked, watch.Walked(sealed=sealed))


def _report(walked: watch.Walked, *, baseline: bool, json: bool) -> None:
    if json:
        as_json(walked.body())
        return
    what = "as baseline" if baseline else "as news"
    shell.say(
        f"{walked.files} files {what}: {walked.new} new results, {walked.same} known, "
        f"{walked.conflicting} conflicting, {walked.unplaced} without a place, {walked.waiting} files waiting; "
        f"{walked.sealed} forecasts sealed"
    )
    for reason in walked.quarantined:
        shell.say(f"quarantined: {reason}")
    if walked.decisions:
        rows = [(f"{d.family}/{d.run}", d.answer, d.reason, d.sentence) for d in walked.decisions]
        shell.say(table("Gates", ("run", "gate", "reason", "because"), rows))
