"""`holdpoint alert ack`, `review`, `confirm`, ...: what a person does with an alert. The gate stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, get_args

import typer

from checkpoints_db import Store
from checkpoints_db.records import Alert, AlertReview, Cause
from monitor.alert_desk import unchanged
from monitor.daemon.rules import load_rules
from monitor.faces.cli import shell
from monitor.faces.render import moment
from monitor.review import Desk

Name = Annotated[str, typer.Argument(help="Alert id, or its first characters.", metavar="ALERT")]
Evidence = Annotated[
    str, typer.Option(help="Digest of the evidence you saw, as `alert show` has it; refused where it has changed.")
]
Why = StrEnum("Why", {cause: cause for cause in get_args(Cause)})  # type: ignore[misc]


@contextmanager
def desk_of(config: Path) -> Iterator[tuple[Store, Desk]]:
    """The store of a command and the desk in it."""
    with shell.opened(config) as (settings, store):
        rules = load_rules(settings, shell.CLOCK)
        yield store, Desk(store, rules.catalogue, rules.policy, shell.now())


def _turned(config: Path, act: Callable[[Desk], Alert], said: str, *, json: bool) -> None:
    with desk_of(config) as (store, desk):
        alert = act(desk)
        gate = unchanged(store, alert)
    shell.show({**alert.body(), "gate": gate}, f"alert {alert.id} {said}; {gate}", json=json)


def ack(
    name: Name,
    by: shell.By,
    comment: Annotated[str, typer.Option(help="What you think of it.")] = "",
    lasting: Annotated[str, typer.Option("--for", help="How long; then it fires again.")] = "4h",
    evidence: Evidence = "",
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Say that you have seen an alert. It expires, and changes nothing else.

    Example: holdpoint alert ack 3f2a --by ada --for 2h --comment "looking at the eval log"
    """
    end = shell.until(lasting, "--for")
    with desk_of(config) as (_, desk):
        alert = desk.acknowledge(name, by=by, comment=comment, until=end, evidence=evidence)
    shell.show(
        alert.body(), f"alert {alert.id} acknowledged by {by} until {moment(end)}; the gate is unchanged", json=json
    )


def review(
    name: Name,
    by: shell.By,
    question: Annotated[str, typer.Option(help="What is to be found out.")],
    reviewer: Annotated[str, typer.Option(help="Who is to answer it; left out: you.", metavar="NAME")] = "",
    evidence: Evidence = "",
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Open a review of an alert, or take one up again: a question, and who answers it.

    Example: holdpoint alert review 3f2a --by ada --reviewer bob --question "is the jump in the continuous metric too?"
    """
    who = reviewer.strip() or by.strip()

    def act(desk: Desk) -> Alert:
        return desk.ask(name, by=by, question=question, reviewer=reviewer, evidence=evidence)

    _turned(config, act, f"is under review by {who}", json=json)


def confirm(
    name: Name,
    by: shell.By,
    mitigation: Annotated[str, typer.Option(help="What is done about it.")],
    evidence: Evidence = "",
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """The review found that it is so. It releases nothing.

    Example: holdpoint alert confirm 3f2a --by bob --mitigation "comprehensive assessment before any further training"
    """

    def act(desk: Desk) -> Alert:
        return desk.confirm(name, by=by, mitigation=mitigation, evidence=evidence)

    _turned(config, act, f"confirmed by {by}", json=json)


def false_alarm(
    name: Name,
    by: shell.By,
    cause: Annotated[Why, typer.Option(help="Of which kind the reason is; it is counted.")],
    reason: shell.Because,
    evidence: Evidence = "",
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """The review found that it is not so. It releases nothing.

    Example: holdpoint alert false-alarm 3f2a --by bob --cause harness_change --reason "0.4.9 trims answers otherwise"
    """

    def act(desk: Desk) -> Alert:
        return desk.false_alarm(name, by=by, cause=cause.name, reason=reason, evidence=evidence)  # type: ignore[arg-type]

    _turned(config, act, f"is a false alarm, {cause.value}, says {by}", json=json)


def invalid(
    name: Name,
    by: shell.By,
    rerun: Annotated[str, typer.Option(help="What has to be run again.")],
    evidence: Evidence = "",
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """The review found that the evidence is no good: it must be run again. It releases nothing.

    Example: holdpoint alert invalid 3f2a --by bob --rerun "sums on s6, the log was cut off"
    """

    def act(desk: Desk) -> Alert:
        return desk.invalid(name, by=by, rerun=rerun, evidence=evidence)

    _turned(config, act, "rests on invalid evidence, which has to be run again", json=json)


def close(
    name: Name,
    by: shell.By,
    reason: shell.Because,
    evidence: Evidence = "",
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Be done with an alert that a review has answered. What is worse, or rests on other evidence, is told again.

    Example: holdpoint alert close 3f2a --by bob --reason "assessed on Tuesday, report attached"
    """

    def act(desk: Desk) -> Alert:
        return desk.close(name, by=by, reason=reason, evidence=evidence)

    _turned(config, act, f"closed by {by}", json=json)


def comment(
    name: Name,
    by: shell.By,
    text: Annotated[str, typer.Option(help="What you have to say.")],
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Say something about an alert, whatever its state.

    Example: holdpoint alert comment 3f2a --by ada --text "the same task broke at s4 in March"
    """
    with desk_of(config) as (_, desk):
        said = desk.comment(name, by=by, text=text)
    _kept(said, f"comment of {said.by} kept with alert {said.alert}", json=json)


def assign(
    name: Name,
    by: shell.By,
    to: Annotated[str, typer.Option(help="Whose it is from now on.", metavar="NAME")] = "",
    nobody: Annotated[bool, typer.Option("--nobody", help="Nobody's.")] = False,
    text: Annotated[str, typer.Option(help="Why, or what is asked of them.")] = "",
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Make an alert somebody's, or nobody's. It tells nobody and silences nothing.

    Example: holdpoint alert assign 3f2a --by ada --to bob
    """
    if bool(to.strip()) == nobody:
        raise typer.BadParameter("name whose it is with --to NAME, or say --nobody", param_hint="--to")
    with desk_of(config) as (_, desk):
        alert = desk.assign(name, by=by, to=to, text=text)
    shell.show(alert.body(), f"alert {alert.id} is {alert.assigned or 'nobody'}'s", json=json)


def attach(
    name: Name,
    by: shell.By,
    url: Annotated[str, typer.Option(help="Where it is: http:// or https://; nothing is fetched.")],
    title: Annotated[str, typer.Option(help="What the link leads to.")],
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Put a link to an alert.

    Example: holdpoint alert attach 3f2a --by ada --url https://wiki.example.org/7b --title "assessment of 7b"
    """
    with desk_of(config) as (_, desk):
        said = desk.attach(name, by=by, url=url, title=title)
    _kept(said, f"link {said.url} kept with alert {said.alert}", json=json)


def _kept(said: AlertReview, text: str, *, json: bool) -> None:
    shell.show(said.body(), text, json=json)
