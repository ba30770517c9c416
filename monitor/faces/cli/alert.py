"""`holdpoint alert`: an alert woke me; what now?"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, get_args

import typer

from checkpoints_db import Store
from checkpoints_db.alert_page import AlertFilter
from checkpoints_db.errors import PolicyError
from checkpoints_db.records import OVER, Alert, AlertState, Answer, Diagnosis
from monitor import alert_history
from monitor.alerts import LOUD
from monitor.faces.cli import alert_acts, alert_told, shell
from monitor.faces.cli.verdict import picture
from monitor.faces.render import as_json, moment, table
from policies.lifecycle import PEOPLE

app = typer.Typer(no_args_is_help=True, help="Alerts: decisions that want a person.")
STATES: tuple[AlertState, ...] = get_args(AlertState)
PAGE, ALL = 50, 1_000_000
WORDS: dict[AlertState, str] = {
    "acknowledged": "holdpoint alert ack {} --by NAME",
    "under_review": "holdpoint alert review {} --by NAME --question WHAT",
    "confirmed": "holdpoint alert confirm {} --by NAME --mitigation WHAT",
    "false_alarm": "holdpoint alert false-alarm {} --by NAME --cause CAUSE --reason WHY",
    "evidence_invalid": "holdpoint alert invalid {} --by NAME --rerun WHAT",
    "closed": "holdpoint alert close {} --by NAME --reason WHY",
}
"""How a person puts an alert into a state."""


class Severity(StrEnum):
    """What an alert answers."""

    pause = "pause"
    hold = "hold"
    warn = "warn"


@app.command(
    "list", epilog="Example: holdpoint alert list --severity pause --assigned ada --since 2026-11-01T00:00:00Z"
)
def list_(
    *,
    every: Annotated[bool, typer.Option("--all", help="Those that are over too.")] = False,
    state: Annotated[
        list[str] | None, typer.Option(help=f"In this state; may be given again. `over`, or {', '.join(STATES)}.")
    ] = None,
    severity: Annotated[list[Severity] | None, typer.Option(help="What it answers; may be given again.")] = None,
    family: Annotated[str, typer.Option(help="Of this family.")] = "",
    run: Annotated[str, typer.Option(help="Of this run.", metavar="RUN")] = "",
    rule: Annotated[str, typer.Option(help="By this rule.")] = "",
    assigned: Annotated[
        str | None, typer.Option(help="Whose it is; an empty name: nobody's.", metavar="NAME", show_default=False)
    ] = None,
    since: Annotated[str, typer.Option(help="Changed at this moment or later.", metavar="MOMENT")] = "",
    after: Annotated[str, typer.Option(help="Go on behind this mark, the `next` of the page before.")] = "",
    limit: Annotated[int | None, typer.Option(min=1, max=1000, help="How many on one page.")] = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Open alerts, worst first, 50 on a page.

    With --json a list of all of them; with --limit or --after an object with one page: `alerts`, `total` and `next`.
    """
    asked = AlertFilter(
        states=states_of(state or [], every=every),
        answers=tuple(Answer(each.value.upper()) for each in severity or ()),
        family=family or run.rpartition("/")[0],
        run=run.rpartition("/")[2],
        rule=rule,
        assigned=assigned,
        since=shell.moment_of(since, "--since"),
    )
    paged = not json or limit is not None or after != ""
    with shell.opened(config) as (_, store):
        page = store.actions.alerts_page(asked, after, (limit or PAGE) if paged else ALL)
    rows = [
        (a.id, place(a), a.rule, a.answer, said_state(a), a.assigned or "–", moment(a.opened_at), a.sentence)
        for a in page.alerts
    ]
    columns = ("alert", "run", "rule", "answer", "state", "whose", "opened", "what")
    bodies = [a.body() for a in page.alerts]
    told = {"alerts": bodies, "total": page.total, "next": page.next} if paged else bodies
    shell.show(told, table(f"Alerts ({len(rows)} of {page.total})", columns, rows, whole=("alert",)), json=json)
    if page.next and not json:
        shell.plain(f"More: the same with --after {page.next}")


def place(alert: Alert) -> str:
    """The run it is about, or a dash."""
    return f"{alert.family}/{alert.run}" if alert.run else "–"


