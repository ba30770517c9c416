"""`holdpoint policy replay`: what would this policy have done?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import EvidenceError, SettingsError
from checkpoints_db.records import Answer
from monitor.daemon.rules import prior_of, readers_of
from monitor.faces.cli import shell
from monitor.faces.render import moment, number, table
from monitor.replay import Replay, Sight, Source, StoreSource, Stretch, read_logs, replay
from monitor.replay.logs import Order
from monitor.replay.over import Tell
from monitor.settings import Settings
from monitor.watch import Rules
from policies.loader import find, shelf

PATIENCE = 2.0
"""Seconds after which a bar says how far it is."""
SHOWN = 25

Since = Annotated[
    str | None,
    typer.Option("--from", help="Tell only of what came since, as 2026-01-31 or with a time.", metavar="DATE"),
]
Until = Annotated[str | None, typer.Option("--to", help="Walk no further than this.", metavar="DATE")]
Families = Annotated[list[str] | None, typer.Option("--family", help="Only this family; may be given again.")]
Every = Annotated[
    str, typer.Option("--every", help="How often time alone is looked at between arrivals; `never` for not at all.")
]
Workers = Annotated[int, typer.Option("--workers", min=0, help="Processes; 0 for one a core.")]
Rows = Annotated[int, typer.Option("--rows", min=0, help="Rows of each table; 0 for all.")]
Logs = Annotated[
    Path | None,
    typer.Option("--logs", help="Walk this folder of logs instead of the store, which stays untouched.", metavar="DIR"),
]
Book = Annotated[
    Path | None,
    typer.Option("--catalogue", help="Catalogue for --logs; that of the settings without it.", metavar="FILE"),
]
InOrder = Annotated[
    str | None,
    typer.Option("--order", help="Of --logs: `date` as they state, or `scale`, one checkpoint a day.", metavar="ORDER"),
]


def replay_command(
    policy: Annotated[str, typer.Argument(help="A policy file, or a name from the shelf.", metavar="POLICY")],
    *,
    since: Since = None,
    until: Until = None,
    family: Families = None,
    logs: Logs = None,
    book: Book = None,
    order: InOrder = None,
    every: Every = "1d",
    workers: Workers = 0,
    rows: Rows = SHOWN,
    chart: shell.Chart = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """What a policy would have paused, held and warned, when, why and how long, over the history of the store.

    Results, seals, waivers and releases come as they came then; the store is opened for reading only. It also says
    how many pauses for nothing to expect, and what no sealed forecast could have seen. With --logs, over a folder of
    raw logs that were never ingested: forecasts are sealed as a clock of its own goes by, and what came before --from
    is baseline history.

    Example: holdpoint policy replay strict --from 2026-01-01 --family olmo --chart replay.html

    Exit code: 0 when history was walked, whatever came of it; 1 when there is none, or the policy is not sound.
    """
    candidate = find(policy, Path.cwd())
    begins, ends = day(since, "--from"), day(until, "--to")
    with shell.progress(after=PATIENCE) as tell:
        source = source_of(config, logs, book, order, begins, tell)
        found = replay(
            source,
            candidate,
            since=begins,
            until=ends,
            families=family,
            every=spacing(every),
            workers=workers,
            tell=tell,
        )
    if not found.moments:
        raise EvidenceError(nothing(found.source, family, found.notes))
    shell.show(found.body(), stretch_table(found, rows), json=json)
    if not json:
        for line in lines(found, rows):
            shell.say(line)
    if chart is not None:
        from monitor.faces import replay_chart  # noqa: PLC0415 - the chart library takes a second to import

        shell.draw([replay_chart.replay_chart(found)], chart, quiet=json)


def nothing(source: str, family: list[str] | None, notes: Sequence[str]) -> str:
    """What is said where nothing was walked."""
    whose = f" of {', '.join(family)}" if family else ""
    return (
        f"{source}: no result{whose} arrived as news, so no policy was asked; bring some with `holdpoint ingest`, or "
        f"look for families in `holdpoint checkpoint list` ({'; '.join(notes)})"
    )


def spacing(text: str) -> timedelta | None:
    """How often `--every` has time looked at; None for never."""
    return None if text == "never" else shell.lasting(text, "--every")


def source_of(
    config: Path, logs: Path | None, book: Path | None, order: str | None, since: datetime | None, tell: Tell
) -> Source:
    """The history of the store that the settings name, or that of a folder of logs."""
    if logs is None:
        for given, option in ((book, "--catalogue"), (order, "--order")):
            if given is not None:
                raise typer.BadParameter("only with --logs; a store has its own", param_hint=option)
        settings = Settings.load(config)
        return StoreSource(settings.at(settings.store), Catalogue.from_toml(settings.at(settings.catalogue)))
    if not logs.is_dir():
        raise SettingsError(f"{logs}: no such folder; name the one that holds the logs")
    if order not in (None, "date", "scale"):
        raise typer.BadParameter(f"{order!r} is neither `date` nor `scale`", param_hint="--order")
    chosen: Order | None = "date" if order == "date" else "scale" if order == "scale" else None
    settings = Settings.load(config) if book is None or config.is_file() else Settings()
    catalogue = Catalogue.from_toml(settings.at(settings.catalogue) if book is None else book)
    rules = Rules(
        settings, catalogue, shelf("default"), shell.CLOCK, readers_of(settings), prior_of(settings)
    )  # the policy of these rules is not asked: reading and placing is all that is done by them
    return read_logs(logs, rules, order=chosen, since=since, tell=tell)


def stretch_table(found: Replay, rows: int) -> object:
    """The stretches in which gates were not open, pauses first."""
    ranked = sorted(found.stretches, key=lambda s: -s.answer.rank)
    shown = ranked[:rows] if rows else ranked
    columns = ("gate", "run", "since", "hours", "rule", "because", "until")
    title = f"Policy {found.policy_name} over {found.source}: when gates would not have been open"
    return table(title, columns, [_row(s) for s in shown], right=("hours",))


def _row(s: Stretch) -> tuple[object, ...]:
    first = s.causes[0] if s.causes else None
    more = f" (and {len(s.causes) - 1} more)" if len(s.causes) > 1 else ""
    because = "" if first is None else f"{first.sentence}{more}; it would pass if {first.would_pass_if}"
    rule = "latch" if first is None else first.rule
    return s.answer, f"{s.family}/{s.run}", moment(s.since), f"{s.hours:.1f}", rule, because, s.ended


def lines(found: Replay, rows: int) -> Iterator[object]:
    """What is said below the table."""
    left = len(found.stretches) - rows
    if rows and left > 0:
        yield f"{left} more stretches; --rows 0 shows all."
    answers = ", ".join(f"{n} {answer}" for answer, n in found.answers.items())
    spent = ", ".join(f"{hours:.3g} h {answer}" for answer, hours in found.hours.items())
    yield f"{found.moments} moments from {moment(found.begins)} to {moment(found.ends)}, {found.judged} results judged."
    yield f"Checkpoints by their worst answer: {answers or 'none'}; gates said {spent or 'nothing'}."
    paused = sum(s.answer is Answer.PAUSE for s in found.stretches)
    expected = found.false_pauses.sentence
    times = "once" if paused == 1 else f"{paused} times"
    yield f"It would have paused {times}. {expected[:1].upper()}{expected[1:]}."
    yield f"{found.unseen:.0%} of the results could not have shown a break of the size the policy asks for."
    blind = [s for s in found.sights if s.seen < s.results]
    if blind:
        shown = blind[: rows or None]
        columns = ("family", "task", "metric", "results", "could see", "smallest break", "share of room", "why not")
        yield table("What it never could have seen, the blindest first", columns, [_sight(s) for s in shown])
    if found.likeness is not None:
        alike = found.likeness
        yield f"{alike.same} of {alike.decisions} recorded decisions come out again, byte for byte."
        for unlike in alike.unlike[: rows or None]:
            yield f"  row {unlike.seq}, {unlike.family}/{unlike.run}: {unlike.why}"
        for why, n in alike.passed_over.items():
            yield f"  {n} not tried: {why}"
    yield from found.notes


def _sight(s: Sight) -> tuple[object, ...]:
    why = ", ".join(f"{name} {n}" for name, n in sorted(s.why.items(), key=lambda each: -each[1]))
    share = "–" if s.blindness is None else f"{s.blindness:.0%}"
    return s.family, s.task, s.metric, s.results, s.seen, number(s.detectable, 2), share, why


def day(text: str | None, option: str) -> datetime | None:
    """The moment that an option names; UTC where it has no zone of its own."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no date; write 2026-01-31 or 2026-01-31T09:00Z", param_hint=option
        ) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)
