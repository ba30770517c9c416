"""`holdpoint verdict`: observed against forecast, metric by metric, and what it means together."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from checkpoints_db import Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.records import Diagnosis, Fault, Verdict
from monitor import cases
from monitor.emergence import Emergence, emergence
from monitor.faces.cli import naming, shell
from monitor.faces.render import as_json, clean, interval, number, probability, table
from monitor.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Verdicts and diagnoses: what arrived against what was sealed.")

Run = Annotated[str | None, typer.Option("--run", help="Only this run, as `family/run` or `run`.")]


@app.command("list")
def list_(run: Run = None, config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """Every verdict with interval, tail probability and minimum detectable break; then the diagnoses.

    Example: holdpoint verdict list --run lab/7b
    """
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
            f"{d.family}/{d.run}",
            d.question,
            ", ".join(f"{v.metric.name} ({v.rungs} rungs)" for v in _read(d)) or "–",
            d.continuous.outcome if d.continuous else "–",
            d.thresholded.outcome if d.thresholded else "–",
            d.name,
            d.sentence,
        )
        for d in diagnoses
    ]
    return table(title, ("run", "task", "metrics", "continuous", "thresholded", "diagnosis", "because"), rows)


@app.command()
def show(
    checkpoint: Annotated[str, typer.Argument(help="Run or checkpoint, as `family/run` or `family/run@step`.")],
    task: Annotated[str, typer.Argument(help="Task.")],
    chart: shell.Chart = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """All verdicts on one task of one run, with a chart of its continuous and thresholded metric side by side.

    Example: holdpoint verdict show lab/7b arithmetic --chart task.html
    """
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
        figures = [f for v in verdicts if (f := _figures(store, v)) is not None]
    if json:
        told = {"verdicts": [v.body() for v in verdicts], "diagnoses": [d.body() for d in mine]}
        extra = {"emergence": [f.body() for f in figures], "faults": [fault.body() for fault in faults]}
        as_json({**told, **extra})
    else:
        for verdict in verdicts:
            shell.say(verdict.sentence)
        for diagnosis in mine:
            shell.say(clean(f"{diagnosis.name} ({_grounds(diagnosis)}): {diagnosis.sentence}"))
            _say_composed(diagnosis)
        for figure in figures:
            shell.say(clean(figure.sentence))
        for fault in faults:
            shell.say(clean(f"{fault.name}: {fault.sentence}"))
    shell.draw(drawn, chart, quiet=json)


def _figures(store: Store, verdict: Verdict) -> Emergence | None:
    """The emergence figures of the ladder up to the checkpoint that was judged."""
    sealed = store.judgements.forecast(verdict.forecast) if verdict.forecast else None
    series = shell.beside(store, verdict.series, sealed)
    here = next((p for p in series.points if p.result == verdict.result), None)
    return emergence(series, here.x) if here else None


def _grounds(diagnosis: Diagnosis) -> str:
    """What a diagnosis is of: the same task may be another under other metrics, in another family, at other sizes."""
    read = _read(diagnosis)
    metrics = " and ".join(dict.fromkeys(v.metric.name for v in read)) or "no metric"
    rungs = max((v.rungs for v in read), default=0)
    return f"{metrics} of {diagnosis.family}, {diagnosis.run} after {rungs} rungs"


def _say_composed(diagnosis: Diagnosis) -> None:
    made = diagnosis.composed
    if made is None:
        return
    rows = [("composite", made.observed), *made.parts.items()]
    rows += [(what, span) for what, span in (("foreseen from its parts", made.foreseen), ("a step", made.step)) if span]
    cells = [(name, number(span.value), interval(span.lower, span.upper)) for name, span in rows]
    shell.say(table(made.formula, ("above chance", "share", "interval"), cells, right=("share", "interval")))


def _faults(settings: Settings, store: Store, tasks: set[str], mine: list[Diagnosis]) -> list[Fault]:
    """What is wrong with how the tasks were measured on the checkpoints of these diagnoses."""
    catalogue = Catalogue.from_toml(settings.at(settings.catalogue))
    places = dict.fromkeys((d.family, d.run, d.checkpoint) for d in mine)
    found = (cases.measured(store, catalogue, family, run, checkpoint=name) for family, run, name in places)
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
    return naming.run_of(store, run)
