"""The policy that a command is about."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from monitor.settings import Settings
from policies.loader import LoadedPolicy, find_file

Name = Annotated[
    str | None,
    typer.Argument(help="A policy file, or a name from the shelf; the one in force without it.", metavar="POLICY"),
]


def named(name: str | None, config: Path) -> LoadedPolicy:
    """The policy of this name or path, or the one that the settings name. Raises BadPolicy, UnknownName."""
    if name is not None:
        return find_file(name, Path.cwd())
    settings = Settings.load(config)
    return find_file(settings.policy, settings.base)
