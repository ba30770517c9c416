"""`holdpoint schema`: what a command's `--json` looks like, for whoever reads it by a program."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.faces.cli import shell
from monitor.faces.render import as_json


def schema(
    command: Annotated[
        list[str] | None, typer.Argument(help="A command, as it is typed; all of their names without it.")
    ] = None,
    json: shell.Json = False,
) -> None:
    """The JSON Schema of what a command prints with --json. Exit code 0, or 2 for a command that is none.

    A command prints one JSON value; `alert export` prints one a line, `backtest` writes a file. Within a minor version
    keys may be added, and none is taken away or changes its meaning.

    Example: holdpoint schema gate ask
    """
    from monitor.faces.answers import ANSWERS, schema_of  # noqa: PLC0415 - it imports the shapes of every answer

    name = " ".join(command or ())
    if name in ANSWERS:
        as_json(schema_of(name))
        return
    if name:
        raise typer.BadParameter(f"{name!r} is no command; `holdpoint schema` names them all", param_hint="COMMAND")
    if json:
        as_json(list(ANSWERS))
        return
    for each in ANSWERS:
        shell.plain(each)
