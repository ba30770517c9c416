"""`holdpoint config`: what is in force, where it comes from, and whether it is right."""

from __future__ import annotations

import json as spelling
from collections.abc import Callable, Iterator

import typer

from checkpoints_db.errors import HoldpointError, PolicyError, SettingsError
from checkpoints_db.records import Record
from monitor import notify
from monitor.daemon.rules import load_rules
from monitor.faces.cli import shell
from monitor.faces.cli.daemon import to_collector
from monitor.faces.render import table
from monitor.reference import settings_of
from monitor.settings import Settings, strange_variables
from policies.loader import find

app = typer.Typer(no_args_is_help=True, help="The settings: what is in force, where it comes from, is it right?")


class Check(Record):
    """One thing that was tried."""

    what: str
    passed: bool
    says: str
    """What is wrong and what to do; or what was found."""


@app.command()
def show(config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """Every key with its value and where that comes from: file, environment or default. Secrets are masked.

    Exit code 0, or 1 where the settings are wrong. Example: holdpoint config show --config lab/holdpoint.toml
    """
    found = settings_of(config, Settings.load(config))
    columns = ("key", "value", "from")
    cells = [(s.key, _spelled(s.value), s.origin) for s in found]
    value = {s.key: {"value": s.value, "from": s.origin, "means": s.means} for s in found}
    shell.show(value, table(f"Settings of {config}", columns, cells), json=json)


@app.command()
def check(config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """Try everything the settings name, as a start or a reload of the daemon would; nothing is changed or sent.

    Exit code 0 when all of it is right, 1 when something is not. Example: holdpoint config check && kill -HUP PID
    """
    done = list(_checks(config))
    passed = all(one.passed for one in done)
    cells = [("right" if one.passed else "WRONG", one.what, one.says) for one in done]
    value = {"passed": passed, "checks": [one.body() for one in done]}
    shell.show(value, table(f"Check of {config}", ("", "what", "found"), cells), json=json)
    if not passed:
        raise typer.Exit(1)


def _checks(config: shell.Config) -> Iterator[Check]:
    try:
        settings = Settings.load(config)
    except SettingsError as error:
        yield Check(what="settings", passed=False, says=str(error))
        return
    strange = ", ".join(strange_variables(settings))
    says = f"{len(settings_of(config, settings))} keys, every one known"
    says += f"; of no effect, since no setting is called so: {strange} of the environment" if strange else ""
    yield Check(what="settings", passed=True, says=says)
    tried: dict[str, Callable[[Settings], str]] = {
        "policy, catalogue, readers, prior": _rules,
        "receivers": _receivers,
        "sources": _sources,
        "store": _store,
        "web": _web,
        "log": _log,
    }
    for what, attempt in tried.items():
        try:
            yield Check(what=what, passed=True, says=attempt(settings))
        except HoldpointError as error:
            yield Check(what=what, passed=False, says=str(error))


def _rules(settings: Settings) -> str:
    rules = load_rules(settings, shell.CLOCK)
    return f"policy {rules.policy.name} {rules.policy.version}, {rules.policy.digest[:12]}"


def _receivers(settings: Settings) -> str:
    notify.check_receivers(settings)
    told = ", ".join(settings.receivers) or "nobody is told of anything"
    try:
        notify.check_names(find(settings.policy, settings.base), settings)
    except PolicyError:
        return f"{told}; whether the policy names others is not known while it does not load"
    return told


def _sources(settings: Settings) -> str:
    folders = [settings.at(source.path) for source in settings.source if source.path is not None]
    for folder in folders:
        if not folder.is_dir():
            raise SettingsError(f"{folder}: there is no such folder; make it, or name the one that harnesses write to")
    remote = len(settings.source) - len(folders)
    return f"folders that are there: {len(folders)}" + (f"; object stores, not asked here: {remote}" if remote else "")


def _store(settings: Settings) -> str:
    path = settings.at(settings.store)
    if not path.is_file():
        raise SettingsError(f"{path}: there is no store; make one with `holdpoint init`")
    return f"{path} is there; `holdpoint ledger verify` reads it"


def _web(settings: Settings) -> str:
    if settings.web is None:
        return "not served: there is no [web] table"
    from monitor.faces.web import server, token  # noqa: PLC0415 - the web framework takes half a second to import

    token.token_of(settings)
    token.readers_token_of(settings)
    how = "over TLS, " if server.certificates(settings, settings.web) else ""
    return f"{settings.web.listen}, {how}with a token"


def _log(settings: Settings) -> str:
    if settings.log.traces:
        to_collector().close()
    return f"{settings.log.format}, from {settings.log.level} on{', with traces' if settings.log.traces else ''}"


def _spelled(value: object) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else spelling.dumps(value, ensure_ascii=False)
