"""`holdpoint verdict`: observed against forecast, metric by metric, and what it means together."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from checkpoints_db import Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.records import Diagnosis, Fault, Verdict
from monitor import gate
from monitor.faces.cli import shell
from monitor.faces.render import as_json, interval, number, probability, table
from monitor.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Verdicts and diagnoses: what arrived against what was sealed.")

Run = Annotated[str | None, typer.Option("--run", help="Only this run, as `family/run` or `run`.")]


@app.command("list")
def list_(run: Run = None, config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """Every verdict with interval, tail probability and minimum detectable break; then the diagnoses."""
    with shell.opened(config) as (_, store):
        place = _place(store, run)
        verdicts = [verdict for _, verdict in store.judgements.verdicts(*place)]
        diagnoses = [diagnosis for _, diagnosis in store.judgements.diagnoses(*place)]
    if json:
        as_json({"verdicts": [v.body() for v in verdicts], "diagnoses": [d.body() for d in diagnoses]})
        return
    shell.say(verdict_table("Verdicts", verdicts))
    shell.say(diagnosis_table("Diagnoses", diagnoses))


def verdict_table(title: str, verdicts: list[Verdict]) -> object:
    """Observed against forecast, one row a metric."""
    columns = (
        "run",
        "task",
        "metric",
        "observed",
        "forecast",
        "interval",
        "tail",
        "smallest break seen",
        "verdict",
        "why",
    )
    rows = [
        (
            v.run,
            v.task,
            v.metric.name,
            number(v.observed),
            number(v.median),
            interval(v.lower, v.upper),
            probability(None if v.tail_above is None or v.tail_below is None else min(v.tail_above, v.tail_below)),
            number(v.detectable, 3),
            v.outcome,
            "" if v.why == "ok" else v.why,
        )
        for v in verdicts
    ]
    return table(title, columns, rows, right=columns[3:8])


def diagnosis_table(title: str, diagnoses: list[Diagnosis]) -> object:
    """What the metrics of each task say together."""
    rows = [
        (
            d.run,
            d.question,
            d.continuous.outcome if d.continuous else "–",
            d.thresholded.outcome if d.thresholded else "–",
            d.name,
            d.sentence,
        )
        for d in diagnoses
    ]
    return table(title, ("run", "task", "continuous", "thresholded", "diagnosis", "because"), rows)


@app.command()
def show(
    checkpoint: Annotated[str, typer.Argument(help="Run or checkpoint, as `family/run` or `family/run@step`.")],
    task: Annotated[str, typer.Argument(help="Task.")],
    chart: shell.Chart = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """All verdicts on one task of one run, with a chart of its continuous and thresholded metric side by side."""
    with shell.opened(config) as (settings, store):
        place = _place(store, checkpoint.partition("@")[0])
        here = [d for _, d in store.judgements.diagnoses(*place)]
        found = [d for d in here if checkpoint in (d.run, f"{d.family}/{d.run}", d.checkpoint)]
        verdicts = [v for _, v in store.judgements.verdicts(*place) if v.task == task]
        mine = [d for d in found if task in (d.question, *(v.task for v in _read(d)))]
        if not verdicts and not mine:
            raise typer.BadParameter(
                f"nothing was judged about {task!r} on {checkpoint!r}; see `holdpoint verdict list`"
            )
        faults = _faults(settings, store, {task, *(v.task for d in mine for v in _read(d))}, mine)
        drawn = [picture(store, d) for d in mine[:1]] if chart is not None else []
    if json:
        told = {"verdicts": [v.body() for v in verdicts], "diagnoses": [d.body() for d in mine]}
        as_json({**told, "faults": [fault.body() for fault in faults]})
    else:
        for verdict in verdicts:
            shell.say(verdict.sentence)
        for diagnosis in mine:
            shell.say(f"{diagnosis.name}: {diagnosis.sentence}")
        for fault in faults:
            shell.say(f"{fault.name}: {fault.sentence}")
    shell.draw(drawn, chart, quiet=json)


def _faults(settings: Settings, store: Store, tasks: set[str], mine: list[Diagnosis]) -> list[Fault]:
    """What is wrong with how the tasks were measured on the checkpoints of these diagnoses."""
    catalogue = Catalogue.from_toml(settings.at(settings.catalogue))
    places = dict.fromkeys((d.family, d.run, d.checkpoint) for d in mine)
    found = (gate.measured(store, catalogue, family, run, checkpoint=name) for family, run, name in places)
    return [fault for measurement in found for fault in measurement.faults if fault.task in tasks]


def _read(diagnosis: Diagnosis) -> list[Verdict]:
    return [v for v in (diagnosis.continuous, diagnosis.thresholded) if v is not None]


def picture(store: Store, diagnosis: Diagnosis) -> Any:
    """The chart of one diagnosis: its continuous and its thresholded metric side by side, as they were judged."""
    from monitor.faces import charts  # noqa: PLC0415 - the chart library takes a second to import

    drawn = []
    for verdict in _read(diagnosis):
        sealed = store.judgements.forecast(verdict.forecast) if verdict.forecast else None
        series = shell.beside(store, verdict.series, sealed)
        observed = next((p for p in series.points if p.result == verdict.result), None)
        drawn.append(charts.series_chart(series, sealed.forecast if sealed else None, verdict, observed))
    return charts.question_chart(drawn) if len(drawn) > 1 else drawn[0]


def _place(store: Store, run: str | None) -> tuple[str | None, str | None]:
    if run is None:
        return None, None
    place = gate.find_run(store, run)
    if place is None:
        raise typer.BadParameter(f"unknown or ambiguous run {run!r}; name it as `family/run`")
    return place
