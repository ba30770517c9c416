"""`holdpoint daemon`: run it."""

from __future__ import annotations

from typing import Annotated

import typer

from checkpoints_db.errors import PolicyError
from monitor import notify
from monitor.clock import SystemClock
from monitor.daemon.door import Door
from monitor.daemon.service import Service
from monitor.faces.alert_chart import alert_chart
from monitor.faces.cli import shell
from monitor.faces.render import as_json
from monitor.settings import Settings
from policies.loader import find

app = typer.Typer(no_args_is_help=True, help="The lab daemon: picks up results, judges, alerts, gates, delivers.")


@app.command()
def run(
    once: Annotated[bool, typer.Option("--once", help="One cycle of every job, then stop.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Run until SIGTERM. Exit code 0 after a clean stop, 1 when a job of --once failed, 3 when it stopped itself."""
    shell.log_to_console(verbose=verbose)
    settings, clock = Settings.load(config), SystemClock()
    _check_receivers(settings)
    service = Service(settings, clock, alert_chart)
    if once:
        succeeded = service.once()
        if json:
            as_json({"cycle": "complete" if succeeded else "failed"})
        raise typer.Exit(0 if succeeded else 1)
    if settings.web is None:
        raise typer.Exit(service.run())
    from monitor.faces.web.server import Server  # noqa: PLC0415 - the web framework takes half a second to import

    server = Server(Door(settings, clock, holder=service.holder, turn=service.turn, pulse=service.jobs.pulse))
    raise typer.Exit(service.run(server))


def _check_receivers(settings: Settings) -> None:
    """Refuse to start where the policy names a receiver the settings lack. A policy that does not load holds gates."""
    try:
        policy = find(settings.policy, settings.base)
    except PolicyError:
        return
    notify.check(policy, settings)
