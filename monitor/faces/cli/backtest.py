"""`holdpoint backtest`: forecast the larger rungs of history from the smaller ones, and say how that went."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from checkpoints_db.errors import HoldpointError
from monitor import backtesting, prior
from monitor.backtesting.answer import SummaryRow
from monitor.faces.cli import shell
from monitor.faces.render import console, number, table

COLUMNS = {
    "table": "table",
    "kind": "kind",
    "series": "series",
    "targets": "targets",
    "ncrps": "nCRPS",
    "ncrps_persistence": "persistence",
    "coverage_80": "80 %",
    "coverage_95": "95 %",
    "alarms_above": "above",
    "alarms_below": "below",
    "refused": "refused",
    "insufficient": "too little",
}


class CannotWrite(HoldpointError):
    """The answer could not be written down."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: cannot be written: {why}; name a file in a folder that is there")


def backtest(
    tables: Annotated[
        list[Path],
        typer.Argument(help="Plain long tables with a column role: train rows are history, target rows are forecast."),
    ],
    out: Annotated[Path, typer.Option("--json", help="Write every forecast and the summary here.", metavar="OUT")],
    prior_file: Annotated[
        Path | None, typer.Option("--prior", help="What is believed beforehand; without it, the shipped one.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Recorded in the answer; nothing is drawn at random.")] = 0,
) -> None:
    """Forecast the target rows of tables from their train rows, and score what came, beside persistence."""
    believed = prior.shipped() if prior_file is None else prior.load(prior_file)
    with _progress() as tell:
        answer = backtesting.backtest(tables, believed.dictionaries, seed=seed, digest=believed.digest, progress=tell)
    try:
        out.write_text(json.dumps(answer.body(), ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise CannotWrite(out, error.strerror or str(error)) from error
    rows = [_cells(row) for row in answer.summary.rows]
    shell.say(table("Backtest", tuple(COLUMNS.values()), rows, right=tuple(COLUMNS.values())[2:]))
    shell.say(
        "nCRPS: CRPS over the standard deviation of a series, smaller is better; 80 %, 95 %: share of results inside "
        f"the interval; above, below: alarms at 1 %. {answer.summary.seconds:.1f} s; every forecast is in {out}"
    )


def _cells(row: SummaryRow) -> list[str]:
    values = row.model_dump()
    return [v if isinstance(v, str) else number(v, 3) for v in (values[name] for name in COLUMNS)]


@contextmanager
def _progress() -> Iterator[backtesting.Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(error=True), transient=True) as progress:
        tasks = {}

        def tell(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=of)
            progress.update(tasks[what], completed=done, total=of)

        yield tell