def said_state(alert: Alert) -> str:
    """The state of an alert, and whether it has receded."""
    return f"{alert.state}, receded" if alert.receded and not alert.over else alert.state


def states_of(named: Sequence[str], *, every: bool) -> tuple[AlertState, ...]:
    """The states that are asked for: those named, all, or those in which somebody has to do something."""
    unknown = [name for name in named if name not in (*STATES, "over")]
    if unknown:
        hint = f"{unknown[0]!r} is no state of an alert; write over, or one of {', '.join(STATES)}"
        raise typer.BadParameter(hint, param_hint="--state")
    wanted = {state for name in named for state in (OVER if name == "over" else (name,))}
    if every or named:
        return tuple(state for state in STATES if state in wanted)
    return tuple(state for state in STATES if state not in OVER)


@app.command(epilog="Example: holdpoint alert show 3f2a --chart alert.html")
def show(
    name: Annotated[str, typer.Argument(help="Alert id, or its first characters.")],
    chart: shell.Chart = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """One alert: what happened, what would have passed, its history, and what you may do."""
    with shell.opened(config) as (_, store):
        alert = store.actions.alert(name)
        if alert is None:
            raise PolicyError(f"no alert {name!r}, or several; see `holdpoint alert list`")
        history, story = store.actions.history(alert.id), alert_history.history(store, alert.id)
        state = store.actions.gate(alert.family, alert.run) if alert.run else None
        drawn = [picture(store, d) for d in about(store, alert)[:1]] if chart is not None else []
    shell.draw(drawn, chart, quiet=json)
    if json:
        events = [event.body() for event in history]
        as_json({"alert": alert.body(), "history": events, "happened": [line.body() for line in story]})
        return
    shell.say(
        table(
            f"Alert {alert.id}: {alert.answer}, {said_state(alert)}",
            ("", ""),
            [
                ("run", place(alert)),
                ("rule", alert.rule),
                ("opened", moment(alert.opened_at)),
                ("episode", alert.episode),
                ("whose", alert.assigned or "nobody's"),
                ("what", alert.sentence),
                ("gate", f"{state.answer}: {state.sentence}" if state else "–"),
                ("evidence", state.evidence if state else "–"),
                ("of the alert", alert.evidence or "–"),
            ],
        )
    )
    findings = [(f.subject or "the run", f.answer, f.level, f.sentence, f.would_pass_if) for f in alert.findings]
    if findings:
        shell.say(table("Findings", ("subject", "answer", "level", "finding", "it would pass if"), findings))
    shell.say(alert_told.as_table(story))
    shell.say(f"You may: holdpoint alert comment {alert.id} --by NAME --text WHAT")
    for step in PEOPLE[alert.state] if alert.rule not in LOUD else ():
        shell.say(f"         {WORDS[step].format(alert.id)}")
    gate = f"{alert.family}/{alert.run}"
    if state is not None and (state.exit_code or not alert.over):
        shell.say(f"         holdpoint gate release {gate} --by NAME --reason WHY --evidence {state.evidence[:12]}")
    if state is not None and not alert.over:
        worst = next((f.subject for f in alert.findings if f.subject), "")
        subject = f" --subject {shlex.quote(worst)}" if worst else ""
        shell.say(f"         holdpoint waiver add {gate} --rule {alert.rule}{subject} --by NAME --reason WHY --for 7d")


def about(store: Store, alert: Alert) -> list[Diagnosis]:
    """The diagnoses that the worst finding of an alert speaks of."""
    worst = max(alert.findings, key=lambda f: (f.effect.rank, f.magnitude), default=None)
    if worst is None:
        return []
    return [
        d
        for _, d in store.judgements.diagnoses(alert.family, alert.run)
        if worst.subject.partition(" · ")[0] in (d.question, *(v.task for v in (d.continuous, d.thresholded) if v))
    ]


for name_, acts in (
    ("ack", alert_acts.ack),
    ("review", alert_acts.review),
    ("confirm", alert_acts.confirm),
    ("false-alarm", alert_acts.false_alarm),
    ("invalid", alert_acts.invalid),
    ("close", alert_acts.close),
    ("comment", alert_acts.comment),
    ("assign", alert_acts.assign),
    ("attach", alert_acts.attach),
    ("history", alert_told.history),
    ("export", alert_told.export),
    ("causes", alert_told.causes),
):
    app.command(name_)(acts)
