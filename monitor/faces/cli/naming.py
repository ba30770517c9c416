"""The run that a command line names: found in the store, or a usage error."""

from __future__ import annotations

import typer

from checkpoints_db import Store
from monitor import gate


def run_of(store: Store, name: str) -> tuple[str, str]:
    """(family, run) of a run that is named as `family/run`, or as `run` where only one family has it."""
    place = gate.find_run(store, name)
    if place is None:
        raise typer.BadParameter(f"unknown or ambiguous run {name!r}; name it as `family/run`")
    return place
