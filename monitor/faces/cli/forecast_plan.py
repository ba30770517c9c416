"""`holdpoint forecast plan`: what every series could see at checkpoints to come, what is blind first."""

from __future__ import annotations

import difflib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import typer

from checkpoints_db import Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import ForecastError
from checkpoints_db.records import Tally
from checkpoints_db.series import make_series
from monitor import planning
from monitor.daemon.jobs import load_rules
from monitor.faces.cli import shell
from monitor.faces.render import interval, number, scale, table
from monitor.planning import CANNOT, Goal, Prospect
from monitor.track import spoken
from monitor.watch import Rules
from policies.schema import Judging

BLIND = 10
"""Exit code where something could not be seen: that of a gate that holds because it cannot tell."""

SHOWN = 40

MANY, STRETCH, MOST_PROCESSES = 1000, 250, 4
"""Forecasts from which on several processes share the work, how many each takes at a time, and how many processes:
starting one takes as long as some hundred forecasts."""

PATIENCE = 2.0
"""Seconds after which a bar says how far it is."""


def plan(
    at: Annotated[
        list[str] | None,
        typer.Option("--at", help="A scale on the axis of the series, instead of the catalogue's [[target]]s."),
    ] = None,
    family: Annotated[str | None, typer.Option(help="Only this family.")] = None,
    rows: Annotated[int, typer.Option("--rows", min=0, help="Rows of the table; 0 for all.")] = SHOWN,
    chart: shell.Chart = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """What every series could see at checkpoints to come: intervals, and the smallest break against the policy's limit.

    Exit code: 0 where every series sees every target, 10 where one does not (the gate would hold there), 1 where there
    is no target or no series.
    """
    with shell.opened(config) as (settings, store), shell.progress(after=PATIENCE) as tell:
        rules = load_rules(settings, shell.CLOCK)
        goals = _given(at, family) if at else _declared(rules.catalogue, family)
        seen = planning.ordered(_prospects(store, rules, goals, family, tell))
        homeless = _homeless(store, goals)
    if not seen and not homeless:
        raise ForecastError("no series is in the store yet; bring history with `holdpoint ingest --baseline`")
    judging = rules.policy.judging
    value = {
        "policy": rules.policy.name,
        "resolve": judging.resolve,
        "counts": dict(sorted(Counter(p.sight for p in seen).items())),
        "without_series": homeless,
        "prospects": [p.body() for p in seen] if json else [],
    }
    shown = seen[:rows] if rows else seen
    shell.show(value, _drawn(shown), json=json)
    if not json:
        _rest(seen, shown, homeless)
    if chart is not None and seen:
        from monitor.faces import plan_chart  # noqa: PLC0415 - the chart library takes a second to import

        shell.draw([plan_chart.plan_chart(seen, judging.resolve)], chart, quiet=json)
    if homeless or any(p.sight in CANNOT for p in seen):
        raise typer.Exit(BLIND)


def _given(at: Sequence[str], family: str | None) -> list[Goal]:
    goals = []
    for text in at:
        try:
            places = tuple(float(part) for part in text.split(","))
        except ValueError as error:
            raise typer.BadParameter(f"{text!r} is not a scale; write 7e23", param_hint="--at") from error
        if not all(0 < x < float("inf") for x in places):
            raise typer.BadParameter(f"{text!r}: a scale is finite and above 0", param_hint="--at")
        goals.append(Goal(text, family, at=places))
    return goals


def _declared(catalogue: Catalogue, family: str | None) -> list[Goal]:
    targets = [t for t in catalogue.targets if family in (None, t.family)]
    if not targets:
        of = f" of family {family!r}" if family else ""
        raise ForecastError(
            f"the catalogue declares no [[target]]{of}; write one (family, name, and flop, params or tokens), or say "
            "where with --at 7e23"
        )
    return [Goal(t.name, t.family, catalogue.scales(t), due=t.due, where=t.where) for t in targets]


def _prospects(
    store: Store, rules: Rules, goals: Sequence[Goal], family: str | None, tell: Callable[[str, int, int], None]
) -> list[Prospect]:
    newest = store.judgements.newest(family)
    live = {each.series: each for each in store.judgements.tallies("series", family=family)}
    judging = rules.policy.judging
    seals = [(seq, live.get(series)) for series, seq in newest.items()]
    processes = 1 if len(seals) < MANY else min(os.cpu_count() or 1, MOST_PROCESSES)
    found = looked_at(store, seals, goals, judging, tell, processes)
    unsealed = [name for name in store.evidence.series_ids(family) if name not in newest]
    for i, name in enumerate(unsealed):
        tell("series without a forecast", i, len(unsealed))
        counting = [each.result for each in store.evidence.results(series=name) if each.counts]
        series = make_series(counting, rules.catalogue.axis(counting[0].checkpoint.family))
        found += planning.without(series, goals, judging, rules.prior)
    return found


def looked_at(
    store: Store,
    seals: Sequence[tuple[int, Tally | None]],
    goals: Sequence[Goal],
    judging: Judging,
    tell: Callable[[str, int, int], None],
    processes: int = 1,
) -> list[Prospect]:
    """What the forecasts sealed as these ledger rows, each with its live record, could see; in the order given.

    More than one of `processes` read the store side by side, each a stretch of the rows.
    """
    found: list[Prospect] = []
    if processes < 2:
        for i, seal in enumerate(seals):
            tell("forecasts", i, len(seals))
            found += _of_one(store, seal, goals, judging)
        return found
    parts = [seals[i : i + STRETCH] for i in range(0, len(seals), STRETCH)]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        waited = [pool.submit(_of_stretch, store.path, part, goals, judging) for part in parts]
        for i, each in enumerate(waited):
            tell("forecasts", i * STRETCH, len(seals))
            found += each.result()
    return found


def _of_stretch(
    path: Path, seals: Sequence[tuple[int, Tally | None]], goals: Sequence[Goal], judging: Judging
) -> list[Prospect]:
    with Store.open(path) as store:
        return [each for seal in seals for each in _of_one(store, seal, goals, judging)]


def _of_one(
    store: Store, seal: tuple[int, Tally | None], goals: Sequence[Goal], judging: Judging
) -> Iterator[Prospect]:
    seq, live = seal
    return planning.prospects(store.judgements.sealed_at(seq).forecast, goals, judging, live)


def _homeless(store: Store, goals: Sequence[Goal]) -> list[str]:
    """Targets of families that nobody evaluated, as sentences."""
    known = sorted({family for family, _ in store.evidence.runs()})
    said = []
    for goal in goals:
        if goal.family is not None and goal.family not in known:
            near = difflib.get_close_matches(goal.family, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known) or 'none'}"
            where = f"{goal.where}: " if goal.where else ""
            said.append(f"{where}target {goal.name!r}: family {goal.family!r} has no results; {hint}")
    return said


