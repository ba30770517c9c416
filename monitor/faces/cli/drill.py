"""`holdpoint drill`: would a real pause reach anybody, and close the gate?"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from checkpoints_db.errors import LeadershipLost
from checkpoints_db.records import FireDrill
from monitor.daemon import drills
from monitor.daemon.rules import load_rules
from monitor.daemon.service import Service
from monitor.faces.alert_chart import alert_chart
from monitor.faces.cli import shell
from monitor.faces.render import as_json, clean, moment, table
from monitor.settings import Settings

app = typer.Typer()
NOBODY = "none"


@app.callback(invoke_without_command=True)
def drill(
    context: typer.Context,
    within: Annotated[str, typer.Option(help="How long the alert, each message and the gate may take.")] = "60s",
    receivers: Annotated[
        list[str] | None,
        typer.Option(help="Tell only these of those that the routes name; `none`: nobody.", metavar="NAME"),
    ] = None,
    trainer: Annotated[
        bool, typer.Option("--trainer", help="With a toy trainer, whose lease is taken back and which must stop.")
    ] = False,
    by: Annotated[str, typer.Option(help="Who holds it; else the name you are logged in by.", metavar="NAME")] = "",
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Hold a fire drill: time from a file to the alert, to each message (marked DRILL), to the gate answering PAUSE.

    Its family is its own: nothing of it counts in status, metrics or budgets, and it is closed when the drill is over.
    Through the daemon where one leads; else it leads meanwhile. Receivers are really told, at whatever hour it is.
    Exit code 0: everything in time. 1: something did not happen, or too late; it says what, and what to do.

    Example: holdpoint drill --by ada --trainer
    """
    if context.invoked_subcommand is not None:
        return
    length = shell.lasting(within, "--within")
    if not timedelta(0) < length <= timedelta(hours=1):
        raise typer.BadParameter("a length above 0 and up to 1h", param_hint="--within")
    order = drills.Order(
        by=by.strip() or getpass.getuser(), within=length, receivers=_named(receivers), trainer=trainer
    )
    begun = shell.now()
    with shell.opened(config) as (settings, store), shell.progress(after=1) as tell, _walking(settings, config) as walk:

        def walked() -> object:
            tell("fire drill, seconds", round((shell.now() - begun).total_seconds()), round(length.total_seconds()))
            return walk()

        ended = drills.conduct(store, load_rules(settings, shell.CLOCK), order, walked)
    show(ended, json=json)
    if ended.state != "passed":
        raise typer.Exit(1)


@app.command("list")
def listed(
    limit: Annotated[int, typer.Option(min=1, help="So many, the newest first.")] = 20,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Every fire drill that was held, and what it came to.

    Example: holdpoint drill list
    """
    with shell.opened(config) as (_, store):
        found = store.drills.all()[::-1][:limit]
    if json:
        as_json([one.body() for one in found])
        return
    rows = [(one.id, moment(one.at), clean(one.by), one.state, *_times(one)) for one in found]
    shell.say(table("Fire drills", ("drill", "held", "by", "came to", "alert", "messages", "gate", "stop"), rows))


def show(ended: FireDrill, *, json: bool) -> None:
    """What one drill came to, step by step."""
    if json:
        as_json(ended.body())
        return
    shell.say(f"fire drill {ended.id}, by {clean(ended.by)}: {ended.state}")
    for step in ended.steps:
        name = f"{step.what} to {step.to}" if step.to else step.what
        took = "did not happen" if step.seconds is None else f"{step.seconds:.1f} s"
        shell.say(f"  {'ok  ' if step.ok else 'FAIL'} {clean(name)}: {took} (within {step.within:g} s)")
        if not step.ok:
            shell.say(f"       {clean('. '.join(part for part in (step.said, step.do) if part))}")
    if not ended.receivers and ended.receivers is not None:
        shell.say("  nobody was told: --receivers none")


def _times(drill: FireDrill) -> tuple[str, ...]:
    def slowest(what: str) -> str:
        found = [step for step in drill.steps if step.what == what]
        if not found:
            return "–"
        return "never" if any(s.seconds is None for s in found) else f"{max(s.seconds or 0 for s in found):.1f} s"

    return tuple(slowest(what) for what in ("alert", "message", "gate", "stop"))


def _named(receivers: list[str] | None) -> tuple[str, ...] | None:
    if not receivers:
        return None
    names = tuple(dict.fromkeys(name.strip() for given in receivers for name in given.split(",") if name.strip()))
    if NOBODY in names and len(names) > 1:
        raise typer.BadParameter("`none` comes alone", param_hint="--receivers")
    return () if names == (NOBODY,) else names


@contextmanager
def _walking(settings: Settings, config: Path) -> Iterator[Callable[[], object]]:
    """What does the daemon's jobs meanwhile: we, where nobody leads, or whoever leads, while we only look."""
    service = Service(settings, shell.CLOCK, alert_chart, config)
    try:
        service.prepare()
    except LeadershipLost:
        yield lambda: None
        return
    try:
        yield lambda: service.do("scan", "deliver", "renew")
    finally:
        service.resign()
