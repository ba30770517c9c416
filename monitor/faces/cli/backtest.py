"""`holdpoint backtest`: forecast the larger rungs of history from the smaller ones, and say how that went."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from monitor import backtesting, prior
from monitor.backtesting.answer import SummaryRow
from monitor.faces.cli import shell
from monitor.faces.render import number, table

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
    """Forecast the target rows of tables from their train rows, and score what came, beside persistence.

    Example: holdpoint backtest history.csv --json answer.json
    """
    believed = prior.shipped() if prior_file is None else prior.load(prior_file)
    with shell.progress() as tell:
        answer = backtesting.backtest(tables, believed.dictionaries, seed=seed, digest=believed.digest, progress=tell)
    try:
        out.write_text(json.dumps(answer.body(), ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise shell.CannotWrite(out, error.strerror or str(error)) from error
    rows = [_cells(row) for row in answer.summary.rows]
    shell.say(table("Backtest", tuple(COLUMNS.values()), rows, right=tuple(COLUMNS.values())[2:]))
    shell.say(
        "nCRPS: CRPS over the standard deviation of a series, smaller is better; 80 %, 95 %: share of results inside "
        f"the interval; above, below: alarms at 1 %. {answer.summary.seconds:.1f} s; every forecast is in {out}"
    )


def _cells(row: SummaryRow) -> list[str]:
    values = row.model_dump()
    return [v if isinstance(v, str) else number(v, 3) for v in (values[name] for name in COLUMNS)]
