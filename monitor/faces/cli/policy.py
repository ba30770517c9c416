"""`holdpoint policy`: does it load, and what would it say?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from checkpoints_db.records.duration import spell_duration
from monitor import gate, notify
from monitor.daemon.jobs import load_rules
from monitor.faces.cli import shell
from monitor.faces.render import table
from monitor.settings import Settings
from policies.engine import examine
from policies.loader import find
from policies.schema import Policy

app = typer.Typer(no_args_is_help=True, help="Policies: check one, and have it explain itself.")

Name = Annotated[
    str | None,
    typer.Argument(help="A policy file, or a name from the shelf; the one in force without it.", metavar="POLICY"),
]


def _named(name: str | None, config: Path) -> Policy:
    if name is not None:
        return find(name, Path.cwd())
    settings = Settings.load(config)
    return find(settings.policy, settings.base)


@app.command()
def check(name: Name = None, config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """Load a policy. Exit code 0 when it is sound, 1 with file, line and the nearest known name when it is not.

    Where there are settings, a receiver that they do not have is a mistake too.
    """
    policy = _named(name, config)
    if config.is_file():
        notify.check(policy, Settings.load(config))
    text = f"{policy.name} {policy.version}: sound, {len(policy.rules)} rules, digest {policy.digest}"
    value = {"name": policy.name, "version": policy.version, "digest": policy.digest, "policy": policy.body()}
    shell.show(value, text, json=json)


@app.command()
def explain(
    name: Name = None,
    run: Annotated[str | None, typer.Option("--run", help="What every rule says of this run, passes included.")] = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """The rules of a policy in a table; with --run, what each says of that run and what would change its mind."""
    policy = _named(name, config)
    if run is None:
        rows = [
            (rule.id, rule.kind, rule.level, _selected(rule.select.body()), _own_terms(rule.body()), rule.cite)
            for rule in policy.rules
        ]
        columns = ("rule", "kind", "level", "looks at", "terms", "source")
        shell.show(policy.body(), table(f"Policy {policy.name} {policy.version}", columns, rows), json=json)
        if not json:
            judging, release = policy.judging, policy.release
            shell.say(
                f"A result is above or below when its sealed forecast gave it less than {judging.tail:g} on that side;"
            )
            shell.say(f"a forecast is blind when it would miss a break of {judging.resolve:.0%} of the metric's room;")
            shell.say(
                f"fewer than {judging.min_rungs} rungs make no forecast. "
                f"A closed gate is reopened by {release.quorum} people"
                f"{' other than the owners of the run' if release.exclude_owner else ''}, "
                f"within {spell_duration(release.approval_ttl)}."
            )
        return
    with shell.opened(config) as (settings, store):
        rules = load_rules(settings, shell.CLOCK)
        place = gate.find_run(store, run)
        if place is None:
            raise typer.BadParameter(f"unknown or ambiguous run {run!r}; name it as `family/run`")
        case = gate.case_of(store, rules.catalogue, policy, *place)
        waivers, approvals = store.actions.waivers(*place), store.actions.approvals(*place)
        found = examine(policy, case, waivers, approvals, shell.now()).findings
    said = [(f.rule, f.level, f.answer, f.subject or "the run", f.sentence, f.would_pass_if) for f in found]
    columns = ("rule", "level", "answer", "subject", "finding", "it would pass if")
    shell.show([f.body() for f in found], table(f"Policy {policy.name} on {'/'.join(place)}", columns, said), json=json)


def _selected(select: dict[str, object]) -> str:
    chosen = {key: value for key, value in select.items() if value not in (None, ["*"])}
    return (
        "; ".join(f"{key} {', '.join(value) if isinstance(value, list) else value}" for key, value in chosen.items())
        or "everything"
    )


def _own_terms(body: dict[str, object]) -> str:
    left_out = ("id", "kind", "level", "select", "cite")
    return "; ".join(
        f"{key} = {value}" for key, value in body.items() if key not in left_out and value not in (None, "", [], {})
    )
