"""`holdpoint waiver`: let one finding pass, for a while, under your name."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.daemon.rules import load_rules
from monitor.faces.cli import naming, shell
from monitor.faces.render import moment, number, table
from monitor.review import Desk

app = typer.Typer(no_args_is_help=True, help="Waivers: counted for ever, void as soon as the finding grows.")


@app.command()
def add(
    run: Annotated[str, typer.Argument(help="The run, as `family/run`.", metavar="RUN")],
    rule: Annotated[str, typer.Option(help="Id of the rule.")],
    by: shell.By,
    reason: shell.Because,
    subject: Annotated[
        str, typer.Option(help="Subject of the finding, as `gate status` shows it; empty: the run.")
    ] = "",
    lasting: Annotated[str, typer.Option("--for", help="How long; the policy sets the longest.")] = "7d",
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Let one finding of one rule pass for one run. Hard rules cannot be waived.

    Example: holdpoint waiver add lab/7b --rule break --by carol --reason "known bug, ticket 12" --for 7d
    """
    with shell.opened(config) as (settings, store):
        rules = load_rules(settings, shell.CLOCK)
        place = naming.run_of(store, run)
        desk = Desk(store, rules.catalogue, rules.policy, shell.now())
        end = shell.until(lasting, "--for")
        waiver, decision = desk.waive(*place, rule, subject, by=by, reason=reason, until=end)
    text = f"waiver {waiver.id} until {moment(waiver.expires)}; the gate of {'/'.join(place)} says {decision.answer}"
    shell.show({"waiver": waiver.body(), "decision": decision.body()}, text, json=json)


@app.command("list")
def list_(config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """Every waiver ever granted; expired ones stay visible.

    Example: holdpoint waiver list
    """
    at = shell.now()
    with shell.opened(config) as (_, store):
        found = store.actions.waivers()
    rows = [
        (
            w.id,
            f"{w.family}/{w.run}",
            w.rule,
            w.subject or "the run",
            number(w.up_to),
            w.by,
            w.reason,
            moment(w.expires),
            "live" if w.expires > at else "expired",
        )
        for w in found
    ]
    columns = ("waiver", "run", "rule", "subject", "up to", "by", "reason", "expires", "now")
    shell.show([w.body() for w in found], table("Waivers", columns, rows), json=json)
