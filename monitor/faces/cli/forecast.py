"""`holdpoint forecast`: what is sealed, and what it says at a scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import typer

from checkpoints_db.errors import EvidenceError, ForecastError
from checkpoints_db.records import PLANE, Forecast, Place, Sealed, cost_of
from monitor.daemon.jobs import load_rules
from monitor.faces.cli import shell
from monitor.faces.render import interval, moment, number, probability, scale, table
from monitor.forecasting import law_at
from monitor.settling import settles
from monitor.standing import at
from monitor.verdicts import detectable
from monitor.watch import Rules

app = typer.Typer(no_args_is_help=True, help="Forecasts: sealed in the ledger before the results they judge.")


@app.command("list")
def list_(
    family: Annotated[str | None, typer.Option(help="Only this family.")] = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """The newest seal of every series: rungs it learnt from, forms, skill and coverage on its own history."""
    with shell.opened(config) as (_, store):
        sealed = store.judgements.all_sealed(family)
    rows = [_row(one) for one in sealed]
    columns = (
        "forecast",
        "family",
        "task",
        "metric",
        "stage",
        "rungs",
        "axis",
        "beyond",
        "main form",
        "skill",
        "in 80 %",
        "standing",
        "sealed",
    )
    value = [{"at": s.at.isoformat(), "seq": s.seq, "digest": s.forecast.digest, **s.forecast.body()} for s in sealed]
    shell.show(value, table("Sealed forecasts", columns, rows, right=("skill", "in 80 %")), json=json)


def _row(sealed: Sealed) -> tuple[object, ...]:
    f = sealed.forecast
    form, weight = _forms(f)[0]
    return (
        f.digest[:12],
        f.family,
        f.task,
        f.metric.name,
        f.stage or "–",
        f"{f.rungs[0]}…{f.rungs[-1]} ({len(f.rungs)})",
        f.axis,
        scale(f.x_last),
        f"{form} ({weight:.0%})",
        number(f.track.skill, 2),
        number(f.track.inside_80, 2),
        ", ".join(doubt.name for doubt in f.standing.doubts) or "–",
        moment(sealed.at),
    )


def _forms(forecast: Forecast) -> list[tuple[str, float]]:
    """What the weights of the atoms come to, form by form, the heaviest first."""
    total: dict[str, float] = {}
    for lens in forecast.lenses:
        for atom in lens.atoms:
            total[atom.form] = total.get(atom.form, 0.0) + lens.share * atom.weight
    return sorted(total.items(), key=lambda each: (-each[1], each[0]))


def _said(forecast: Forecast, place: Place, rules: Rules) -> dict[str, Any]:
    """What a forecast says at one place on its axis, and what speaks against it there."""
    if not forecast.beyond(place):
        where = ",".join(f"{each:g}" for each in place)
        if forecast.axis == PLANE:
            why = "a rung of the ladder has at least as many parameters and tokens; ask beyond"
            raise ForecastError(f"--at {where}: {why}")
        raise ForecastError(f"--at {where}: a forecast speaks of scales beyond {forecast.x_last:g}")
    x = cost_of(place)
    law, ahead = law_at(forecast, place), math.log(x / forecast.x_last)
    quantiles = law.quantile(np.array([0.01, 0.1, 0.5, 0.9, 0.99]))
    low, low_80, median, up_80, up = (float(q) for q in np.atleast_1d(quantiles))
    said = {"x": x, "median": median, "lower_80": low_80, "upper_80": up_80, "lower_98": low, "upper_98": up}
    if forecast.axis == PLANE:
        said |= {"params": place[0], "tokens": place[1]}
    least, size = detectable(forecast.metric, low, median, up), rules.policy.judging.resolve * forecast.room
    doubts = [doubt.body() for doubt in at(forecast, law, ahead)]
    if least > size:
        largest = np.array([rung.scale for rung in forecast.ladder]).max(axis=0)
        u = np.log(np.array(place) / largest)
        told = settles(forecast, lambda v: law_at(forecast, place, v), u, ahead, size, rules.prior)
        why = f"a break of {least:.2g} could hide, {least / forecast.room:.0%} of the metric's room"
        doubts.append({"name": "blind", "sentence": why, "settles": str(told)})
    return {**said, "detectable": least, "doubts": doubts}


def _explain(forecast: Forecast, said: Sequence[Mapping[str, Any]]) -> None:
    shell.say(f"standing: {forecast.standing.status}")
    for doubt in forecast.standing.doubts:
        shell.say(f"{doubt.name}: {doubt.sentence}; to settle it: {doubt.settles}")
    for each in said:
        for told in each["doubts"]:
            shell.say(f"at {scale(each['x'])}, {told['name']}: {told['sentence']}; to settle it: {told['settles']}")


def _ahead(forecast: Forecast) -> list[Place]:
    """Places to speak of unasked; on two axes the costliest rung, grown as much in parameters as in tokens."""
    top = max(forecast.ladder, key=lambda rung: rung.cost).scale
    return [tuple(each * factor ** (1 / len(top)) for each in top) for factor in (1.5, 2, 4, 10)]


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Digest of a forecast, or a series.")],
    scales: Annotated[
        list[str] | None,
        typer.Option(
            "--at",
            help="A scale on the axis of the series; 7e9,2e12 on params,tokens. May be repeated.",
            metavar="SCALE",
        ),
    ] = None,
    chart: shell.Chart = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """What one sealed forecast says at larger scales: median, intervals, and the smallest break it could see."""
    with shell.opened(config) as (settings, store):
        rules = load_rules(settings, shell.CLOCK)
        sealed = store.judgements.forecast(name)
        found = sealed.forecast.series if sealed else shell.find_series(store, name).id
        sealed = sealed or store.judgements.sealed(found)
        series = shell.beside(store, found, sealed)
    if sealed is None:
        raise EvidenceError(f"series {series.id}: no forecast is sealed; it has {len(series.points)} rungs")
    forecast = sealed.forecast
    places = [shell.place(text, forecast) for text in scales or ()] or _ahead(forecast)
    said = [_said(forecast, place, rules) for place in places]
    axes = ("params", "tokens", "FLOP") if forecast.axis == PLANE else (forecast.axis,)
    rows = [
        (
            *(scale(s[axis]) for axis in axes if axis in s),
            scale(s["x"]),
            number(s["median"]),
            interval(s["lower_80"], s["upper_80"]),
            interval(s["lower_98"], s["upper_98"]),
            number(s["detectable"]),
            ", ".join(doubt["name"] for doubt in s["doubts"]) or "–",
        )
        for s in said
    ]
    what = f"{forecast.task} · {forecast.metric.name} — {forecast.family}"
    title = f"{what}, sealed {moment(sealed.at)} as {forecast.digest[:12]}"
    columns = (*axes, "median", "80 %", "98 %", "smallest break it could see", "against it")
    value = {
        "at": sealed.at.isoformat(),
        "seq": sealed.seq,
        "digest": forecast.digest,
        "forecast": forecast.body(),
        "says": said,
    }
    shell.show(value, table(title, columns, rows, right=columns), json=json)
    if not json:
        parts = (f"{form} {weight:.0%}" for form, weight in _forms(forecast)[:4])
        shell.say(
            f"forms: {', '.join(parts)}; learnt from {', '.join(forecast.rungs)}; "
            f"data {forecast.data_digest[:12]}, prior {forecast.prior[:12]}; ledger row {sealed.seq}; "
            f"inside 80 % on its history: {probability(forecast.track.inside_80)}"
        )
        _explain(forecast, said)
    if chart is not None:
        from monitor.faces import charts  # noqa: PLC0415 - the chart library takes a second to import

        shell.draw([charts.series_chart(series, forecast)], chart, quiet=json)
