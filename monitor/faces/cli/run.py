"""`holdpoint run`: which stage of its training or use a run is in."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.assessing import Clerk
from monitor.daemon.rules import load_rules
from monitor.faces.cli import naming, shell
from monitor.faces.cli.assessment import At, Note, withdraw
from monitor.faces.render import moment, table

app = typer.Typer(no_args_is_help=True, help="Runs: the stages they entered, which `stage` rules guard.")


@app.command(epilog="Example: holdpoint gate ask lab/s6 --stage rl && holdpoint run stage lab/s6 rl --by alice")
def stage(
    run: Annotated[str, typer.Argument(help="The run, as `family/run`.", metavar="RUN")],
    name: Annotated[
        str, typer.Argument(help="The stage: pretrain, sft, rl, or one that the policy names.", metavar="STAGE")
    ],
    by: shell.By,
    at: At = "",
    note: Note = "",
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Keep that RUN entered STAGE. Ask the gate first: this only records. Exit codes: 0 kept, 1 refused, 2 usage."""
    with shell.opened(config) as (settings, store):
        rules = load_rules(settings, shell.CLOCK)
        place = naming.run_of(store, run)
        clerk = Clerk(store, rules.catalogue, rules.policy, shell.now())
        entered = clerk.enter(*place, name, by=by, at=shell.moment_of(at, "--at"), note=note)
    text = f"{'/'.join(place)} entered {entered.stage!r} {moment(entered.at)}, by {entered.by} ({entered.id})"
    shell.show(entered.body(), text, json=json)


@app.command("list", epilog="Example: holdpoint run list --json")
def list_(config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """Every run with its stage, and every stage it entered."""
    with shell.opened(config) as (_, store):
        gone = {withdrawal.of: withdrawal for withdrawal in store.actions.withdrawals()}
        places, entries = store.evidence.runs(), store.actions.stages(withdrawn=True)
    rows = []
    body = []
    for family, run in places:
        own = [entry for entry in entries if (entry.family, entry.run) == (family, run)]
        live = [entry for entry in own if entry.id not in gone]
        rows.append((f"{family}/{run}", live[-1].stage if live else "", moment(live[-1].at) if live else "", len(own)))
        told = [{**entry.body(), "withdrawn": entry.id in gone} for entry in own]
        body.append({"family": family, "run": run, "stage": live[-1].stage if live else "", "entries": told})
    shell.show(body, table("Runs", ("run", "stage", "since", "entries"), rows), json=json)


app.command(epilog="Example: holdpoint run withdraw 3f2a --by alice --reason 'entered by mistake'")(withdraw)
