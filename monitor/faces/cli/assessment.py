"""`holdpoint assessment`: that a run was assessed, by whom, when, and with how much training behind it."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.assessing import Clerk
from monitor.daemon.rules import load_rules
from monitor.faces.cli import naming, shell
from monitor.faces.render import moment, number, table

app = typer.Typer(
    no_args_is_help=True, help="Assessments: what `scale_step`, `calendar` and `stage` rules measure from."
)

At = Annotated[str, typer.Option("--at", help="When it was so, as 2026-11-23T09:00:00Z; left out: now.")]
Note = Annotated[str, typer.Option(help="What else a reviewer should know.")]


@app.command(
    epilog="Example: holdpoint assessment record lab/s6 --name comprehensive --by alice --document memo-12.pdf"
)
def record(
    run: Annotated[str, typer.Argument(help="The run, as `family/run`.", metavar="RUN")],
    *,
    name: Annotated[str, typer.Option(help="Which assessment, as the policy calls it: comprehensive, light, ...")],
    by: shell.By,
    at: At = "",
    checkpoint: Annotated[
        str, typer.Option(help="Its checkpoint, as `checkpoint list` names it; left out: the furthest by then.")
    ] = "",
    flop: Annotated[float | None, typer.Option(help="FLOP that the report states, where fewer than were seen.")] = None,
    document: Annotated[str, typer.Option(help="Where its report is.")] = "",
    note: Note = "",
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Keep that RUN was assessed. It may have been earlier, never later, and covers only what had been seen by then.

    Exit codes: 0 kept, 1 refused with a sentence, 2 usage.
    """
    with shell.opened(config) as (settings, store):
        rules = load_rules(settings, shell.CLOCK)
        place = naming.run_of(store, run)
        clerk = Clerk(store, rules.catalogue, rules.policy, shell.now())
        when = shell.moment_of(at, "--at")
        made = clerk.assess(
            *place, name, by=by, at=when, checkpoint=checkpoint, flop=flop, document=document, note=note
        )
    behind = "of unknown compute" if made.compute is None else f"at {number(made.compute.flop)} FLOP"
    text = f"assessment {made.id}: {made.name!r} of {made.checkpoint} {behind}, {moment(made.at)}, by {made.by}"
    shell.show(made.body(), text, json=json)


@app.command("list", epilog="Example: holdpoint assessment list --json")
def list_(config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """Every assessment, the oldest first; withdrawn ones are marked."""
    with shell.opened(config) as (_, store):
        gone = {withdrawal.of: withdrawal for withdrawal in store.actions.withdrawals()}
        found = store.actions.assessments(withdrawn=True)
    rows = [
        (
            a.id,
            a.checkpoint,
            a.name,
            "" if a.compute is None else number(a.compute.flop),
            "" if a.compute is None else a.compute.counts,
            moment(a.at),
            a.by,
            a.document,
            f"withdrawn by {gone[a.id].by}" if a.id in gone else "counts",
        )
        for a in found
    ]
    columns = ("assessment", "checkpoint", "name", "FLOP", "counted as", "made", "by", "document", "now")
    shell.show([{**a.body(), "withdrawn": a.id in gone} for a in found], table("Assessments", columns, rows), json=json)


@app.command(epilog="Example: holdpoint assessment withdraw 3f2a --by alice --reason 'wrong checkpoint'")
def withdraw(
    name: Annotated[str, typer.Argument(help="Its id, or the first characters of it.", metavar="ID")],
    by: shell.By,
    reason: shell.Because,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Let what was stated count no longer. It stays in the ledger, and so does who withdrew it."""
    with shell.opened(config) as (settings, store):
        rules = load_rules(settings, shell.CLOCK)
        gone = Clerk(store, rules.catalogue, rules.policy, shell.now()).withdraw(name, by=by, note=reason)
    shell.show(gone.body(), f"{gone.of} withdrawn by {gone.by}", json=json)
