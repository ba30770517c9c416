"""`holdpoint power`: what would make a break visible that could hide today, metric by metric."""

from __future__ import annotations

import difflib
import math
from typing import Annotated, Any

import numpy as np
import typer

from checkpoints_db import Store
from checkpoints_db.errors import EvidenceError, ForecastError
from checkpoints_db.records import Forecast, Place, Sealed, Series, cost_of
from checkpoints_db.samples import success_rate
from monitor.composition import is_rate
from monitor.daemon.rules import load_rules
from monitor.faces.cli import shell
from monitor.faces.render import clean, interval, number, scale, table
from monitor.forecasting import law_at
from monitor.science.power import attempts_needed
from monitor.settling import settles
from monitor.standing import at as doubts
from monitor.watch import Rules

RARE = 10
"""Fewer successes than this at the last rung are too few to see a rate by: attempts are counted instead."""


def power(
    task: Annotated[str, typer.Argument(help="Task, or the name of tasks that are read together.")],
    at: Annotated[
        str | None,
        typer.Option(help="A scale on the axis of the series; 7e9,2e12 on params,tokens. Default: the next rung."),
    ] = None,
    size: Annotated[
        float | None,
        typer.Option(help="Break to be seen, in units of the metric. Default: what the policy asks for.", min=0.0),
    ] = None,
    metric: Annotated[str | None, typer.Option(help="Only this metric.")] = None,
    family: Annotated[str | None, typer.Option(help="Only this family.")] = None,
    rate: Annotated[
        float | None, typer.Option(help="A rate of success that should not go unseen.", min=1e-12, max=1.0)
    ] = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Which extra items, or which extra rung, would make a break of the policy's size visible, for every metric.

    Exit code 0 when it was answered for a metric at least, 1 when nothing is sealed that could be asked.

    Example: holdpoint power arithmetic --at 7e23
    """
    if size is not None and not 0 < size < math.inf:
        raise typer.BadParameter(f"{size:g} is no size of a break", param_hint="--size")
    with shell.opened(config) as (settings, store):
        rules = load_rules(settings, shell.CLOCK)
        found = [s for s in _sealed(store, rules, task, family) if metric in (None, s.forecast.metric.name)]
        ladders = [shell.beside(store, s.forecast.series, s) for s in found]
    if not found:
        raise EvidenceError(f"{task} · {metric}: no forecast of this metric is sealed; see `holdpoint forecast list`")
    told: list[dict[str, Any]] = []
    with shell.progress() as tell:
        for sealed, series in zip(found, ladders, strict=True):
            told.append(_told(sealed.forecast, series, rules, at, size) | {"rare": _rare(series, rate)})
            tell("asking the engine", len(told), len(found))
    if all("refused" in each for each in told):
        raise ForecastError("; ".join(dict.fromkeys(each["refused"] for each in told)))
    shell.show({"task": task, "metrics": told}, _table(task, told), json=json)
    _explain([] if json else told)


def _sealed(store: Store, rules: Rules, task: str, family: str | None) -> list[Sealed]:
    """The newest seals of a task, or of the question it is a part of."""
    sealed = store.judgements.all_sealed(family)

    def asks(name: str) -> set[str]:
        return {name, rules.catalogue.question(name)}

    mine = [s for s in sealed if task in asks(s.forecast.task)]
    if mine:
        return sorted(mine, key=lambda s: (s.forecast.family, s.forecast.task, s.forecast.metric.name))
    known = sorted({store.evidence.series(each).task for each in store.evidence.series_ids(family)})
    if any(task in asks(name) for name in known):
        raise EvidenceError(f"task {task!r}: it has results and no sealed forecast; see `holdpoint series doctor`")
    near = difflib.get_close_matches(task, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "see `holdpoint series list`"
    raise typer.BadParameter(f"unknown task {task!r}; {hint}", param_hint="TASK")


def _next(forecast: Forecast) -> Place:
    """One average step beyond the costliest rung, grown as much on each axis."""
    top = max(forecast.ladder, key=lambda rung: rung.cost)
    cost = np.log([rung.cost for rung in forecast.ladder])
    step = float(np.ptp(cost)) / max(np.unique(cost.round(6)).size - 1, 1)
    return tuple(each * math.exp(step / len(top.scale)) for each in top.scale)


def _told(forecast: Forecast, series: Series, rules: Rules, at: str | None, size: float | None) -> dict[str, Any]:
    place = _next(forecast) if at is None else shell.place(at, forecast)
    judging = rules.policy.judging
    wanted = judging.resolve * forecast.room if size is None else size
    said: dict[str, Any] = {
        "family": forecast.family,
        "task": forecast.task,
        "metric": forecast.metric.name,
        "series": forecast.series,
        "rungs": len(forecast.rungs),
        "at": list(place),
        "size": wanted,
        "share_of_room": wanted / forecast.room,
        "tail": judging.tail,
    }
    try:
        return said | _asked(forecast, series, rules, place, wanted)
    except (ForecastError, ValueError) as error:  # a place inside the ladder is a ValueError of the law
        return said | {"refused": str(error)}


def _asked(forecast: Forecast, series: Series, rules: Rules, place: Place, wanted: float) -> dict[str, Any]:
    """What the engine says of one place; raises what `law_at` and `settles` raise."""
    tail, metric = rules.policy.judging.tail, forecast.metric
    law, ahead = law_at(forecast, place), math.log(cost_of(place) / forecast.x_last)
    largest = np.array([rung.scale for rung in forecast.ladder]).max(axis=0)
    answer = settles(
        forecast,
        lambda v: law_at(forecast, place, v),
        np.log(np.array(place) / largest),
        ahead,
        wanted,
        rules.prior,
        per_item=_per_item(series),
        tail=tail,
    )
    lower, median, upper = (float(q) for q in law.quantile(np.array([tail, 0.5, 1 - tail])))
    edge, best = (upper, metric.upper) if metric.sign > 0 else (lower, metric.lower)
    return {
        "median": median,
        "lower": lower,
        "upper": upper,
        "sees": answer.seen,
        "visible": answer.seen <= wanted,
        "at_best": best is not None and abs(best - edge) <= 1e-6 * (1 + abs(best)),
        "against": sorted({doubt.name for doubt in (*forecast.standing.doubts, *doubts(forecast, law, ahead))}),
        "items_now": series.points[-1].n,
        "items": answer.items,
        "items_known": answer.counted,
        "rung": answer.rung,
        "rung_sees": answer.then,
        "sentence": str(answer),
    }


def _per_item(series: Series) -> float | None:
    """Variance of one item of a continuous metric, from rungs that state standard error and number of items."""
    if series.metric.kind == "thresholded":
        return None
    each = [p.stderr**2 * p.n for p in series.points if p.stderr and p.n]
    return float(np.median(each)) if each else None


def _rare(series: Series, rate: float | None) -> dict[str, Any] | None:
    """What the last rung bounds of a rate that has hardly been seen, and how many attempts would see one."""
    metric, last = series.metric, series.points[-1]
    if not is_rate(metric) or (metric.lower, metric.upper) != (0, 1) or metric.chance or last.n is None:
        return None
    right = round(last.value * last.n)
    if right >= RARE and rate is None:
        return None
    seen = success_rate([right], [last.n])
    asked = [rate] if rate is not None else [seen.upper, seen.upper / 10]
    return {
        "run": last.run,
        "successes": right,
        "items": last.n,
        "at_most": seen.upper,
        "attempts": [{"rate": each, "attempts": attempts_needed(each)} for each in asked],
    }


def _table(task: str, told: list[dict[str, Any]]) -> object:
    columns = ("family", "metric", "at", "forecast", "interval", "sees", "asked", "visible", "items", "extra rung")
    rows = []
    for t in told:
        head = (t["family"], t["metric"], ",".join(scale(each) for each in t["at"]))
        if "refused" in t:
            rows.append((*head, "–", "–", "–", number(t["size"], 3), "refused", "–", "–"))
            continue
        items = "unknown" if not t["items_known"] else "none do" if t["items"] is None else f"{t['items']:,}"
        rows.append(
            (
                *head,
                number(t["median"]),
                interval(t["lower"], t["upper"]),
                number(t["sees"], 3),
                number(t["size"], 3),
                ("at best" if t["at_best"] else "yes") if t["visible"] else "no",
                "–" if t["visible"] else items,
                "–" if t["visible"] else _rung(t),
            )
        )
    return table(f"Smallest breaks of {task}", columns, rows, right=("forecast", "sees", "asked", "items"))


def _rung(t: dict[str, Any]) -> str:
    return f"{t['rung']:.2g} x: {number(t['rung_sees'], 3)}" if t["rung_sees"] < t["sees"] else "none helps"


def _explain(told: list[dict[str, Any]]) -> None:
    for t in told:
        what = f"{t['family']}: {t['task']} · {t['metric']}"
        shell.say(clean(f"{what}: {_words(t)}"))
        if t.get("against"):
            shell.say(clean(f"{what}: a result inside is not called expected anyway: {', '.join(t['against'])}"))
        if (rare := t["rare"]) is not None:
            seen = f"{rare['successes']} of {rare['items']} right at {rare['run']}"
            asked = ", ".join(f"{a['attempts']:,} at a rate of {a['rate']:.2g}" for a in rare["attempts"])
            words = f"{seen}, so a rate of at most {rare['at_most']:.2g} (95 %); attempts to see one success with "
            shell.say(clean(f"{what}: {words}probability 0.95: {asked}; ask until it comes (PassUntil)"))


def _words(t: dict[str, Any]) -> str:
    if "refused" in t:
        return str(t["refused"])
    if not t["visible"]:
        return str(t["sentence"])
    if t["at_best"]:
        words = f"the interval reaches the best possible value: a break of up to {t['sees']:.2g} cannot be seen"
        return f"{words}, and a larger one, as the {t['size']:.2g} that are asked for, cannot happen"
    return f"a break of {t['size']:.2g} would be seen; the smallest is {t['sees']:.2g}"
