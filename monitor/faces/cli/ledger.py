"""`holdpoint ledger`: has anybody touched the record?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from checkpoints_db import Store
from checkpoints_db.ledger import Pin
from checkpoints_db.rebuild import Difference, rebuild
from monitor import pins
from monitor.faces.cli import shell
from monitor.faces.render import as_json, clean

app = typer.Typer(no_args_is_help=True, help="The ledger: append-only and hash-chained.")
SHOWN = 20
"""Differences that are printed; JSON has all."""
EACH = 500
"""Rows between two moves of the bar."""


@contextmanager
def _bar(store: Store, what: str) -> Iterator[Callable[[int], object]]:
    """A bar over the rows of the ledger, where that takes longer than a moment."""
    rows = store.ledger.head[0]
    with shell.progress(after=1) as tell:
        yield lambda seq: tell(what, seq, rows) if seq % EACH == 0 or seq == rows else None


def _head_of(text: str) -> Pin:
    try:
        return Pin.parse(text)
    except ValueError as error:
        raise typer.BadParameter(
            "write SEQ:DIGEST, as `holdpoint ledger head` prints it", param_hint="--from"
        ) from error


@app.command()
def verify(
    since: Annotated[
        str | None,
        typer.Option("--from", help="A head that was checked before: only later rows are read.", metavar="SEQ:DIGEST"),
    ] = None,
    pin: Annotated[
        list[Path] | None,
        typer.Option(help="A file of pinned heads: finds an end that was cut off, and rows that were written anew."),
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also rebuild every other table from the ledger and compare.")
    ] = False,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Walk the chain. Exit code 0 when it holds, 1 naming the first row that does not, or the tables that differ.

    Example: holdpoint ledger verify --pin /mnt/elsewhere/pins.jsonl --deep
    """
    start = _head_of(since) if since else None
    pinned = [one for path in pin or () for one in pins.read(path)]
    with shell.opened(config) as (_, store), _bar(store, "verifying") as tick:
        seq, head = store.ledger.verify(start, pinned, tick)
        found = _deep(store) if deep else []
    if json:
        differences = [one.body() for one in found]
        as_json({"rows": seq, "head": head, "pins": len(pinned), **({"differences": differences} if deep else {})})
    else:
        shell.say(f"the ledger holds: {seq} rows, head {head}" + (f", {len(pinned)} pins kept" if pinned else ""))
        _say(found, "every table is what the ledger says" if deep else "")
    if found:
        raise typer.Exit(1)


def _deep(store: Store) -> list[Difference]:
    with TemporaryDirectory() as folder, _bar(store, "rebuilding") as tick:
        return rebuild(store, Path(folder) / "rebuilt.db", tick)


def _say(found: list[Difference], otherwise: str) -> None:
    for one in found[:SHOWN]:
        shell.say(clean(str(one)))
    if len(found) > SHOWN:
        shell.say(f"and {len(found) - SHOWN} more; --json has all")
    if not found and otherwise:
        shell.say(otherwise)


@app.command()
def head(config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """The last row, as SEQ:DIGEST: what to write down elsewhere, and what `verify --from` takes.

    Example: holdpoint ledger head
    """
    with shell.opened(config) as (_, store):
        seq, digest = store.ledger.head
    shell.show({"seq": seq, "digest": digest, "head": f"{seq}:{digest}"}, f"{seq}:{digest}", json=json)


@app.command("pin")
def pin_(
    target: Annotated[
        str, typer.Argument(help="A file, a folder that is a git repository, or an http(s) URL.", metavar="TARGET")
    ],
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Verify the ledger and write its head down elsewhere: a line of a file, a commit, a POST of JSON.

    Exit code 1 where it cannot be written, or the ledger does not hold.

    Example: holdpoint ledger pin /mnt/elsewhere/pins.jsonl
    """
    with shell.opened(config) as (_, store), _bar(store, "verifying") as tick:
        seq, digest = store.ledger.verify(tick=tick)
    pinned, commit = Pin(seq=seq, sha256=digest, at=shell.now()), ""
    if "://" in target:
        pins.to_webhook(target, pinned)
    elif Path(target).is_dir():
        commit = pins.to_git(Path(target), pinned)
    else:
        pins.to_file(Path(target), pinned)
    where = f"commit {commit[:12]}" if commit else "the URL" if "://" in target else target
    shell.show({**pinned.body(), "commit": commit}, f"pinned {pinned} to {where}", json=json)


@app.command("rebuild")
def rebuild_(
    out: Annotated[Path, typer.Argument(help="File of the fresh store; nothing may be there yet.", metavar="OUT")],
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Replay the ledger into a fresh store at OUT. Exit code 0 when it equals the old one, 1 naming what differs.

    Example: holdpoint ledger rebuild /tmp/rebuilt.db
    """
    with shell.opened(config) as (_, store), _bar(store, "rebuilding") as tick:
        found = rebuild(store, out, tick)
        seq, digest = store.ledger.head
    if json:
        as_json({"rows": seq, "head": digest, "store": str(out), "differences": [one.body() for one in found]})
    else:
        shell.say(f"rebuilt {seq} rows into {out}")
        _say(found, "every table is what the ledger says")
    if found:
        raise typer.Exit(1)


@app.command("clock")
def clock(by: shell.By, reason: shell.Because, config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """Say that the clock is right after it was set back; until then gates hold. It is written into the ledger.

    Example: holdpoint ledger clock --by ada --reason "NTP was off by a day, checked with chronyc"
    """
    with shell.opened(config) as (_, store):
        was = store.accept_clock(by, reason, shell.now())
    told = f"the clock had said {was}; {by} says that it is right now" if was else "the clock was not set back"
    shell.show({"was": was, "by": by, "reason": reason}, told, json=json)
