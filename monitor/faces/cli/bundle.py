"""`holdpoint bundle`: show somebody else why a gate said what it said, so that they need not take our word."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from checkpoints_db import Store
from checkpoints_db.records import Diagnosis
from monitor import pins
from monitor.bundle import About, Drawing, Part, make, verify
from monitor.bundle import about as about_
from monitor.faces.cli import shell
from monitor.faces.cli.verdict import picture
from monitor.faces.render import as_json, clean, table

app = typer.Typer(no_args_is_help=True, help="Evidence bundles: a decision that others can make again.")

Pins = Annotated[
    list[Path] | None, typer.Option("--pin", help="A file of heads that `ledger pin` wrote down.", metavar="FILE")
]


@app.command("make")
def make_(
    name: Annotated[str, typer.Argument(help="Alert id (or its first characters), or a run.", metavar="ALERT|RUN")],
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write; default FAMILY-RUN-DECISION.bundle.", metavar="FILE")
    ] = None,
    pin: Pins = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Write one file from which anybody makes the decision again: evidence, seals, policies, people, chart, ledger.

    It holds the whole ledger up to now, of other runs too. Exit code 1 where there is no such decision, or the ledger
    does not hold or does not keep its pins.

    Example: holdpoint bundle make lab/7b --out 7b.bundle --pin /mnt/elsewhere/pins.jsonl
    """
    pinned = [one for path in pin or () for one in pins.read(path)]
    with shell.opened(config) as (_, store), shell.progress(after=1) as tell:
        found = about_(store, name)
        moment = found.moment
        default = f"{moment.family}-{moment.run}-{moment.digest[:12]}.bundle".replace("/", "-")
        path = out or Path(default)
        made = make(store, found, path, pins=pinned, draw=draw, tell=tell)
    told = f"{path}: {found.decision.answer} on {made.family}/{made.run}, {made.head.seq} rows, head {made.head}"
    if json:
        as_json({"file": str(path), "answer": str(found.decision.answer), **made.body()})
    else:
        shell.plain(told)


@app.command("verify")
def verify_(
    file: Annotated[Path, typer.Argument(help="What `holdpoint bundle make` wrote.", metavar="FILE")],
    pin: Pins = None,
    json: shell.Json = False,
) -> None:
    """Make the decision of a bundle again, without the store, and say of each part whether it is the same.

    Exit code 0 when every part was made again bit for bit, 1 naming the parts that differ or cannot be proven here.

    Example: holdpoint bundle verify 7b.bundle --pin pins.jsonl
    """
    pinned = [one for path in pin or () for one in pins.read(path)]
    with shell.progress(after=1) as tell:
        report = verify(file, pins=pinned, draw=draw, tell=tell)
    if json:
        as_json({**report.body(), "verified": report.verified})
    else:
        rows = [(part.name, part.status, clean(part.sentence)) for part in report.parts]
        shell.say(table(f"{report.answer or 'a decision'} on {report.family}/{report.run}", ("part", "", "what"), rows))
        shell.plain(_verdict(report.parts))
    if not report.verified:
        raise typer.Exit(1)


def _verdict(parts: tuple[Part, ...]) -> str:
    named = {status: [part.name for part in parts if part.status == status] for status in ("differs", "unproven")}
    said = [f"{status}: {', '.join(names)}" for status, names in named.items() if names]
    return "; ".join(said) or "verified: every part was made again and is the same"


def draw(store: Store, of: About) -> Drawing | None:
    """The chart of what a decision is about: the question of its worst finding, or the first of its checkpoint."""
    from monitor.faces import charts  # noqa: PLC0415 - the chart library takes a second to import

    here = store.judgements.told(Diagnosis, of.decision.family, of.decision.run, of.moment.seq)
    newest = {d.question: d for d in here if d.checkpoint == of.moment.checkpoint and (d.continuous or d.thresholded)}
    if not newest:
        return None
    worst = max(of.decision.findings, key=lambda f: (f.effect.rank, f.magnitude), default=None)
    task = worst.subject.partition(" · ")[0] if worst else ""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "chart.svg"
        charts.write(picture(store, newest.get(task, next(iter(newest.values())))), path)
        by = ", ".join(f"{name} {version(name)}" for name in ("altair", "vl-convert-python"))
        return Drawing(_renumbered(path.read_bytes()), by)


def _renumbered(svg: bytes) -> bytes:
    """The drawing with its clips counted from 1: the library goes on counting as long as the process lives."""
    known: dict[bytes, bytes] = {}

    def one(match: re.Match[bytes]) -> bytes:
        return match[1] + known.setdefault(match[2], b"%d" % (len(known) + 1)) + match[3]

    return re.sub(rb"""((?:url\(#|id=")clip)(\d+)([")])""", one, svg)
