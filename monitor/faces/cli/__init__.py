"""The command line: noun, then verb; `--json` everywhere.

Exit codes: 0 done (for `gate ask`: GO), 1 refused or failed, with a sentence on standard error, 2 wrong usage,
3 internal error, 10 HOLD, 20 PAUSE. Everything but 0 stops `&&`.
"""

from __future__ import annotations

import sys
import traceback
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from checkpoints_db.errors import HoldpointError
from monitor.faces.render import clean

VERBS = {
    "init": "init",
    "status": "status",
    "ingest": "ingest",
    "serve": "serve",
    "backtest": "backtest",
    "power": "power",
    "items": "items",
    "selftest": "selftest",
    "doctor": "doctor",
    "export": "export",
    "backup": "backup",
    "restore": "backup",
    "tidy": "tidy",
    "schema": "schema",
}
"""Commands without a noun, each with the module that has a function of its name."""
NOUNS = (
    "config",
    "daemon",
    "catalogue",
    "checkpoint",
    "file",
    "quarantine",
    "series",
    "forecast",
    "verdict",
    "alert",
    "gate",
    "waiver",
    "assessment",
    "safeguard",
    "run",
    "route",
    "outbox",
    "policy",
    "prior",
    "ledger",
    "keys",
    "lease",
    "bundle",
    "people",
    "token",
    "drill",
)
"""Modules with an `app` of their own."""


Command = TyperCommand | TyperGroup


class Commands(TyperGroup):
    """Every command; its module is imported when it is asked for: a gate does not wait for what draws charts."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names, in the order of the help."""
        return [*VERBS, *NOUNS]

    def get_command(self, ctx: Any, cmd_name: str) -> Command | None:
        """The command of a name; None where there is none."""
        return _command(cmd_name) if cmd_name in (*VERBS, *NOUNS) else None

    @property
    def commands(self) -> dict[str, Any]:
        """All of them."""
        return {name: _command(name) for name in (*VERBS, *NOUNS)}

    @commands.setter
    def commands(self, _: object) -> None:
        """There are no others."""


@cache
def _command(name: str) -> Command:
    module = import_module(f"{__name__}.{VERBS.get(name, name)}")
    if name in NOUNS:
        group = get_group(module.app)
        group.name = name
        return group
    alone = typer.Typer(pretty_exceptions_enable=False)
    alone.command(name)(getattr(module, name))
    made: Any = get_command(alone)
    return made  # type: ignore[no-any-return]


app = typer.Typer(
    name="holdpoint",
    cls=Commands,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    help="Forecasts of a model's abilities are sealed before its results arrive; a gate holds when they break.",
    epilog="Exit codes: 0 done or GO · 1 refused · 2 usage · 3 internal · 10 HOLD · 20 PAUSE",
)


def _version(wanted: bool) -> None:
    if wanted:
        try:
            sys.stdout.write(f"holdpoint {version('holdpoint')}\n")
        except PackageNotFoundError:
            sys.stdout.write(f"holdpoint, not installed, in {HOME}\n")
        raise typer.Exit


@app.callback()
def _holdpoint(
    told: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Makes it a group, whose commands are found by name."""


HOME = Path(__file__).resolve().parents[3]
"""The folder that our three packages were installed into, or are run from."""


def _shadows() -> str:
    """What is imported instead of a package of ours; empty where nothing is."""
    for name in ("checkpoints_db", "policies", "monitor"):
        spec = find_spec(name)
        if spec is not None and spec.origin and HOME not in Path(spec.origin).resolve().parents:
            return spec.origin
    return ""


def main() -> None:
    """Run the command line; the last resort for what went wrong."""
    try:
        app()
    except HoldpointError as error:
        sys.stderr.write(f"holdpoint: {clean(error)}\n")
        sys.exit(1)
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)
    except ImportError:
        if not (shadows := _shadows()):
            raise
        sys.stderr.write(
            f"holdpoint: {clean(shadows)} is imported instead of the package of that name in {HOME}; rename it, run "
            "from another folder, or take its folder out of PYTHONPATH; nothing was decided, and nothing may go on\n"
        )
        sys.exit(3)
    except Exception:  # the process boundary: a bug of ours must not look like GO to `&&`
        traceback.print_exc()
        sys.stderr.write("holdpoint: internal error; nothing was decided, and nothing may go on because of it\n")
        sys.exit(3)
