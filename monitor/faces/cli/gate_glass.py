"""`holdpoint gate break-glass` and `gate review`: go on alone in an emergency, and have somebody look at it."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor.daemon.rules import load_rules
from monitor.faces.cli import naming, shell
from monitor.faces.render import moment
from monitor.review import Desk

Run = Annotated[str, typer.Argument(help="The run, as `family/run`, or `run` where one family has it.", metavar="RUN")]


def break_glass(
    run: Run,
    by: shell.By,
    reason: shell.Because,
    lasting: Annotated[
        str | None, typer.Option("--for", help="How long; left out: as long as the policy allows.", metavar="24h")
    ] = None,
    max_flop: Annotated[
        float | None,
        typer.Option(min=1.0, help="How far training may go, in FLOP; left out: as far as the policy allows."),
    ] = None,
    key: shell.Key = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Let a run that soft rules stopped go on for a short time, alone. Everybody is told, and a review is due.

    It reaches what a quorum could release, never a hard rule or an error. When it has ended the gate holds until
    another person has filed `gate review`. Exit code 0 when it counts, 1 when it is refused.

    Example: holdpoint gate break-glass lab/s6 --by carol --reason "the cluster is lost at noon" --for 4h
    """
    with shell.opened(config) as (settings, store):
        rules = load_rules(settings, shell.CLOCK)
        place = naming.run_of(store, run)
        until = None if lasting is None else shell.until(lasting, "--for")
        everybody = tuple(settings.receivers)
        desk = Desk(store, rules.catalogue, rules.policy, shell.now(), key=shell.signing_key(key), everybody=everybody)
        made, decision = desk.break_glass(*place, by=by, reason=reason, until=until, max_flop=max_flop)
    text = (
        f"BREAK-GLASS {made.id} by {made.by}: {'/'.join(place)} may go on until {moment(made.expires)} or "
        f"{made.max_flop:.4g} FLOP; the gate says {decision.answer}. Everybody was told. Somebody else files "
        f"`holdpoint gate review {'/'.join(place)} --by NAME --reason FOUND`"
    )
    shell.show({"break_glass": made.body(), "decision": decision.body()}, text, json=json)


def review(
    run: Run,
    by: shell.By,
    reason: Annotated[str, typer.Option("--reason", help="What was found.")],
    key: shell.Key = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """File the review of a break-glass, as another person than the one who broke it. It ends the break-glass.

    Example: holdpoint gate review lab/s6 --by dan --reason "right to go on; the evaluation was broken, ticket 31"
    """
    with shell.opened(config) as (settings, store):
        rules = load_rules(settings, shell.CLOCK)
        place = naming.run_of(store, run)
        everybody = tuple(settings.receivers)
        desk = Desk(store, rules.catalogue, rules.policy, shell.now(), key=shell.signing_key(key), everybody=everybody)
        said, decision = desk.review(*place, by=by, reason=reason)
    text = f"break-glass {said.glass} reviewed by {said.by}; the gate of {'/'.join(place)} says {decision.answer}"
    shell.show({"review": said.body(), "decision": decision.body()}, text, json=json)
