"""`holdpoint serve`: take pushes over HTTP, without a daemon in the same process."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Annotated

import typer

from checkpoints_db import Store
from monitor.daemon.door import Door
from monitor.faces.cli import shell
from monitor.faces.log import log_to_standard_error
from monitor.faces.render import as_json
from monitor.settings import Settings


def serve(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Take pushes over HTTP until SIGTERM, against the store of the settings.

    A daemon whose settings have a [web] table does this by itself. Gates still need a daemon: only its scans keep them
    from going stale.

    Example: holdpoint serve --config lab/holdpoint.toml
    """
    from monitor.faces.web.server import Server  # noqa: PLC0415 - the web framework takes half a second to import

    settings = Settings.load(config)
    log_to_standard_error(settings.log, verbose=verbose)
    Store.open(settings.at(settings.store)).close()
    stopped = threading.Event()
    server = Server(Door(settings, shell.CLOCK))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    server.start()
    if json:
        as_json({"url": server.url})
        sys.stdout.flush()  # whoever started this waits for it
    stopped.wait()
    server.stop()
