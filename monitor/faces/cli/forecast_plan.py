"""`holdpoint forecast plan`: what every series could see at checkpoints to come, what is blind first."""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from checkpoints_db import Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import ForecastError
from monitor import planning, watch
from monitor.daemon.rules import load_rules
from monitor.faces.cli import shell
from monitor.faces.render import interval, number, scale, short_scale, table
from monitor.planning import CANNOT, Goal, Prospect, Sight
from monitor.track import in_80
from monitor.watch import Rules

BLIND = 10
"""Exit code where something could not be seen: that of a gate that holds because it cannot tell."""

SHOWN = 40

PATIENCE = 2.0
"""Seconds after which a bar says how far it is."""


def plan(
    at: Annotated[
        list[str] | None,
        typer.Option(
            "--at",
            help="A scale on the axis of the series (7e9,2e12 on params,tokens), not the targets of the catalogue.",
            metavar="SCALE",
        ),
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

    Example: holdpoint forecast plan --at 7e23 --chart plan.png
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
    if chart is not None and not all(p.sight == "reached" for p in seen):
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
            why = f"{text!r} is not a scale; write 7e23, or 7e9,2e12 on params,tokens"
            raise typer.BadParameter(why, param_hint="--at") from error
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
    found: list[Prospect] = []
    for i, (series, seq) in enumerate(newest.items()):
        tell("forecasts", i, len(newest))
        sealed = store.judgements.sealed_at(seq).forecast
        found += planning.prospects(sealed, goals, judging, live.get(series))
    unsealed = [name for name in store.evidence.series_ids(family) if name not in newest]
    for i, name in enumerate(unsealed):
        tell("series without a forecast", i, len(unsealed))
        found += planning.without(watch.learnt(store, rules.catalogue, name), goals, judging, rules.prior)
    return found


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
        "history",
        "live",
    )
    title = "What could be seen; history, live: how many results fell into their 80 % interval"
    return table(title, columns, [_cells(p) for p in shown], right=columns[4:11], whole=("at", "sight"))


def _cells(p: Prospect) -> tuple[object, ...]:
    return (
        p.target + (f" ({p.due})" if p.due else ""),
        p.family,
        p.task,
        p.metric.name + (f" {p.stage}" if p.stage else ""),
        scale(p.x) if p.params is None else f"{short_scale(p.params)} × {scale(p.tokens)}",
        number(p.persistence, 3),
        number(p.median, 3),
        interval(p.lower_80, p.upper_80),
        interval(p.lower_95, p.upper_95),
        number(p.detectable, 2),
        "–" if p.share is None else f"{p.share:.0%}",
        p.sight,
        *in_80(p.own, p.live),
    )


def _rest(seen: Sequence[Prospect], shown: Sequence[Prospect], homeless: Sequence[str]) -> None:
    # What one series says of several targets alike stands once.
    said: dict[tuple[str, Sight, str], list[Prospect]] = defaultdict(list)
    for p in shown:
        if p.sight in CANNOT:
            said[p.series, p.sight, p.sentence].append(p)
    for (_, sight, sentence), each in said.items():
        p, targets = each[0], ", ".join(f"{p.target!r}" for p in each)
        metric = " ".join(filter(None, (p.metric.name, p.stage)))
        shell.say(f"{p.task} · {metric} ({p.family}) at {targets}: {sight}: {sentence}")
    for sentence in homeless:
        shell.say(sentence)
    if len(shown) < len(seen):
        shell.say(f"{len(seen) - len(shown)} more rows; --rows 0 shows them, --json has them all")
    counts = Counter(p.target for p in seen if p.sight in CANNOT)
    for target, of in Counter(p.target for p in seen).items():
        reached = sum(p.target == target and p.sight == "reached" for p in seen)
        done = f", {reached} have reached it" if reached else ""
        shell.say(f"{target}: {of} series, {counts[target]} of them would hold the gate{done}")
