"""`holdpoint policy explain`: what a policy says, what it says of a run, and why a decision was what it was."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import PolicyError
from checkpoints_db.records import Finding
from checkpoints_db.records.duration import spell_duration
from monitor import cases
from monitor.explanation import SHORTEST, Explanation, explained, found
from monitor.faces.cli import naming, shell
from monitor.faces.cli.policy_named import named
from monitor.faces.render import moment, table
from monitor.settings import Settings
from policies.engine import examine
from policies.loader import LoadedPolicy, find_file
from policies.schema import Policy

What = Annotated[
    str | None,
    typer.Argument(
        help=f"A decision, by its digest or the first {SHORTEST} characters or more; or a policy file or a name from "
        "the shelf; without it, the policy in force.",
        metavar="DECISION|POLICY",
    ),
]


def explain(
    what: What = None,
    run: Annotated[str | None, typer.Option("--run", help="What every rule says of this run, passes included.")] = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Why a decision was what it was: findings, numbers, waivers, approvals, budget, and the policy lines that did it.

    Of a policy: its rules in a table; with --run, what each says of that run and what would change its mind.

    Exit code 0; 1 where there is no such decision or policy; 2 for wrong usage.

    Example: holdpoint policy explain 5f3a9c1e
    """
    if (
        what is not None
        and run is None
        and re.fullmatch(rf"[0-9a-f]{{{SHORTEST},64}}", what)
        and not Path(what).exists()
    ):
        shown = _decision(what, config)
        shell.show(shown.body(), _picture(shown), json=json)
        if not json:
            _say_around(shown)
        return
    policy = named(what, config).policy
    if run is None:
        _policy(policy, json=json)
    else:
        _run(policy, run, config, json=json)


def _decision(start: str, config: Path) -> Explanation:
    with shell.opened(config) as (settings, store):
        at = found(store, start)
        if at is None:
            raise PolicyError(
                f"no decision begins with {start!r}; `holdpoint gate status --json` names the newest of every run"
            )
        return explained(store, Catalogue.from_toml(settings.at(settings.catalogue)), _configured(settings), *at)


def _configured(settings: Settings) -> LoadedPolicy | None:
    try:
        return find_file(settings.policy, settings.base)
    except PolicyError:
        return None  # an old decision is explained from what the store keeps, whatever the file says now


def _picture(shown: Explanation) -> object:
    rows = [_row(finding, shown) for finding in (*shown.decision.findings, *shown.passes)]
    columns = ("rule", "at", "level", "answer", "subject", "finding", "numbers", "it would pass if")
    d = shown.decision
    return table(f"{d.family}/{d.run}: {d.answer} ({d.reason}) on {moment(d.at)}", columns, rows)


def _row(f: Finding, shown: Explanation) -> tuple[str, ...]:
    waived = f" (waived by {f.waived_by})" if f.waived_by else ""
    released = f" (released by {f.released_by})" if f.released_by else ""
    numbers = ", ".join(f"{name} {value:.4g}" for name, value in f.numbers.items())
    answer = f"{f.answer}{waived}{released}"
    subject = f.subject or "the run"
    return (f.rule, shown.places.get(f.rule, "–"), f.level, answer, subject, f.sentence, numbers, f.would_pass_if)


def _say_around(shown: Explanation) -> None:
    d = shown.decision
    shell.say(f"Decision {d.digest[:12]} of checkpoint {shown.checkpoint or '–'}: {d.sentence}")
    shell.say(f"Policy {d.policy_name} ({d.policy[:12]}), evidence {d.evidence[:12]}, {d.passed} tests passed.")
    for note in shown.notes:
        shell.say(f"Note: {note}.")
    if d.budget is not None:
        shell.say(f"Budget: {d.budget.sentence}")
    for w in shown.waivers:
        shell.say(f"Waiver {w.id} by {w.by} until {moment(w.expires)}, up to {w.up_to:.4g}: {w.rule}, {w.reason}")
    for v in shown.approvals:
        shell.say(f"{'Veto' if v.veto else 'Approval'} by {v.by} on {moment(v.at)}: {v.reason}")
    if d.needed:
        shell.say(f"A release needs {d.needed} people; approvals that count: {', '.join(d.approvals) or 'none'}.")
    if shown.lines:
        rule = d.findings[0].rule
        shell.say(f"Decided by {rule}, {shown.places[rule]}:")
        shell.say(shown.lines)


def _policy(policy: Policy, *, json: bool) -> None:
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


def _run(policy: Policy, run: str, config: Path, *, json: bool) -> None:
    with shell.opened(config) as (settings, store):
        place = naming.run_of(store, run)
        catalogue = Catalogue.from_toml(settings.at(settings.catalogue))
        case = cases.case_of(store, catalogue, policy, *place)
        waivers, approvals = store.actions.waivers(*place), store.actions.approvals(*place)
        said = examine(policy, case, waivers, approvals, shell.now()).findings
    rows = [(f.rule, f.level, f.answer, f.subject or "the run", f.sentence, f.would_pass_if) for f in said]
    columns = ("rule", "level", "answer", "subject", "finding", "it would pass if")
    shell.show([f.body() for f in said], table(f"Policy {policy.name} on {'/'.join(place)}", columns, rows), json=json)


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
