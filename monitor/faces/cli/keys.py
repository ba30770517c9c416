"""`holdpoint keys`: what signs leases, and what is trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from checkpoints_db import Store
from checkpoints_db.signing import SigningKey
from monitor.faces.cli import shell
from monitor.faces.render import table
from monitor.keys import Keys
from monitor.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="Keys of leases (ed25519). Jobs get `trusted.pub`, which has only public halves."
)


@app.command()
def new(config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """Make the key that signs leases. Exit code 1 where there is one.

    Example: `holdpoint keys new`, then copy keys/trusted.pub to where training jobs run.
    """
    settings, keys = _keys(config)
    key = keys.new()
    _noted(settings, key, "made")
    _tell(key, f"key {key.id} signs leases now; give {keys.trusted_path} to training jobs", json=json)


@app.command()
def rotate(
    finish: Annotated[bool, typer.Option("--finish", help="Second step: sign with the new key from now on.")] = False,
    retire: Annotated[
        str, typer.Option("--retire", metavar="ID", help="Third step: trust the old key no longer.")
    ] = "",
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Change the key in three steps, both keys being valid in between. Exit code 1 where a step is not possible.

    Example: `holdpoint keys rotate`, give trusted.pub to every job; `holdpoint keys rotate --finish`; a day later, when
    the leases of the old key have ended, `holdpoint keys rotate --retire ID` and give trusted.pub out again.
    """
    settings, keys = _keys(config)
    if finish and retire:
        raise typer.BadParameter("--finish and --retire are two steps; take one at a time")
    if retire:
        name = keys.retire(retire)
        with Store.open(settings.at(settings.store)) as store, store.transaction():
            store.ledger.append("key", name, {"event": "retired"}, shell.now())
        shell.show({"id": name}, f"key {name} is trusted no longer; give {keys.trusted_path} to jobs again", json=json)
        return
    key = keys.finish() if finish else keys.stage()
    _noted(settings, key, "signs" if finish else "staged")
    after = (
        "signs leases now; retire the old one when its leases have ended"
        if finish
        else f"is trusted beside the old one; give {keys.trusted_path} to every job, then `keys rotate --finish`"
    )
    _tell(key, f"key {key.id} {after}", json=json)


@app.command()
def show(
    trusted: Annotated[bool, typer.Option("--trusted", help="Only the public keys, as jobs need them.")] = False,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Which keys are trusted, and which one signs. Private halves are never shown.

    Example: `holdpoint keys show --trusted > trusted.pub`
    """
    _, keys = _keys(config)
    known = keys.known()
    if trusted and not json:
        shell.say("\n".join(one.public for one in known))
        return
    rows = [(one.id, "signs" if one.signs else "next" if one.next else "trusted", one.public) for one in known]
    shell.show([one.body() for one in known], table("Keys of leases", ("key", "use", "public half"), rows), json=json)


def _keys(config: Path) -> tuple[Settings, Keys]:
    settings = Settings.load(config)
    return settings, Keys(settings.at(settings.lease.key))


def _noted(settings: Settings, key: SigningKey, event: str) -> None:
    with Store.open(settings.at(settings.store)) as store, store.transaction():
        store.ledger.append("key", key.id, {"event": event, "public": key.public}, shell.now())


def _tell(key: SigningKey, text: str, *, json: bool) -> None:
    shell.show({"id": key.id, "public": key.public}, text, json=json)
