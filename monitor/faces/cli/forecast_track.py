"""`holdpoint forecast track`: how sealed forecasts did on what really came."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor import track as record
from monitor.faces.cli import shell
from monitor.faces.render import number, table

BARS = "▁▂▃▄▅▆▇█"


def track(
    family: Annotated[str | None, typer.Option(help="Only this family.")] = None,
    chart: shell.Chart = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """How sealed forecasts did on the results that came: coverage with its limits, PIT, CRPS, skill. Always 0.

    Example: holdpoint forecast track --family lab
    """
    with shell.opened(config) as (_, store):
        rows = record.rows(store.judgements.tallies("run", family=family))
    columns = ("family", "metrics", "forecasts", "runs", "in 80 %", "in 95 %", "PIT", "CRPS", "skill")
    cells = [
        (
            r.family,
            r.kind,
            r.forecasts,
            r.runs,
            _coverage(r.inside_80),
            _coverage(r.inside_95),
            _bars(r.pit),
            number(r.crps, 2),
            number(r.skill, 2),
        )
        for r in rows
    ]
    right = (*columns[2:6], *columns[7:])
    shell.show([r.body() for r in rows], table("What sealed forecasts came to", columns, cells, right=right), json=json)
    if not json:
        shell.say(_explained(rows))
    if chart is not None and rows:
        from monitor.faces import track_chart  # noqa: PLC0415 - the chart library takes a second to import

        shell.draw([track_chart.track_chart(rows)], chart, quiet=json)


def _coverage(seen: record.Coverage) -> str:
    return f"{seen.share:.0%} [{seen.low:.0%}, {seen.high:.0%}]"


def _bars(counts: tuple[int, ...]) -> str:
    most = max(*counts, 1)
    return "".join(BARS[round(count / most * (len(BARS) - 1))] for count in counts)


def _explained(rows: list[record.Row]) -> str:
    if not rows:
        return "No sealed forecast was followed by a result yet; `holdpoint forecast list` has records on own history."
    wrong = [
        f"{r.family}, {r.kind}: {share} of the {nominal:.0%} intervals"
        for r in rows
        for nominal, seen in ((0.8, r.inside_80), (0.95, r.inside_95))
        if seen.wrong(nominal)
        for share in [f"{seen.share:.0%}"]
    ]
    verdict = (
        f"Off beyond what chance allows: {'; '.join(wrong)}."
        if wrong
        else "Nothing here is off beyond what chance allows."
    )
    return (
        "In brackets: 95 % limits (Clopper-Pearson; results of one run count less, as they rise and fall together). "
        f"PIT: results in each tenth of their law, even when widths are honest. CRPS: share of the room. {verdict}"
    )
