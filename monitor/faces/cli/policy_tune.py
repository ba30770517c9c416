"""`holdpoint policy tune`: where should a threshold be?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from monitor.daemon.rules import prior_of
from monitor.faces.cli import shell
from monitor.faces.cli.policy_replay import PATIENCE, Book, Families, InOrder, Logs, Since, Until, day, source_of
from monitor.faces.render import moment, number, table
from monitor.settings import Settings
from monitor.tuning import DEFAULT, Asked, Setting, Tuning, on_cores, on_dask, parse, sizes, tune
from policies.loader import find

POINTS = {1: 13, 2: 5}
"""Values of each parameter, by how many parameters there are."""

MOST = 2
"""Parameters that can be swept at once."""


def tune_command(
    policy: Annotated[str, typer.Argument(help="A policy file, or a name from the shelf.", metavar="POLICY")],
    *,
    param: Annotated[
        list[str],
        typer.Option("--param", help="A numeric key and its range, RULE.KEY=A..B or judging.tail=A..B; once or twice."),
    ],
    points: Annotated[
        int | None, typer.Option("--points", min=2, max=200, help="Values of each parameter; 13, or 5 of two.")
    ] = None,
    log: Annotated[
        bool | None,
        typer.Option("--log/--lin", help="Values evenly in logarithm or not; by default so for probabilities."),
    ] = None,
    breaks: Annotated[
        str,
        typer.Option(
            help="Sizes of planted breaks: sd are predictive standard deviations, pt units of the metric; + is toward "
            "capability, without a sign both."
        ),
    ] = DEFAULT,
    places: Annotated[
        int, typer.Option("--places", min=1, help="Places where breaks are planted, each of every size.")
    ] = 40,
    horizon: Annotated[
        int, typer.Option("--horizon", min=1, help="Checkpoints at which a planted break may be stopped.")
    ] = 4,
    cost: Annotated[float, typer.Option("--cost", min=0, help="Cost of a missed break, in false pauses.")] = 10.0,
    breaks_a_year: Annotated[
        float, typer.Option("--breaks-a-year", min=0, help="Real breaks a year that you expect.")
    ] = 1.0,
    confirmed: Annotated[
        list[str] | None,
        typer.Option("--confirmed", help="A run (FAMILY/RUN) or checkpoint whose break is known to be real."),
    ] = None,
    per_year: Annotated[
        float | None, typer.Option("--per-year", min=1e-9, help="Checkpoints that are a year; else dates say so.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of where breaks are planted, and of resampling.")] = 0,
    since: Since = None,
    until: Until = None,
    family: Families = None,
    logs: Logs = None,
    book: Book = None,
    order: InOrder = None,
    jobs: Annotated[int, typer.Option("--jobs", min=0, help="Processes; 0 for one a core.")] = 0,
    dask: Annotated[
        str | None, typer.Option(help="Work on the dask cluster whose scheduler is here.", metavar="ADDRESS")
    ] = None,
    chart: shell.Chart = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Sweep one or two numbers of a policy over history: false pauses a year against missed breaks and their delay.

    History as it was says what a setting pauses for nothing; breaks of known size, planted into results that came,
    say what it misses. The recommended setting is the one of least cost, and stands with the interval that this
    history leaves open. The store is opened for reading only.

    Example: holdpoint policy tune default --param judging.tail=0.0005..0.05 --cost 20 --chart tune.html

    Exit code: 0 when it was swept; 1 when there is no history, the policy is not sound, a name is unknown or a value
    is not allowed; 2 wrong usage.
    """
    if len(param) > MOST:
        raise typer.BadParameter(f"{len(param)} parameters; sweep one or two at once", param_hint="--param")
    candidate = find(policy, Path.cwd())
    params = [parse(candidate, text, log=log) for text in param]
    if len({p.name for p in params}) < len(params):
        raise typer.BadParameter(f"{params[0].name} is named twice", param_hint="--param")
    begins, ends = day(since, "--from"), day(until, "--to")
    asked = Asked(
        params,
        points or POINTS[len(params)],
        sizes(breaks),
        places,
        horizon,
        cost,
        breaks_a_year,
        seed,
        tuple(confirmed or ()),
        begins,
        ends,
        per_year,
    )
    with shell.progress(after=PATIENCE) as tell:
        source = source_of(config, logs, book, order, begins, tell)
        prior = prior_of(Settings.load(config) if config.is_file() else Settings())
        spread = on_cores(jobs or os.cpu_count() or 1) if dask is None else on_dask(dask)
        rng = np.random.default_rng(seed)
        found = tune(source, candidate, asked, prior=prior, rng=rng, families=family, spread=spread, tell=tell)
    shell.show(found.body(), _drawn(found), json=json)
    if not json:
        for line in _lines(found):
            shell.say(line)
    if chart is not None:
        from monitor.faces import tune_chart  # noqa: PLC0415 - the chart library takes a second to import

        shell.draw([tune_chart.tune_chart(found)], chart, quiet=json)


def _drawn(found: Tuning) -> object:
    columns = (*found.params, "", "false pauses", "a year", "90 %", "missed", "90 %", "delay", "days", "cost", "front")
    title = f"Policy {found.policy_name} over {found.source}: {found.checkpoints} checkpoints, {found.planted} breaks"
    rows = [_row(i, s, found) for i, s in enumerate(found.settings)]
    return table(title, columns, rows, right=columns[len(found.params) + 1 : -1], whole=("90 %",))


def _row(i: int, s: Setting, found: Tuning) -> tuple[object, ...]:
    values = [text.partition(" = ")[2] for text in s.spelled]
    marks = ["now"] if s.current else []
    marks += ["take" if i == found.recommended.setting else "perhaps"] if s.contender else []
    held = f" +{s.false_holds} held" if s.false_holds else ""
    return (
        *values,
        ", ".join(marks),
        f"{s.false_pauses}{held}",
        number(s.a_year, 2),
        f"{number(s.a_year_limits.lower, 2)} to {number(s.a_year_limits.upper, 2)}",
        f"{s.missed:.0%}",
        f"{s.missed_limits.lower:.0%} to {s.missed_limits.upper:.0%}",
        number(s.delay, 2),
        number(s.days, 2),
        number(s.cost, 3),
        "yes" if s.front else "",
    )


def _lines(found: Tuning) -> Iterator[str]:
    advice = found.recommended
    for sentence in advice.sentences:
        yield f"{sentence[:1].upper()}{sentence[1:]}."
    for name, unit, low, high in zip(found.params, found.units, advice.lower, advice.upper, strict=True):
        ends = "; it reaches the end of the sweep, and what lies beyond was not tried" if advice.open_ended else ""
        yield (
            f"The {name} of least cost lies between {low:g}{unit} and {high:g}{unit} ({advice.level:.0%} interval: "
            f"{found.draws} histories of {found.runs} runs each, resampled, seed {found.seed}){ends}."
        )
    span = f"{moment(found.begins)} to {moment(found.ends)}, {found.years:.3g} years"
    yield f"{found.checkpoints} checkpoints of {found.runs} runs, {span}; breaks of {', '.join(found.sizes)}."
    if found.confirmed:
        yield f"{found.confirmed} checkpoints with confirmed breaks are no false pauses."
    for note in found.notes:
        yield f"{note[:1].upper()}{note[1:]}."
