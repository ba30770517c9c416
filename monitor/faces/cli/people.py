"""`holdpoint people`: who may come in, and what they may do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from checkpoints_db.errors import BadPerson
from checkpoints_db.records.access import Role
from monitor import people, roles
from monitor.faces.cli import shell
from monitor.faces.render import moment, table

app = typer.Typer(no_args_is_help=True, help="People: who may come in by browser or token, and in which roles.")

Name = Annotated[str, typer.Argument(help="Their name, as decisions are to name them.", metavar="NAME")]
Roles = Annotated[list[Role], typer.Option("--role", help="A role; give it again for further ones.")]
Secret = Annotated[
    Path | None,
    typer.Option("--password-file", help="Read the password from this file, `-` for standard input.", metavar="FILE"),
]


@app.command()
def add(
    name: Name,
    role: Roles,
    by: shell.By,
    password_file: Secret = None,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="They come in by token, OpenID Connect or a proxy only.")
    ] = False,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Let a person in. Exit code 1 where there is one of that name, or the password is too short.

    Example: holdpoint people add ada --role admin --by ada
    """
    password = None if no_password else _password(password_file)
    with shell.opened(config) as (_, store):
        account = people.make(store, name, role, password, by=by, at=shell.now())
    shell.show(account.body(), f"{account.name} may come in as {', '.join(account.roles)}", json=json)


@app.command("list")
def list_(config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """Everybody, those who are disabled too. Example: holdpoint people list --json"""
    with shell.opened(config) as (_, store):
        found = [
            (each, store.people.proof(f"person:{each.id}") is not None, len(store.people.tokens(each.id)))
            for each in store.people.accounts()
        ]
    rows = [
        (a.name, ", ".join(a.roles), "yes" if a.active else "disabled", "yes" if proven else "–", tokens, moment(a.at))
        for a, proven, tokens in found
    ]
    columns = ("name", "roles", "comes in", "password", "tokens", "changed")
    told = [{**a.body(), "password": proven, "tokens": tokens} for a, proven, tokens in found]
    shell.show(told, table("People", columns, rows), json=json)


@app.command()
def role(
    name: Name,
    by: shell.By,
    role: Annotated[list[Role] | None, typer.Option("--role", help="Exactly these roles from now on.")] = None,
    add: Annotated[list[Role] | None, typer.Option("--add", help="One more role.")] = None,
    remove: Annotated[list[Role] | None, typer.Option("--remove", help="No longer this role.")] = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Change what a person may do; their sessions and tokens follow at once.

    Example: holdpoint people role bob --add safety --by ada
    """
    if bool(role) == bool(add or remove):
        raise typer.BadParameter("give --role for all of them, or --add and --remove")
    with shell.opened(config) as (_, store):
        had = people.found(store, name).roles
        wanted = role or [one for one in Role if (one in had or one in (add or ())) and one not in (remove or ())]
        account = people.change(store, name, "roles", roles=wanted, by=by, at=shell.now())
    shell.show(account.body(), f"{account.name} is {', '.join(account.roles)}", json=json)


@app.command()
def disable(name: Name, by: shell.By, config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """Let a person in no longer: sessions end, tokens open nothing. What they did stays under their name.

    Example: holdpoint people disable bob --by ada
    """
    with shell.opened(config) as (_, store):
        account = people.change(store, name, "disabled", by=by, at=shell.now())
    shell.show(account.body(), f"{account.name} may come in no longer", json=json)


@app.command()
def enable(name: Name, by: shell.By, config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """Let a disabled person in again. Example: holdpoint people enable bob --by ada"""
    with shell.opened(config) as (_, store):
        account = people.change(store, name, "enabled", by=by, at=shell.now())
    shell.show(account.body(), f"{account.name} may come in again", json=json)


@app.command()
def password(
    name: Name,
    by: shell.By,
    password_file: Secret = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Set a person's password, from a prompt, a file or standard input; their sessions end.

    Example: holdpoint people password ada --by ada
    """
    with shell.opened(config) as (_, store):
        people.found(store, name)
        account = people.set_password(store, name, _password(password_file), by=by, at=shell.now())
    shell.show(account.body(), f"{account.name} has a new password", json=json)


@app.command("roles")
def roles_(json: shell.Json = False) -> None:
    """What each role may do. Example: holdpoint people roles"""
    rows = [
        (name, action.means, ", ".join(one for one in Role if one in action.roles))
        for name, action in roles.ACTIONS.items()
    ]
    told = {name: {"means": action.means, "roles": sorted(action.roles)} for name, action in roles.ACTIONS.items()}
    shell.show(told, table("Who may do what", ("action", "it is to", "roles"), rows), json=json)


def _password(path: Path | None) -> str:
    """A password, never from the arguments: everybody on the machine sees those."""
    if path is None:
        if not sys.stdin.isatty():
            raise BadPerson("nobody is there to be asked for a password; give --password-file FILE, or - for a pipe")
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadPerson(f"{path}: the password cannot be read: {error}") from error
    return text.removesuffix("\n").removesuffix("\r")
