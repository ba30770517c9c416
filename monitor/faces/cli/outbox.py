"""`holdpoint outbox`: what was to be told, to whom, and what became of it."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from checkpoints_db import Store
from checkpoints_db.errors import StoreError
from checkpoints_db.outbox import Owed
from checkpoints_db.records import EVERYBODY
from checkpoints_db.records.base import stamp
from monitor.faces.cli import shell
from monitor.faces.render import as_json, moment, table

app = typer.Typer(no_args_is_help=True, help="Messages: owed, sent, lost, and every attempt.")

Id = Annotated[str, typer.Argument(help="Message id, or its first characters.", metavar="MESSAGE")]


@app.command("list", epilog="Example: holdpoint outbox list --state owed --receiver oncall")
def list_(
    state: Annotated[
        Literal["owed", "sent", "lost"] | None, typer.Option(help="Only messages that wait, arrived, or never will.")
    ] = None,
    receiver: Annotated[str | None, typer.Option(help="Only those to this receiver; '*': not routed yet.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 100,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Messages, newest first."""
    with shell.opened(config) as (_, store):
        found = store.outbox.listed(state=state, receiver=receiver, limit=limit)
    rows = [
        (
            owed.message.id[:12],
            moment(owed.message.at),
            owed.message.receiver,
            owed.message.event,
            owed.message.alert.id,
            owed.message.count,
            owed.state,
            owed.attempts,
            owed.error or (f"next {owed.next_at[:19]}Z" if owed.state == "owed" else "–"),
        )
        for owed in found
    ]
    columns = ("message", "when", "receiver", "event", "alert", "alerts", "state", "attempts", "why")
    shell.show([_body(owed) for owed in found], table("Messages", columns, rows), json=json)


@app.command(epilog="Example: holdpoint outbox show 3f2a --json")
def show(name: Id, config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """One message, the route it goes by, and every attempt with its reason."""
    with shell.opened(config) as (_, store):
        owed = _find(store, name)
        attempts = store.outbox.log(owed.message.id)
    if json:
        as_json({**_body(owed), "deliveries": [attempt.body() for attempt in attempts]})
        return
    message = owed.message
    facts = [
        ("to", "everybody: no route took it yet" if message.receiver == EVERYBODY else message.receiver),
        ("by route", message.route or "–"),
        ("group", ", ".join(f"{key} {value}" for key, value in message.group.items()) or "–"),
        ("then", ", ".join(message.then) or "nobody"),
        ("alerts", message.count),
        ("what", message.alert.sentence),
        ("state", owed.state),
        ("next attempt", f"{owed.next_at[:19]}Z" if owed.state == "owed" else "–"),
    ]
    shell.say(table(f"Message {message.id[:16]}: {message.event}", ("", ""), facts))
    rows = [(moment(each.at), each.attempt, each.outcome, each.reason or "–") for each in attempts]
    shell.say(table("Attempts", ("when", "attempt", "outcome", "why"), rows))


@app.command(epilog="Example: holdpoint outbox retry 3f2a --by ada")
def retry(name: Id, by: shell.By, config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """Send a message that was lost, or that waits for its next attempt. Exit code 1 for one that arrived."""
    if not by.strip():
        raise typer.BadParameter("say who asks for it", param_hint="--by")
    with shell.opened(config) as (_, store):
        owed = _find(store, name)
        if owed.state == "sent" or owed.message.receiver == EVERYBODY:
            why = "has arrived" if owed.state == "sent" else "has no receiver yet: the next delivery asks its routes"
            raise StoreError(f"message {owed.message.id[:12]} {why}; there is nothing to send again")
        with store.transaction():
            store.outbox.retry(owed.message.id, by.strip(), shell.now())
            reach = store.outbox.reach(owed.message.receiver)
            store.outbox.put_reach(reach.model_copy(update={"held_until": None}))
        again = _find(store, owed.message.id)
    shell.show(_body(again), f"message {again.message.id[:12]} goes out with the next delivery", json=json)


def _find(store: Store, name: str) -> Owed:
    owed = store.outbox.one(name)
    if owed is None:
        raise StoreError(f"no message {name!r}, or several; see `holdpoint outbox list`")
    return owed


def _body(owed: Owed) -> dict[str, object]:
    return {**owed.body(), "state": owed.state, "as_of": stamp(shell.now())}
