"""`holdpoint ingest`: read files now, as news or as baseline history."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from checkpoints_db import File, Store
from checkpoints_db.errors import LeadershipLost, SettingsError
from monitor import watch
from monitor.daemon import inbox
from monitor.daemon.leadership import lead, myself
from monitor.daemon.push import Pushed, again, settled
from monitor.daemon.rules import load_rules
from monitor.daemon.spool import HISTORY, PUSHED
from monitor.faces.cli import push, shell
from monitor.faces.render import as_json, console, table
from monitor.settings import Source

BATCH = 50


def ingest(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Result files, folders or URLs of them; or `-`: rows of the plain table, as JSON lines, from standard "
            "input.",
            metavar="PATHS",
        ),
    ],
    baseline: Annotated[
        bool, typer.Option("--baseline", help="History: it trains forecasts and is never judged as news.")
    ] = False,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Read result files into the store, judge them (unless --baseline), and seal the next forecasts.

    Example: holdpoint ingest --baseline /evals/history
    """
    if "-" in paths:
        if len(paths) > 1:
            raise typer.BadParameter("standard input comes alone; give `-`, or paths")
        _push(config, baseline=baseline, json=json)
        return
    sources = [_source(path) for path in paths]
    with shell.opened(config) as (settings, store), _leading(store):
        rules, spool, here = load_rules(settings, shell.CLOCK), settings.at(settings.spool), Path.cwd()
        settle, readers = settings.daemon.settle, rules.readers
        found = inbox.arrivals(
            store, sources, here, shell.CLOCK, settle, spool=spool, readers=readers, baseline=baseline
        )
        wanted = inbox.names_of(sources, here, spool)
        walked = _walk(store, rules, [file for file in found if file.path in wanted], quiet=json)
        with store.transaction():
            store.note("cycle", rules.policy.digest, shell.now())
    _report(walked, baseline=baseline, json=json)
    if walked.quarantined:
        raise typer.Exit(1)


@contextmanager
def _leading(store: Store) -> Iterator[None]:
    holder = myself()
    lead(store, holder, shell.now(), shell.now() + timedelta(minutes=10))
    try:
        yield
    finally:
        store.resign(holder)


def _push(config: Path, *, baseline: bool, json: bool) -> None:
    """Standard input: written whole into the spool first, then walked as any file."""
    body = push.taken(sys.stdin.buffer)
    with shell.opened(config) as (settings, store):
        rules = load_rules(settings, shell.CLOCK)
        try:
            with _leading(store):
                held = push.spooled(settings, body, HISTORY if baseline else PUSHED)
                answer = settled(store, rules, held, baseline=baseline, consider=partial(_walk, quiet=json))
                with store.transaction():
                    store.note("cycle", rules.policy.digest, shell.now())
        except LeadershipLost as lost:
            if baseline:  # the daemon would judge it as news
                raise
            answer = Pushed(files=push.spooled(settings, body, PUSHED), left=lost.holder)
            again(store, rules, answer.files)
    push.show(answer, json=json)
    if answer.refused:
        raise typer.Exit(1)


def _source(path: str) -> Source:
    if "://" in path:
        try:
            return Source(url=path)
        except ValidationError as error:
            raise SettingsError(f"{path}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from error
    if not Path(path).exists():
        raise SettingsError(f"{path}: no such file or folder")
    whole = Path(path).resolve()
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
        f"{walked.aside} kept aside, {walked.conflicting} conflicting, {walked.unplaced} without a place, "
        f"{walked.waiting} files waiting; {walked.sealed} forecasts sealed"
    )
    for reason in walked.quarantined:
        shell.say(f"quarantined: {reason}")
    if walked.decisions:
        rows = [(f"{d.family}/{d.run}", d.answer, d.reason, d.sentence) for d in walked.decisions]
        shell.say(table("Gates", ("run", "gate", "reason", "because"), rows))
