"""`holdpoint gate`: may this run go on?"""

from __future__ import annotations

from typing import Annotated

import typer

from checkpoints_db.errors import SettingsError
from checkpoints_db.records import Decision, GateState, Reason
from monitor import gate, ruling
from monitor.daemon.jobs import load_rules
from monitor.faces.cli import shell
from monitor.faces.render import as_json, clean, console, moment, table
from monitor.review import Desk
from monitor.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Gates: GO, HOLD (cannot tell) or PAUSE, one for each run.")

Run = Annotated[str, typer.Argument(help="The run, as `family/run`, or `run` where one family has it.", metavar="RUN")]


@app.command()
def ask(
    run: Run,
    stage: Annotated[str, typer.Option(help="The stage that RUN asks to enter, as in `--stage rl`.")] = "",
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Ask whether RUN may go on. Exit code 0 GO, 10 HOLD, 20 PAUSE; a missing store, policy or run is HOLD."""
    try:
        state = gate.ask(Settings.load(config), run, shell.CLOCK, stage)
    except SettingsError as error:
        state = gate.hold("", run, Reason.fault, str(error), shell.now())
    if json:
        as_json({**state.body(), "exit_code": state.exit_code})
    else:
        console().print(
            f"{state.answer} {clean(state.family)}/{clean(state.run)} ({state.reason}): {clean(state.sentence)}"
        )
    raise typer.Exit(state.exit_code)


@app.command()
def status(
    run: Annotated[str | None, typer.Argument(help="One run; all gates without it.", metavar="RUN")] = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """What every gate says, or all about one: findings, approvals, and the evidence digest a release must name."""
    with shell.opened(config) as (_, store):
        if run is None:
            gates = store.actions.gates()
            rows = [
                (f"{g.family}/{g.run}", g.answer, g.reason, moment(g.at), g.evidence[:12], g.sentence) for g in gates
            ]
            columns = ("run", "gate", "reason", "settled", "evidence", "because")
            shell.show([g.body() for g in gates], table("Gates", columns, rows), json=json)
            return
        place = gate.find_run(store, run)
        if place is None:
            raise typer.BadParameter(f"unknown or ambiguous run {run!r}; name it as `family/run`")
        state = store.actions.gate(*place)
        decision = store.judgements.decision(state.decision) if state else None
    if state is None or decision is None:
        shell.show(None, f"{'/'.join(place)}: no gate; its results came as baseline and were never judged", json=json)
        return
    if json:
        as_json({"state": state.body(), "decision": decision.body()})
        return
    show_decision(state, decision)


def show_decision(state: GateState, decision: Decision) -> None:
    """The gate of one run, with every finding that is not a plain pass."""
    shell.say(f"{state.family}/{state.run}: {state.answer} ({state.reason}), settled {moment(state.at)}")
    shell.say(f"because {decision.sentence}")
    rows = [
        (
            f.rule,
            f.level,
            f.answer,
            f.reason,
            f.subject or "the run",
            f"waived by {f.waived_by}" if f.waived_by else f"released by {f.released_by}" if f.released_by else "",
            f.sentence,
            f.would_pass_if,
        )
        for f in decision.findings
    ]
    columns = ("rule", "level", "answer", "reason", "subject", "set aside", "finding", "it would pass if")
    shell.say(table(f"Findings ({decision.passed} tests passed, {decision.waived} waived)", columns, rows))
    if decision.budget is not None:
        shell.say(decision.budget.sentence)
    shell.say(f"policy {decision.policy_name} {decision.policy[:12]}; evidence {decision.evidence[:12]}")
    for note in ruling.notes(decision):
        shell.say(note)
    if decision.needed:
        names = ", ".join(decision.approvals) or "none"
        shell.say(f"release: {len(decision.approvals)} of {decision.needed} approvals ({names})")


@app.command()
def release(
    run: Run,
    by: shell.By,
    reason: shell.Because,
    evidence: Annotated[
        str, typer.Option(help="Digest of the evidence you saw, from `gate status` (8 characters or more).")
    ],
    reject: Annotated[
        bool, typer.Option("--reject", help="Vote against: the gate stays closed for this evidence.")
    ] = False,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Vote to reopen a closed gate. It opens when the quorum of the policy has voted on the same evidence."""
    with shell.opened(config) as (settings, store):
        rules = load_rules(settings, shell.CLOCK)
        place = gate.find_run(store, run)
        if place is None:
            raise typer.BadParameter(f"unknown or ambiguous run {run!r}; name it as `family/run`")
        desk = Desk(store, rules.catalogue, rules.policy, shell.now())
        decision = desk.release(*place, by=by, reason=reason, evidence=evidence, reject=reject)
    voted = "rejected" if reject else "approved"
    left = max(decision.needed - len(decision.approvals), 0)
    more = "" if decision.released or reject else f"; {left} more approval{'s' if left != 1 else ''} needed"
    shell.show(
        decision.body(),
        f"{'/'.join(place)}: {voted} by {by}; the gate says {decision.answer}{more}: {decision.sentence}",
        json=json,
    )