def _drawn(shown: Sequence[Prospect]) -> object:
    columns = (
        "target",
        "family",
        "task",
        "metric",
        "at",
        "last",
        "median",
        "80 %",
        "95 %",
        "smallest break",
        "of room",
        "sight",
        "track record",
    )
    return table("What could be seen", columns, [_cells(p) for p in shown], right=columns[4:11])


def _cells(p: Prospect) -> tuple[object, ...]:
    return (
        p.target + (f" ({p.due})" if p.due else ""),
        p.family,
        p.task,
        p.metric.name + (f" {p.stage}" if p.stage else ""),
        scale(p.x),
        number(p.persistence, 3),
        number(p.median, 3),
        interval(p.lower_80, p.upper_80),
        interval(p.lower_95, p.upper_95),
        number(p.detectable, 2),
        "–" if p.share is None else f"{p.share:.0%}",
        p.sight.replace("_", " "),
        spoken(p.own.forecasts, p.own.inside_80, p.live) if p.own else "–",
    )


def _rest(seen: Sequence[Prospect], shown: Sequence[Prospect], homeless: Sequence[str]) -> None:
    for p in shown:
        if p.sight in CANNOT:
            shell.say(f"{p.target}: {p.task} · {p.metric.name} ({p.family}): {p.sight.replace('_', ' ')}: {p.sentence}")
    for sentence in homeless:
        shell.say(sentence)
    if len(shown) < len(seen):
        shell.say(f"{len(seen) - len(shown)} more rows; --rows 0 shows them, --json has them all")
    counts = Counter(p.target for p in seen if p.sight in CANNOT)
    for target, of in Counter(p.target for p in seen).items():
        reached = sum(p.target == target and p.sight == "reached" for p in seen)
        done = f", {reached} have reached it" if reached else ""
        shell.say(f"{target}: {of} series, {counts[target]} of them would hold the gate{done}")
