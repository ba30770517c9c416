"""`holdpoint alert history`, `export` and `causes`: what happened to alerts, and what the reviews of them found."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from checkpoints_db import Store
from checkpoints_db.errors import PolicyError
from checkpoints_db.records import Record
from checkpoints_db.records.base import canonical
from monitor import alert_history
from monitor.alert_history import Happened
from monitor.faces.cli import shell
from monitor.faces.render import clean, moment, table


class Format(StrEnum):
    """How lines are written."""

    csv = "csv"
    jsonl = "jsonl"


class Per(StrEnum):
    """In what spans of time is counted."""

    week = "week"
    month = "month"
    year = "year"


def as_table(story: Sequence[Happened]) -> Table:
    """The history of one alert."""
    rows = [
        (moment(line.at), line.episode or "–", line.what, line.by, line.state or "–", _said(line)) for line in story
    ]
    return table("History", ("when", "episode", "what", "by", "then it was", "what was said"), rows)


def _said(line: Happened) -> str:
    cause = f"[{line.cause}]" if line.cause else ""
    words = " ".join(part for part in (cause, line.text, line.url) if part)
    return ": ".join(part for part in (line.to, words) if part)


def history(
    name: Annotated[str, typer.Argument(help="Alert id, or its first characters.", metavar="ALERT")],
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Everything that happened to an alert in all its episodes: events, what people said, messages sent.

    Example: holdpoint alert history 3f2a --json
    """
    with shell.opened(config) as (_, store):
        story = alert_history.history(store, _id_of(store, name))
    shell.show([line.body() for line in story], as_table(story), json=json)


def export(
    name: Annotated[str, typer.Argument(help="Alert id; left out: every alert.", metavar="[ALERT]")] = "",
    form: Annotated[Format, typer.Option("--format", help="One line for each thing that happened.")] = Format.jsonl,
    out: Annotated[Path | None, typer.Option(help="Write to this file instead of printing.", metavar="FILE")] = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """The complete history of one alert, or of all, as lines for other programs (--json is --format jsonl).

    Cells of CSV that a spreadsheet would take for formulas begin with an apostrophe.

    Example: holdpoint alert export 3f2a --format csv --out 3f2a.csv
    """
    with shell.opened(config) as (_, store):
        names = [_id_of(store, name)] if name else list(store.actions.rules_of_alerts())
        lines = _csv(store, names) if form is Format.csv and not json else _jsonl(store, names)
        if out is None:
            for line in lines:
                typer.echo(line, nl=False)
            return
        try:
            with out.open("x", encoding="utf-8", newline="") as stream:
                stream.writelines(lines)
        except OSError as error:
            raise shell.CannotWrite(out, error.strerror or str(error)) from error
    shell.say(f"history of {len(names)} alerts: {out}")


def causes(
    per: Annotated[Per, typer.Option(help="Counted by this span of time.")] = Per.month,
    by_rule: Annotated[bool, typer.Option("--by-rule", help="Each rule by itself.")] = False,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """What reviews found, over time: how many alerts were confirmed, and how many were false, for what cause.

    Example: holdpoint alert causes --per month --by-rule
    """
    with shell.opened(config) as (_, store):
        found = alert_history.causes(store, per.value, by_rule=by_rule)
    columns = (per.value, *(("rule",) if by_rule else ()), "found", "cause", "alerts")
    rows = [(one.period, *((one.rule,) if by_rule else ()), one.found, one.cause or "–", one.count) for one in found]
    shell.show([one.body() for one in found], table("What reviews found", columns, rows, right=("alerts",)), json=json)


def _id_of(store: Store, name: str) -> str:
    alert = store.actions.alert(name)
    if alert is None:
        raise PolicyError(f"no alert {name!r}, or several; see `holdpoint alert list --all`")
    return alert.id


def _lines(store: Store, names: Sequence[str]) -> Iterator[Record]:
    for name in names:
        yield from alert_history.history(store, name)


def _jsonl(store: Store, names: Sequence[str]) -> Iterator[str]:
    for line in _lines(store, names):
        yield canonical(line.body()) + "\n"


def _csv(store: Store, names: Sequence[str]) -> Iterator[str]:
    fields = list(Happened.model_fields)
    yield ",".join(fields) + "\n"
    for line in _lines(store, names):
        cells = [_cell(value) for value in line.body().values()]
        row = io.StringIO()
        csv.writer(row, lineterminator="\n").writerow(cells)
        yield row.getvalue()


def _cell(value: object) -> object:
    """A cell that no spreadsheet runs: names and texts are whatever somebody wrote."""
    if not isinstance(value, str):
        return value
    text = clean(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
