"""`holdpoint daemon`: run it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from checkpoints_db.errors import PolicyError, SettingsError
from monitor import notify
from monitor.clock import Clock, SystemClock
from monitor.daemon.door import Door
from monitor.daemon.service import Service
from monitor.faces.alert_chart import alert_chart
from monitor.faces.cli import shell
from monitor.faces.log import log_to_standard_error
from monitor.faces.render import as_json
from monitor.settings import Settings
from policies.loader import find

if TYPE_CHECKING:
    from monitor.faces.tracing import Traces

app = typer.Typer(no_args_is_help=True, help="The lab daemon: picks up results, judges, alerts, gates, delivers.")


@app.command()
def run(
    once: Annotated[bool, typer.Option("--once", help="One cycle of every job, then stop.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Run until SIGTERM. Exit code 0 after a clean stop, 1 when a job of --once failed, 3 when it stopped itself.

    Example: holdpoint daemon run --once
    """
    settings, clock = Settings.load(config), SystemClock()
    log_to_standard_error(settings.log, verbose=verbose)
    _check_receivers(settings)
    service = Service(settings, clock, alert_chart, config)
    with _traced(settings, service):
        raise typer.Exit(_run(service, settings, clock, once=once, json=json))


def _run(service: Service, settings: Settings, clock: Clock, *, once: bool, json: bool) -> int:
    if once:
        succeeded = service.once()
        if json:
            as_json({"cycle": "complete" if succeeded else "failed"})
        return 0 if succeeded else 1
    if settings.web is None:
        return service.run()
    from monitor.faces.web.server import Server  # noqa: PLC0415 - the web framework takes half a second to import

    server = Server(Door(settings, clock, holder=service.holder, turn=service.turn, pulse=service.jobs.pulse))
    return service.run(server)


@contextmanager
def _traced(settings: Settings, service: Service) -> Iterator[None]:
    """Trace the cycles of a service where the settings say so; otherwise the library is not even imported."""
    if not settings.log.traces:
        yield
        return
    traces = to_collector()
    service.jobs.trace = traces.span
    try:
        yield
    finally:
        traces.close()


def to_collector() -> Traces:
    """Traces of cycles on their way to a collector. Raises SettingsError without the extra that brings the library."""
    try:
        from monitor.faces import tracing  # noqa: PLC0415 - an extra, and off unless it is asked for

        return tracing.to_collector()
    except ImportError as error:
        raise SettingsError(
            f"log.traces needs a package that is not installed ({error.name}); `pip install 'holdpoint[otel]'`, or "
            "take it out of the settings"
        ) from error


def _check_receivers(settings: Settings) -> None:
    """Refuse to start where the policy names a receiver the settings lack. A policy that does not load holds gates."""
    try:
        policy = find(settings.policy, settings.base)
    except PolicyError:
        return
    notify.check(policy, settings)
