"""`holdpoint token`: what programs show in the place of a person."""

from __future__ import annotations

from typing import Annotated

import typer

from checkpoints_db.records.access import Role
from monitor import people
from monitor.faces.cli import shell
from monitor.faces.render import as_json, moment, table
from policies.people import person

app = typer.Typer(no_args_is_help=True, help="Tokens: what programs show in the place of a person; they end.")


@app.command()
def make(
    name: Annotated[str, typer.Argument(help="The person it stands for.", metavar="NAME")],
    by: shell.By,
    role: Annotated[list[Role] | None, typer.Option("--role", help="One of their roles that it carries.")] = None,
    action: Annotated[
        list[str] | None, typer.Option("--action", help="Or one action, as `holdpoint people roles` names them.")
    ] = None,
    lasting: Annotated[str, typer.Option("--for", help="How long; a year at most.")] = "30d",
    label: Annotated[str, typer.Option(help="What it is for, so that one knows which to revoke.")] = "",
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Make a token. It is printed once, and nobody can print it again.

    Example: holdpoint token make ada --action read --for 7d --label grafana --by ada
    """
    at, end = shell.now(), shell.lasting(lasting, "--for")
    with shell.opened(config) as (_, store):
        token, text = people.make_token(
            store, name, by=by, at=at, until=at + end, roles=role or (), actions=action or (), label=label
        )
    if json:
        as_json({**token.body(), "token": text})
        return
    shell.plain(text)
    shell.say(f"token {token.id} of {token.person}, until {moment(token.expires)}; it is not shown again")


@app.command("list")
def list_(
    name: Annotated[str | None, typer.Argument(help="Of one person; of all without it.", metavar="NAME")] = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Every token ever made, without themselves. Example: holdpoint token list ada"""
    at = shell.now()
    with shell.opened(config) as (_, store):
        found = store.people.tokens(None if name is None else person(name))
    rows = [
        (
            t.id,
            t.person,
            t.label,
            ", ".join(t.roles or t.actions),
            moment(t.at),
            moment(t.expires),
            "revoked" if t.revoked else "over" if t.expires <= at else "live",
        )
        for t in found
    ]
    columns = ("token", "person", "for", "carries", "made", "until", "now")
    shell.show([t.body() for t in found], table("Tokens", columns, rows), json=json)


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="Id of the token, as `token list` shows it.", metavar="ID")],
    by: shell.By,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Take a token back, at once. Example: holdpoint token revoke 3f9a1c04be21 --by ada"""
    with shell.opened(config) as (_, store):
        token = people.revoke_token(store, name, by=by, at=shell.now())
    shell.show(token.body(), f"token {token.id} of {token.person} opens nothing any more", json=json)
