"""`holdpoint forecast`: what is sealed, and what it says at a scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import typer

from checkpoints_db.errors import EvidenceError, ForecastError
from checkpoints_db.records import PLANE, Forecast, Place, Sealed, Tally, cost_of
from monitor.daemon.rules import load_rules
from monitor.faces.cli import forecast_plan, forecast_track, shell
from monitor.faces.render import interval, moment, number, scale, table
from monitor.forecasting import law_at
from monitor.settling import settles
from monitor.standing import at
from monitor.track import in_80
from monitor.verdicts import detectable
from monitor.watch import Rules

app = typer.Typer(no_args_is_help=True, help="Forecasts: sealed in the ledger before the results they judge.")
app.command("plan")(forecast_plan.plan)
app.command("track")(forecast_track.track)

NAMED = 12
"""Rungs that are named one by one; a run of many checkpoints would fill the screen."""


@app.command("list")
def list_(
    family: Annotated[str | None, typer.Option(help="Only this family.")] = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """The newest seal of every series: rungs it learnt from, forms, skill and coverage on its own history.

    Example: holdpoint forecast list --family lab
    """
    with shell.opened(config) as (_, store):
        shell.must_have(store, family)
        newest = list(store.judgements.newest(family).values())
        sealed = [store.judgements.sealed_at(seq) for seq in shell.each("reading seals", newest)]
        live = {each.series: each for each in store.judgements.tallies("series", family=family)}
    rows = [_row(one, live.get(one.forecast.series)) for one in sealed]
    columns = (
        "forecast",
        "family",
        "task",
        "metric",
        "rungs",
        "axis",
        "beyond",
        "main form",
        "skill",
        "history",
        "live",
        "standing",
        "sealed",
    )
    value = [{**_value(s), "live": _live(live.get(s.forecast.series)), **s.forecast.body()} for s in sealed]
    title = "Sealed forecasts; history, live: how many results fell into their 80 % interval"
    drawn = table(title, columns, rows, right=("skill",), whole=("forecast", "axis", "main form", "standing"))
    shell.show(value, drawn, json=json)


def _value(sealed: Sealed) -> dict[str, object]:
    return {"at": sealed.at.isoformat(), "seq": sealed.seq, "digest": sealed.forecast.digest}


def _live(tally: Tally | None) -> dict[str, object]:
    """What really came of forecasts of the series, as plain numbers; `track` beside it is on its own history."""
    return (tally or Tally()).body()


def _row(sealed: Sealed, live: Tally | None) -> tuple[object, ...]:
    f = sealed.forecast
    form, weight = _forms(f)[0]
    return (
        f.digest[:12],
        f.family,
        f.task,
        " ".join(filter(None, (f.metric.name, f.stage))),
        f"{f.rungs[0]}…{f.rungs[-1]} ({len(f.rungs)})",
        f.axis,
        scale(f.x_last) if f.axis != PLANE else " × ".join(map(scale, _top(f))),
        f"{form} ({weight:.0%})",
        number(f.track.skill, 2),
        *in_80(f.track, live),
        _doubts(f),
        moment(sealed.at),
    )


def _doubts(forecast: Forecast) -> str:
    names = [doubt.name for doubt in forecast.standing.doubts]
    return "–" if not names else names[0] if len(names) == 1 else f"{names[0]} +{len(names) - 1}"


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
    top = _top(forecast)
    return [tuple(each * factor ** (1 / len(top)) for each in top) for factor in (1.5, 2, 4, 10)]


def _top(forecast: Forecast) -> Place:
    return max(forecast.ladder, key=lambda rung: rung.cost).scale


def _rungs(forecast: Forecast) -> str:
    every = forecast.rungs
    return ", ".join(every) if len(every) <= NAMED else f"{len(every)} rungs, {every[0]} to {every[-1]}"


def _records(forecast: Forecast, live: Tally | None) -> str:
    own = forecast.track
    history = "own history: too short for a forecast to be tried on"
    if own.forecasts and own.inside_80 is not None and own.inside_95 is not None:
        inside = [round(own.forecasts * share) for share in (own.inside_80, own.inside_95)]
        history = (
            f"own history: {own.forecasts} rung{'s' if own.forecasts > 1 else ''} forecast from the smaller ones, "
            f"{inside[0]} inside 80 %, {inside[1]} inside 95 %, CRPS {number(own.crps, 2)}, "
            f"skill {number(own.skill, 2)}"
        )
    if live is None:
        return f"{history}; live: no sealed forecast of this series was followed by a result yet"
    return (
        f"{history}; live: {live.forecasts} sealed forecast{'s were' if live.forecasts > 1 else ' was'} followed by a "
        f"result, {live.inside_80} inside 80 %, "
        f"{live.inside_95} inside 95 %, CRPS {live.mean_crps or 0.0:.2%} of its room, "
        f"skill {number(live.skill, 2)}"
    )


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
    """What one sealed forecast says at larger scales: median, intervals, and the smallest break it could see.

    Example: holdpoint forecast show lab/arithmetic/acc --at 7e23
    """
    with shell.opened(config) as (settings, store):
        rules = load_rules(settings, shell.CLOCK)
        sealed = store.judgements.forecast(name)
        found = sealed.forecast.series if sealed else shell.find_series(store, name).id
        sealed = sealed or store.judgements.sealed(found)
        series = shell.beside(store, found, sealed)
        live = next((t for t in store.judgements.tallies("series", family=series.family) if t.series == found), None)
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
        "live": _live(live),
        "says": said,
    }
    shell.show(value, table(title, columns, rows, right=columns), json=json)
    if not json:
        parts = (f"{form} {weight:.0%}" for form, weight in _forms(forecast)[:4])
        shell.say(
            f"forms: {', '.join(parts)}; learnt from {_rungs(forecast)}; "
            f"data {forecast.data_digest[:12]}, prior {forecast.prior[:12]}; ledger row {sealed.seq}"
        )
        shell.say(_records(forecast, live))
        _explain(forecast, said)
    if chart is not None:
        from monitor.faces import charts  # noqa: PLC0415 - the chart library takes a second to import

        farthest = max((place for place in places if scales), key=cost_of, default=None)
        drawn = charts.series_chart(series, forecast, sealed_at=sealed.at, to=farthest)
        shell.draw([drawn], chart, quiet=json)
