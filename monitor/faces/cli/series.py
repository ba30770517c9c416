"""`holdpoint series`: the trends, and the charts of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from checkpoints_db import doctor as examination
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.records import PLANE, Point, Series, Verdict
from monitor.composition import is_rate, step_at
from monitor.emergence import emergence
from monitor.faces.cli import shell
from monitor.faces.render import clean, interval, number, scale, table
from monitor.forecasting import MIN_RUNGS

app = typer.Typer(no_args_is_help=True, help="Series: one metric of one task along the sizes of one family.")


@app.command("list")
def list_(
    family: Annotated[str | None, typer.Option(help="Only this family.")] = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Every series, its rungs, and whether a forecast of it is sealed.

    Example: holdpoint series list --family lab
    """
    with shell.opened(config) as (_, store):
        shell.must_have(store, family)
        names = store.evidence.series_ids(family)
        seals = {name: store.judgements.sealed(name) for name in shell.each("reading seals", names)}
        found = [shell.beside(store, name, seals[name]) for name in shell.each("reading series", names)]
    rows = [
        (
            s.id,
            s.family,
            s.task,
            s.metric.name,
            s.metric.kind,
            s.stage or "–",
            s.axis,
            len(set(s.names().values())),
            number(s.points[0].value) if s.points else "–",
            number(s.points[-1].value) if s.points else "–",
            "sealed" if seals[s.id] else "–",
        )
        for s in found
    ]
    columns = ("series", "family", "task", "metric", "kind", "stage", "axis", "rungs", "first", "last", "forecast")
    value = [{**s.body(), "sealed": seal.forecast.digest if (seal := seals[s.id]) else None} for s in found]
    shell.show(value, table("Series", columns, rows, right=("rungs", "first", "last")), json=json)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Series id, `family/task/metric`, or a task with one metric.")],
    chart: shell.Chart = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """The rungs of one series, with a chart of ladder, forecast, band and the newest verdict.

    Example: holdpoint series show lab/arithmetic/acc --chart arithmetic.html
    """
    with shell.opened(config) as (settings, store):
        series = shell.find_series(store, name)
        judged = {v.result: v for _, v in store.judgements.verdicts(series.family) if v.series == series.id}
        sealed = store.judgements.sealed(series.id)
        newest = max(judged.values(), key=lambda v: v.distance or 0.0) if judged else None
        used = store.judgements.forecast(newest.forecast) if newest and newest.forecast else sealed
        series = shell.beside(store, series.id, used)
    steps = _steps(Catalogue.from_toml(settings.at(settings.catalogue)), series)
    figures = emergence(series)
    value = {**series.body(), "emergence": figures.body() if figures else None}
    shell.show(value, _rungs(series, judged, steps), json=json)
    if figures and not json:
        shell.say(clean(figures.sentence))
    if chart is not None:
        from monitor.faces import charts  # noqa: PLC0415 - the chart library takes a second to import

        observed = next((p for p in series.points if newest and p.result == newest.result), None)
        sealed_at = used.at if used else None
        drawn = charts.series_chart(series, used.forecast if used else None, newest, observed, sealed_at=sealed_at)
        shell.draw([drawn], chart, quiet=json)


def _rungs(series: Series, judged: Mapping[str, Verdict], steps: int | None) -> object:
    """One row a rung; `judged`: result -> its verdict."""
    words = {"flop": "FLOP", "effective_compute": "effective compute"}
    plane, names = series.axis == PLANE, series.names()
    axes = ("params", "tokens", "6 * params * tokens") if plane else (words.get(series.axis, series.axis),)
    rows = [
        (
            names[p.checkpoint],
            *(scale(each) for each in p.plane or ()),
            scale(p.x),
            number(p.value),
            number(p.stderr),
            p.n or "–",
            *([_step(series, p, steps)] if steps else []),
            judged[p.result].outcome if p.result in judged else "history",
        )
        for p in series.points
    ]
    columns = ("run", *axes, "value", "stderr", "n", *([f"one of {steps} steps"] if steps else []), "verdict")
    title = f"{series.task} · {series.metric.name} — {series.family} {series.stage} ({series.id})"
    return table(title, columns, rows, right=columns[1:-1])


def _steps(catalogue: Catalogue, series: Series) -> int | None:
    """How many steps the catalogue declares for the task, where its metric is a rate of success."""
    asks = {series.task, catalogue.question(series.task)}
    declared = [c.steps for c in catalogue.compositions if c.task in asks and c.steps > 1]
    return declared[0] if declared and is_rate(series.metric) else None


def _step(series: Series, point: Point, steps: int) -> str:
    span = step_at(series.metric, point, steps)
    return f"{number(span.value)} {interval(span.lower, span.upper)}"


@app.command()
def doctor(
    family: Annotated[str | None, typer.Option(help="Only this family.")] = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Why ladders are short: what split a metric into several series, and rungs that tell nothing.

    Example: holdpoint series doctor --family lab
    """
    with shell.opened(config) as (_, store):
        shell.must_have(store, family)
        results = [seen.result for seen in store.evidence.results(family=family) if seen.counts]
    split, short = examination.splits(results), examination.shorts(results, MIN_RUNGS)
    value = {
        "split": [{**each.body(), "sentence": each.sentence} for each in split],
        "short": [{**each.body(), "mark": each.mark, "sentence": each.sentence} for each in short],
    }
    if not json and not split and not short:
        shell.say("No series is split, and none is short because of its rungs.")
        return
    if json or split:
        shell.show(value, _splits(split), json=json)
    if short and not json:
        shell.say(_shorts(short))


def _splits(found: tuple[examination.Split, ...]) -> object:
    told: dict[tuple[str, ...], list[str]] = {}
    for s in found:
        place = (s.family, s.task, s.stage or "–", *(s.words(side) for side in s.sides))
        told.setdefault(place, []).append(s.metric)
    rows = [
        (*((family, task, stage, ", ".join(metrics)) if first else ("",) * 4), words)
        for (family, task, stage, *sides), metrics in told.items()
        for first, words in zip([True] + [False] * len(sides), sides, strict=False)
    ]
    return table("Split: cannot be compared", ("family", "task", "stage", "metrics", "series, most runs first"), rows)


def _shorts(found: tuple[examination.Short, ...]) -> object:
    told: dict[tuple[str, ...], list[str]] = {}
    for s in found:
        share = f"{len(s.telling)} of {len(s.runs)}"
        told.setdefault((s.family, s.task, s.stage or "–", share, s.why, s.mark or "–"), []).append(s.metric)
    rows = [(*place, ", ".join(dict.fromkeys(metrics))) for place, metrics in told.items()]
    columns = ("family", "task", "stage", "telling", "the other runs", "mark", "metrics")
    return table(f"Short: fewer than {MIN_RUNGS} runs that tell something", columns, rows)
