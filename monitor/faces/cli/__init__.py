"""The command line: noun, then verb; `--json` everywhere.

Exit codes: 0 done (for `gate ask`: GO), 1 refused or failed, with a sentence on standard error, 2 wrong usage,
3 internal error, 10 HOLD, 20 PAUSE. Everything but 0 stops `&&`.
"""

from __future__ import annotations

import sys
import traceback

import typer

from checkpoints_db.errors import HoldpointError
from monitor.faces.cli import (
    alert,
    assessment,
    backtest,
    backup,
    bundle,
    catalogue,
    checkpoint,
    config,
    daemon,
    doctor,
    export,
    file,
    forecast,
    gate,
    ingest,
    init,
    items,
    keys,
    lease,
    ledger,
    outbox,
    policy,
    power,
    prior,
    quarantine,
    route,
    run,
    safeguard,
    schema,
    selftest,
    series,
    serve,
    status,
    tidy,
    verdict,
    waiver,
)
from monitor.faces.render import clean

app = typer.Typer(
    name="holdpoint",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    help="Forecasts of a model's abilities are sealed before its results arrive; a gate holds when they break.",
    epilog="Exit codes: 0 done or GO · 1 refused · 2 usage · 3 internal · 10 HOLD · 20 PAUSE",
)
app.command("init")(init.init)
app.command("status")(status.status)
app.command("ingest")(ingest.ingest)
app.command("serve")(serve.serve)
app.command("backtest")(backtest.backtest)
app.command("power")(power.power)
app.command("items")(items.items)
app.command("selftest")(selftest.selftest)
app.command("doctor")(doctor.doctor)
app.command("export")(export.export)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("tidy")(tidy.tidy)
app.command("schema")(schema.schema)
for noun in (
    config,
    daemon,
    catalogue,
    checkpoint,
    file,
    quarantine,
    series,
    forecast,
    verdict,
    alert,
    gate,
    waiver,
    assessment,
    safeguard,
    run,
    route,
    outbox,
    policy,
    prior,
    ledger,
    keys,
    lease,
    bundle,
):
    app.add_typer(noun.app, name=noun.__name__.rpartition(".")[2])


def main() -> None:
    """Run the command line; the last resort for what went wrong."""
    try:
        app()
    except HoldpointError as error:
        sys.stderr.write(f"holdpoint: {clean(error)}\n")
        sys.exit(1)
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)
    except Exception:  # the process boundary: a bug of ours must not look like GO to `&&`
        traceback.print_exc()
        sys.stderr.write("holdpoint: internal error; nothing was decided, and nothing may go on because of it\n")
        sys.exit(3)
