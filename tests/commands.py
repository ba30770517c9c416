"""Every command of the command line, by the words it is typed with."""

from __future__ import annotations

from typing import Any

from typer.main import get_command

from monitor.faces.cli import app
from monitor.faces.reference import leaves

ROOT = get_command(app)
COMMANDS: dict[str, Any] = dict(leaves(ROOT))
