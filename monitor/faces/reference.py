"""The table of commands in `monitor/README.md`, made of the command line itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from monitor.faces.cli import app

BEGIN, END = "<!-- commands: made by monitor/faces/reference.py; a test compares -->", "<!-- /commands -->"


def command_table() -> str:
    """Every command: what it does, and the exit codes that are its own."""
    rows = ["| command | what it does | exit codes of its own |", "|---|---|---|"]
    rows += [f"| `{name}` | {_does(command)} | {_codes(command)} |" for name, command in leaves(get_command(app))]
    return "\n".join(rows) + "\n"


def leaves(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command that does something, by the words it is typed with."""
    below = getattr(command, "commands", None)
    if below is None:
        yield " ".join(words), command
        return
    if command.invoke_without_command and words:
        yield " ".join(words), command
    for name, each in below.items():
        yield from leaves(each, (*words, name))


def _does(command: Any) -> str:
    first = str(command.help).partition("\n\n")[0]
    sentence = re.split(r"(?<=\.)\s+Exit codes?|(?<=[.;])\s+(?=Always 0)", " ".join(first.split()))[0]
    return sentence.replace("|", "\\|").replace("\b", "")


def _codes(command: Any) -> str:
    parts = f"{command.help}\n\n{command.epilog or ''}".split("\n\n")
    said = " ".join(" ".join(part.partition("Example")[0] for part in parts).split())
    found = re.search(r"Exit codes?:? (.+?\.)(?: |$)", said)
    return found[1].replace("|", "\\|") if found else "–"


def renewed(page: str) -> str:
    """The page with the table as it is now."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{command_table()}\n{END}{tail}"
