"""Every command of the command line, by the words it is typed with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from monitor.faces.cli import app


def _leaves(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield " ".join(words), command
        return
    for name, each in below.items():
        yield from _leaves(each, (*words, name))


ROOT = get_command(app)
COMMANDS: dict[str, Any] = dict(_leaves(ROOT))
