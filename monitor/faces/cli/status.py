"""`holdpoint status`: how everything stands, on one screen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.table import Table

from checkpoints_db.records.duration import spell_duration
from monitor.faces.cli import shell
from monitor.faces.render import COLOURS, clean, number, scale, table
from monitor.overview import Overview, overview

SHOWN = 6
"""Rows of each table; `--json` has all."""
SENTENCE = 70


def status(config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """One screen: sources, last cycle, families, next targets and triggers, gates, open alerts, budget, track record.

    Exit code 0 whatever the gates say (ask one with `gate ask`), 1 where the store cannot be read.
    Example: watch -n 10 holdpoint status
    """
    with shell.opened(config) as (settings, store), shell.progress(after=1) as tell:
        told = overview(store, settings, shell.now(), tell)
    if json:
        shell.show(told.body(), "", json=True)
        return
    for line in _head(told):
        shell.say(line)
    for shown in _tables(told):
        shell.say(shown)


def _head(told: Overview) -> list[str]:
    counts = ", ".join(f"{told.answers[answer]} {answer}" for answer in COLOURS if told.answers.get(answer))
    cycle = f"{ago(told.at, told.cycle)} ago" if told.cycle else "never"
    files = ", ".join(f"{count} {status}" for status, count in sorted(told.files.items())) or "none yet"
    lines = [
        f"gates     {counts or 'none yet'}" + (f"; none is open: {clean(told.held)}" if told.held else ""),
        f"cycle     {cycle}; led by {told.leader or 'nobody: start `holdpoint daemon run`'}",
        f"policy    {told.policy or 'cannot be read'}"
        + (f"; {told.pending} waits for approval" if told.pending else ""),
        f"files     {files}; messages: {told.owed} owed, {told.lost} lost; ledger: {told.ledger[0]} rows",
    ]
    return [*lines, *(f"WRONG     {clean(sentence)}" for sentence in told.wrong)]


def _tables(told: Overview) -> list[Table]:
    at = told.at
    sources = [(s.place, {True: "yes", False: "NO", None: "not asked"}[s.there], s.files) for s in told.sources]
    families = [(f.family, f.runs, f.newest, ago(at, f.last_result)) for f in told.families]
    gates = [
        (
            f"{g.state.family}/{g.state.run}",
            g.answer,
            g.state.reason if g.answer == g.state.answer else f"was {g.state.answer}",
            ago(at, g.state.at),
            "–" if g.spent is None or g.allowed is None else f"{g.spent:.1%} of {g.allowed:.0%}",
            "–" if g.lease_expires is None else f"{ago(g.lease_expires, at)} left" if g.lease_expires > at else "ended",
            short(g.state.sentence),
        )
        for g in told.gates
    ]
    alerts = [(a.id, a.answer, a.state, ago(at, a.opened_at), short(a.sentence)) for a in told.alerts]
    targets = [
        (t.family, t.name, scale(t.params), scale(t.tokens), scale(t.flop), t.due or "–", "late" if t.late else "")
        for t in told.targets
    ]
    triggers = [(f"{t.family}/{t.run}", t.rule, t.answer, short(t.sentence)) for t in told.triggers]
    track = [
        (r.family, r.kind, r.forecasts, f"{r.inside_80.share:.0%}", f"{r.inside_95.share:.0%}", number(r.skill, 2))
        for r in told.track
    ]
    made = (
        ("Gates", ("run", "gate", "reason", "settled", "budget spent", "lease", "because"), gates),
        ("Open alerts", ("alert", "answer", "state", "open for", "what"), alerts),
        ("Next targets", ("family", "target", "params", "tokens", "FLOP", "due", ""), targets),
        ("Next assessments", ("run", "rule", "answer", "what"), triggers),
        ("Families", ("family", "gates", "decided last", "newest result"), families),
        ("Sources", ("place", "there", "files seen"), sources),
        ("Track record of sealed forecasts", ("family", "metrics", "forecasts", "in 80 %", "in 95 %", "skill"), track),
    )
    return [_cut(title, columns, rows) for title, columns, rows in made if rows]


def _cut(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    left = len(rows) - SHOWN
    made = table(f"{title} ({left} more: --json)" if left > 0 else title, columns, rows[:SHOWN])
    made.box, made.header_style = None, "dim"  # many tables, and one screen
    return made


def ago(at: datetime, then: datetime | None) -> str:
    """How long before `at` something was, in its largest unit.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> ago(noon, noon - timedelta(seconds=7503)), ago(noon, None), ago(noon, noon)
    ('2h', '–', '0s')
    """
    if then is None:
        return "–"
    seconds = max(round((at - then).total_seconds()), 0)
    for unit in (86400, 3600, 60):
        if seconds >= unit:
            return spell_duration(timedelta(seconds=seconds // unit * unit))
    return f"{seconds}s"


def short(sentence: str) -> str:
    """The beginning of a sentence."""
    return sentence if len(sentence) <= SENTENCE else sentence[: SENTENCE - 1] + "…"
