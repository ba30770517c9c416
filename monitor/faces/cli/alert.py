"""`holdpoint alert`: an alert woke me; what now?"""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from checkpoints_db import Store
from checkpoints_db.errors import PolicyError
from checkpoints_db.records import Alert, Diagnosis
from monitor.daemon.jobs import load_rules
from monitor.faces.cli import shell
from monitor.faces.cli.verdict import picture
from monitor.faces.render import as_json, moment, table
from monitor.review import Desk

app = typer.Typer(no_args_is_help=True, help="Alerts: decisions that want a person.")


@app.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Open alerts, worst first."""
    with shell.opened(config) as (_, store):
        found = [a for a in store.actions.alerts() if every or a.state != "closed"]
    found.sort(key=lambda alert: (-alert.answer.rank, alert.opened_at))
    rows = [
        (a.id, f"{a.family}/{a.run}" if a.run else "–", a.rule, a.answer, a.state, moment(a.opened_at), a.sentence)
        for a in found
    ]
    columns = ("alert", "run", "rule", "answer", "state", "opened", "what")
    shell.show([a.body() for a in found], table("Alerts", columns, rows), json=json)


@app.command()
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
        history = store.actions.history(alert.id)
        state = store.actions.gate(alert.family, alert.run) if alert.run else None
        drawn = [picture(store, d) for d in about(store, alert)[:1]] if chart is not None else []
    shell.draw(drawn, chart, quiet=json)
    if json:
        as_json({"alert": alert.body(), "history": [event.body() for event in history]})
        return
    shell.say(
        table(
            f"Alert {alert.id}: {alert.answer}, {alert.state}",
            ("", ""),
            [
                ("run", f"{alert.family}/{alert.run}" if alert.run else "–"),
                ("rule", alert.rule),
                ("opened", moment(alert.opened_at)),
                ("episode", alert.episode),
                ("what", alert.sentence),
                ("gate", f"{state.answer}: {state.sentence}" if state else "–"),
                ("evidence", state.evidence if state else "–"),
            ],
        )
    )
    findings = [(f.subject or "the run", f.answer, f.level, f.sentence, f.would_pass_if) for f in alert.findings]
    if findings:
        shell.say(table("Findings", ("subject", "answer", "level", "finding", "it would pass if"), findings))
    events = [(moment(event.at), event.event, event.by, event.sentence) for event in history]
    shell.say(table("History", ("when", "event", "by", "what it said"), events))
    if alert.state != "closed":
        shell.say(f"You may: holdpoint alert ack {alert.id} --by NAME")
        if state is not None:
            gate = f"{alert.family}/{alert.run}"
            shell.say(f"         holdpoint gate release {gate} --by NAME --reason WHY --evidence {state.evidence[:12]}")
            worst = next((f.subject for f in alert.findings if f.subject), "")
            subject = f" --subject {shlex.quote(worst)}" if worst else ""
            waive = f"holdpoint waiver add {gate} --rule {alert.rule}{subject} --by NAME --reason WHY --for 7d"
            shell.say(f"         {waive}")


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


@app.command()
def ack(
    name: Annotated[str, typer.Argument(help="Alert id, or its first characters.")],
    by: shell.By,
    comment: Annotated[str, typer.Option(help="What you think of it.")] = "",
    lasting: Annotated[str, typer.Option("--for", help="How long; then it fires again.")] = "4h",
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Say that you have seen an alert. It expires, and changes nothing else."""
    end = shell.until(lasting, "--for")
    with shell.opened(config) as (settings, store):
        rules = load_rules(settings, shell.CLOCK)
        desk = Desk(store, rules.catalogue, rules.policy, shell.now())
        alert = desk.acknowledge(name, by=by, comment=comment, until=end)
    shell.show(
        alert.body(), f"alert {alert.id} acknowledged by {by} until {moment(end)}; the gate is unchanged", json=json
    )
