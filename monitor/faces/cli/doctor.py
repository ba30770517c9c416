"""`holdpoint doctor`: what ails this installation, and what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from checkpoints_db import Store
from checkpoints_db.errors import StoreError
from monitor import doctor as examination
from monitor import pins
from monitor.faces.cli import shell
from monitor.faces.render import as_json, clean
from monitor.settings import Settings

MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


def doctor(
    pin: Annotated[
        list[Path] | None, typer.Option(help="A file of pinned heads: the ledger is read from the last one on.")
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read the whole ledger and every index, rebuild every table; takes longer.")
    ] = False,
    send: Annotated[bool, typer.Option("--send", help="Tell every receiver that this is a test.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 over warnings too.")] = False,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Check all that a gate rests on, one line each: ok, warn or FAIL, what was found, what to do. Changes nothing.

    Exit code 0 where nothing failed; 1 where something did, or, with --strict, where there are warnings.

    Example: holdpoint doctor --pin /mnt/elsewhere/pins.jsonl
    """
    settings, found = Settings.load(config), list[examination.Checked]()
    pinned = tuple(one for path in pin or () for one in pins.read(path))
    opened, why = _opened(settings)
    try:
        with shell.progress(after=1) as tell:
            patient = examination.Patient(settings, shell.CLOCK, opened, why, pinned, deep, send, tell)
            for one in examination.examine(patient):
                found.append(one)
                if not json:
                    _say(one)
    finally:
        if opened is not None:
            opened.close()
    worst = examination.worst(found)
    if json:
        as_json({"state": worst, "checks": [one.body() for one in found]})
    if worst == "fail" or (strict and worst == "warn"):
        raise typer.Exit(1)


def _say(one: examination.Checked) -> None:
    shell.plain(f"{MARKS[one.state]}  {one.name}: {one.found}")
    if one.do:
        shell.plain(f"      -> {clean(one.do)}")


def _opened(settings: Settings) -> tuple[Store | None, StoreError | None]:
    """The store as it lies there, whatever its state; or why it cannot be opened."""
    try:
        return Store.open(settings.at(settings.store), read_only=True), None
    except StoreError as error:
        return None, error
