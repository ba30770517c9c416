"""`holdpoint route`: who would be told, when, and why."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from checkpoints_db import Store
from checkpoints_db.errors import HoldpointError, PolicyError
from checkpoints_db.records import Alert, Answer, Finding, Level, Reason
from checkpoints_db.records.duration import spell_duration
from monitor import adoption, notify
from monitor.alerts import fingerprint
from monitor.faces.cli import shell
from monitor.faces.render import moment, table
from monitor.settings import Settings
from policies.lines import Lines
from policies.loader import find
from policies.routes import Branch, Roots, key_of, route
from policies.schema import Policy

app = typer.Typer(no_args_is_help=True, help="Routes of the policy: who is told of which alerts.")


@app.callback()
def _routes() -> None:
    """Keeps `test` a command of its own."""


@app.command(
    "test",
    epilog="Example: holdpoint route test --family pythia --run 12b --rule break --severity pause "
    "--at 2026-11-24T02:00Z",
)
def rehearse(
    name: Annotated[str | None, typer.Argument(help="An alert of the store, by its id.", metavar="ALERT")] = None,
    *,
    family: Annotated[str, typer.Option(help="Family of a made-up alert.")] = "",
    run: Annotated[str, typer.Option(help="Its run.")] = "",
    rule: Annotated[str, typer.Option(help="Its rule.")] = "",
    severity: Annotated[Literal["warn", "hold", "pause"], typer.Option(help="What it answers.")] = "hold",
    kind: Annotated[str, typer.Option(help="Its kind of rule; that of the policy's rule of this id without it.")] = "",
    domain: Annotated[list[str] | None, typer.Option(help="A domain of its tasks; may be repeated.")] = None,
    at: Annotated[str | None, typer.Option(help="When, with its zone; now without it.")] = None,
    policy: Annotated[str | None, typer.Option(help="Another policy than the one in force.")] = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Who would be told of an alert, when, by which route, and what would hold the message back. Sends nothing.

    Exit code 0; 1 where nobody would be told, where the alert is unknown, or where a receiver is not in the settings.
    """
    settings, when = Settings.load(config), _moment(at)
    configured = find(policy, Path.cwd()) if policy else find(settings.policy, settings.base)
    with Store.open(settings.at(settings.store)) as store:
        named = configured if policy else adoption.force(store, configured, shell.now()).policy
        if name is not None:
            found = store.actions.alert(name)
            if found is None:
                raise PolicyError(f"no alert {name!r}, or several; see `holdpoint alert list`")
            alert = found
        else:
            alert = _made_up(named, family, run, rule, severity, kind, tuple(domain or ()), when)
        root = Roots(named, store.actions.alerts(still_open=True)).of(alert)
    routed = route(named, alert, when)
    if named.digest == configured.digest:
        lines = _lines(policy or settings.policy, Path.cwd() if policy else settings.base)
    else:  # the file says what waits
        lines = f"policy {named.name} in force since before {settings.policy} was changed", None
    told = [_told(branch, why, when, lines) for branch, why in zip(routed.branches, routed.why, strict=True)]
    held = f"alert {root.id} is open and says more: {root.sentence}" if root else ""
    value = {"alert": alert.body(), "at": when.isoformat(), "told": told, "held_back": held}
    rows = [
        (", ".join(each["receivers"]) or "nobody", each["when"], each["line"], each["why"], each["then"])
        for each in told
    ]
    columns = ("who", "when", "where", "why", "afterwards")
    place = f"{alert.family}/{alert.run} " if alert.run else ""
    title = f"{severity if name is None else alert.answer} of {place}{alert.rule or 'any rule'}, {moment(when)}"
    shell.show(value, table(title, columns, rows), json=json)
    if held and not json:
        shell.say(f"Held back for now: {held}")
    unknown = [receiver for receiver in routed.receivers if receiver not in settings.receivers]
    if unknown:
        notify.check(named, settings)  # says which key names it
    if not routed.receivers:
        raise typer.Exit(1)


def _moment(text: str | None) -> datetime:
    if text is None:
        return shell.now()
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no time; write 2026-11-24T02:00+01:00", param_hint="--at") from error
    if at.tzinfo is None:
        raise typer.BadParameter(f"{text!r} needs its zone; write {text}Z for UTC", param_hint="--at")
    return at


def _made_up(
    policy: Policy, family: str, run: str, rule: str, severity: str, kind: str, domains: tuple[str, ...], at: datetime
) -> Alert:
    """An alert as it would look; nothing of it is kept."""
    named = rule or "any"
    kinds = {each.id: each.kind for each in policy.rules}
    answer, said = Answer(severity.upper()), "an alert that nothing raised"
    of = kind or kinds.get(named, named)
    finding = Finding(rule=named, kind=of, level=Level.soft, answer=answer, reason=Reason.broken, sentence=said)
    print_ = fingerprint(family, run, named, "route test")
    return Alert(
        id=print_[:12],
        fingerprint=print_,
        family=family,
        run=run,
        rule=named,
        answer=answer,
        state="firing",
        opened_at=at,
        changed_at=at,
        sentence=said,
        findings=(finding,),
        domains=domains,
    )


def _told(branch: Branch, why: str, at: datetime, lines: tuple[str, Lines | None]) -> dict[str, Any]:
    begins = max(branch.quiet_until or at, at) + branch.group_wait
    then = [f"again every {spell_duration(branch.repeat)}"] if branch.repeat else []
    if branch.escalate_after and branch.escalate_to:
        then.append(
            f"after {spell_duration(branch.escalate_after)} unacknowledged also {', '.join(branch.escalate_to)}"
        )
    path, known = lines
    place = tuple(part for number in branch.path for part in ("routes", number)) or ("notify",)
    line = known.of(place) if known else None
    return {
        "receivers": list(branch.receivers),
        "at": begins.isoformat(),
        "when": "at once" if begins == at else moment(begins),
        "route": branch.name,
        "key": key_of(branch.path),
        "line": f"{path}:{line}" if line else path,
        "why": why,
        "group_by": list(branch.group_by),
        "then": "; ".join(then) or "–",
        "escalate_to": list(branch.escalate_to) if branch.escalate_after else [],
    }


def _lines(policy: str, base: Path) -> tuple[str, Lines | None]:
    """Where the keys of the policy file stand; a shipped policy has no file here."""
    path = base / policy
    if not path.is_file():
        return policy, None
    try:
        return policy, Lines(path.read_text("utf-8-sig").replace("\r\n", "\n"))
    except (OSError, UnicodeDecodeError) as error:
        raise HoldpointError(f"{path}: cannot be read: {error}") from error
