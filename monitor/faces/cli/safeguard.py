"""`holdpoint safeguard`: who says that a safeguard is in place, and until when."""

from __future__ import annotations

from typing import Annotated

import typer

from checkpoints_db.records import EVERY
from monitor.assessing import Clerk
from monitor.daemon.rules import load_rules
from monitor.faces.cli import shell
from monitor.faces.cli.assessment import At, Note, withdraw
from monitor.faces.render import moment, table

app = typer.Typer(
    no_args_is_help=True, help="Safeguards: attested by people, for a time; what `safeguard` rules look for."
)


@app.command(epilog="Example: holdpoint safeguard attest asl3_security --by alice --for 52w --document audit.pdf")
def attest(
    name: Annotated[str, typer.Argument(help="The safeguard, as the policy calls it.", metavar="SAFEGUARD")],
    *,
    by: shell.By,
    family: Annotated[str, typer.Option(help="Only runs of this family.")] = EVERY,
    run: Annotated[str, typer.Option(help="Only this run of the family.")] = EVERY,
    at: At = "",
    lasting: Annotated[str, typer.Option("--for", help="How long from now: 48h, 14d, 52w; left out: no end.")] = "",
    document: Annotated[str, typer.Option(help="Where its audit or report is.")] = "",
    note: Note = "",
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Keep that SAFEGUARD is in place. Exit codes: 0 kept, 1 refused with a sentence, 2 usage."""
    with shell.opened(config) as (settings, store):
        rules = load_rules(settings, shell.CLOCK)
        clerk = Clerk(store, rules.catalogue, rules.policy, shell.now())
        end = shell.until(lasting, "--for") if lasting else None
        when = shell.moment_of(at, "--at")
        given = clerk.attest(name, by=by, family=family, run=run, at=when, expires=end, document=document, note=note)
    ends = "without end" if given.expires is None else f"until {moment(given.expires)}"
    scope = "every run" if given.family == EVERY else f"{given.family}/{given.run}"
    shell.show(
        given.body(), f"attestation {given.id}: {given.safeguard!r} for {scope} {ends}, by {given.by}", json=json
    )


@app.command("list", epilog="Example: holdpoint safeguard list --json")
def list_(config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """Every attestation, the oldest first; what is over or withdrawn is marked. A policy may end them earlier."""
    now = shell.now()
    with shell.opened(config) as (_, store):
        gone = {withdrawal.of: withdrawal for withdrawal in store.actions.withdrawals()}
        found = store.actions.attestations(withdrawn=True)
    said = [
        f"withdrawn by {gone[a.id].by}" if a.id in gone else "over" if a.expires and a.expires <= now else "counts"
        for a in found
    ]
    rows = [
        (
            a.id,
            a.safeguard,
            a.family,
            a.run,
            moment(a.at),
            moment(a.expires) if a.expires else "",
            a.by,
            a.document,
            now_,
        )
        for a, now_ in zip(found, said, strict=True)
    ]
    columns = ("attestation", "safeguard", "family", "run", "given", "until", "by", "document", "now")
    body = [{**a.body(), "withdrawn": a.id in gone} for a in found]
    shell.show(body, table("Safeguards", columns, rows), json=json)


app.command(epilog="Example: holdpoint safeguard withdraw 3f2a --by alice --reason 'the lock was removed'")(withdraw)
