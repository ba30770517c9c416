"""`holdpoint gate`: may this run go on?"""

from __future__ import annotations

from typing import Annotated

import typer

from checkpoints_db import Store
from checkpoints_db.errors import SettingsError
from checkpoints_db.records import Approval, Decision, Finding, GateState, Reason
from monitor import adoption, gate, ruling
from monitor.daemon.rules import load_rules
from monitor.faces.cli import gate_glass, naming, shell
from monitor.faces.render import as_json, clean, console, moment, table
from monitor.review import Desk
from monitor.settings import Settings
from policies.releases import why_not
from policies.waivers import renewals, tally

app = typer.Typer(no_args_is_help=True, help="Gates: GO, HOLD (cannot tell) or PAUSE, one for each run.")

app.command("break-glass")(gate_glass.break_glass)
app.command("review")(gate_glass.review)

Run = Annotated[str, typer.Argument(help="The run, as `family/run`, or `run` where one family has it.", metavar="RUN")]


@app.command()
def ask(
    run: Run,
    stage: Annotated[str, typer.Option(help="The stage that RUN asks to enter, as in `--stage rl`.")] = "",
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Ask whether RUN may go on. Exit code 0 GO, 10 HOLD, 20 PAUSE; a missing store, policy or run is HOLD.

    Example: holdpoint gate ask lab/7b && sbatch train.sh
    """
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
    """What every gate says, or all about one: findings, approvals, and the evidence digest a release must name.

    Example: holdpoint gate status lab/7b
    """
    with shell.opened(config) as (_, store):
        if run is None:
            gates = store.actions.gates()
            rows = [
                (f"{g.family}/{g.run}", g.answer, g.reason, moment(g.at), g.evidence[:12], g.sentence) for g in gates
            ]
            columns = ("run", "gate", "reason", "settled", "evidence", "because")
            shell.show([g.body() for g in gates], table("Gates", columns, rows), json=json)
            return
        place = naming.run_of(store, run)
        state = store.actions.gate(*place)
        decision = store.judgements.decision(state.decision) if state else None
        votes = _votes(store, decision) if decision else []
        waived = _waived(store, decision) if decision else {}
    if state is None or decision is None:
        shell.show(None, f"{'/'.join(place)}: no gate; its results came as baseline and were never judged", json=json)
        return
    if json:
        said = [{**vote.body(), "counts": not why, "why_not": why} for vote, why in votes]
        as_json({"state": state.body(), "decision": decision.body(), "votes": said, "waivers": waived})
        return
    show_decision(state, decision)
    for vote, why in votes:
        verb = "rejects" if vote.veto else "approves"
        shell.say(f"{vote.by} {verb} ({moment(vote.at)}{', signed' if vote.key else ''}): {why or 'counts'}")
    if waived["ever"]:
        shell.say(f"waivers of this run: {waived['live']} live, {waived['ever']} ever, {waived['renewals']} renewals")


def _votes(store: Store, decision: Decision) -> list[tuple[Approval, str]]:
    """Every vote on a run, with why it does not count for what the gate rests on now."""
    policy, votes = adoption.known(store, decision.policy), store.actions.approvals(decision.family, decision.run)
    if policy is None:
        return [(vote, "its policy is not known here") for vote in votes]
    return [(vote, why_not(policy, decision, vote, shell.now())) for vote in votes]


def _waived(store: Store, decision: Decision) -> dict[str, int]:
    waivers, at = store.actions.waivers(decision.family, decision.run), shell.now()
    count = tally(waivers, adoption.known(store, decision.policy), at)
    return {**count._asdict(), "renewals": renewals(waivers, at)}


def _set_aside(finding: Finding) -> str:
    words = {"waived": finding.waived_by, "released": finding.released_by, "glass broken": finding.broken_by}
    return "; ".join(f"{how} by {who}" for how, who in words.items() if who)


def show_decision(state: GateState, decision: Decision) -> None:
    """The gate of one run, with every finding that is not a plain pass."""
    shell.say(f"{state.family}/{state.run}: {state.answer} ({state.reason}), settled {moment(state.at)}")
    shell.say(f"because {decision.sentence}")
    rows = [
        (f.rule, f.level, f.answer, f.reason, f.subject or "the run", _set_aside(f), f.sentence, f.would_pass_if)
        for f in decision.findings
    ]
    columns = ("rule", "level", "answer", "reason", "subject", "set aside", "finding", "it would pass if")
    shell.say(table(f"Findings ({decision.passed} tests passed, {decision.waived} waived)", columns, rows))
    if decision.budget is not None:
        shell.say(decision.budget.sentence)
    shell.say(
        f"decision {decision.digest[:12]}; policy {decision.policy_name} {decision.policy[:12]}; "
        f"evidence {decision.evidence[:12]}"
    )
    if decision.asked:
        shell.say(f"asked: {', '.join(name.words for name in decision.asked)}; the worst answer stands")
    for note in ruling.notes(decision):
        shell.say(note)
    if decision.needed:
        names = ", ".join(decision.approvals) or "none"
        shell.say(f"release: {len(decision.approvals)} of {decision.needed} approvals ({names})")


@app.command()
def release(
    run: Run,
    *,
    by: shell.By,
    reason: shell.Because,
    evidence: Annotated[
        str, typer.Option(help="Digest of the evidence you saw, from `gate status` (8 characters or more).")
    ],
    reject: Annotated[
        bool, typer.Option("--reject", help="Vote against: the gate stays closed for this evidence.")
    ] = False,
    max_flop: Annotated[
        float | None, typer.Option(min=1.0, help="Training compute up to which you approve, in FLOP; left out: any.")
    ] = None,
    key: shell.Key = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Vote to reopen a closed gate. It opens when the quorum of the policy has voted on the same evidence.

    Example: holdpoint gate release lab/s6 --by carol --reason "assessed, ticket 12" --evidence 3f9a1c04 --key carol.key
    """
    with shell.opened(config) as (settings, store):
        rules = load_rules(settings, shell.CLOCK)
        place = naming.run_of(store, run)
        desk = Desk(store, rules.catalogue, rules.policy, shell.now(), key=shell.signing_key(key))
        decision = desk.release(*place, by=by, reason=reason, evidence=evidence, reject=reject, max_flop=max_flop)
    voted = "rejected" if reject else "approved"
    left = max(decision.needed - len(decision.approvals), 0)
    more = "" if decision.released or reject else f"; {left} more approval{'s' if left != 1 else ''} needed"
    shell.show(
        decision.body(),
        f"{'/'.join(place)}: {voted} by {by}; the gate says {decision.answer}{more}: {decision.sentence}",
        json=json,
    )
