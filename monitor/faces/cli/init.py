"""`holdpoint init`: a folder with settings, catalogue, policy, inbox and an empty store."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from checkpoints_db import Store
from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import SettingsError
from monitor.faces import house
from monitor.faces.cli import shell
from monitor.faces.render import as_json
from monitor.settings import Settings
from policies.files import shelf_names
from policies.loader import shelf


class Wanted(NamedTuple):
    """What a new house is made of."""

    sources: list[str]
    family: str
    match: str
    policy: str
    receivers: list[str]


def init(
    folder: Annotated[Path, typer.Argument(help="Where to put it.")] = Path(),
    source: Annotated[
        list[str] | None, typer.Option(help="A folder or a URL that harnesses write to; repeat it for more. [inbox]")
    ] = None,
    family: Annotated[str, typer.Option(help="Name of the family of models that is watched.")] = "",
    match: Annotated[
        str, typer.Option(help="Pattern of the names of its models: org/my-{size}@step{step}.", metavar="PATTERN")
    ] = "",
    policy: Annotated[str, typer.Option(help="Policy from the shelf to start with. [default]")] = "",
    receiver: Annotated[
        list[str] | None, typer.Option(help="Tell this one, too: slack, webhook; repeat it for more.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing, take the defaults.")] = False,
    json: shell.Json = False,
) -> None:
    """Make a folder with settings, catalogue, policy, inbox and an empty store. Existing files are kept.

    On a terminal it asks for what no option says: sources, family, pattern, policy, receivers. Exit code 0, or 2 for an
    answer that is none. Example: holdpoint init lab --source /evals --family lab --match "lab-{size}@step{step}"
    """
    if folder.exists() and not folder.is_dir():
        raise SettingsError(f"{folder}: is a file; name a folder")
    wanted = Wanted(source or [], family, match, policy, receiver or [])
    asks = not (yes or json) and sys.stdin.isatty() and sys.stdout.isatty() and not (folder / "holdpoint.toml").exists()
    wanted = _checked(_asked(wanted) if asks else wanted)
    made = _make(folder, wanted)
    if json:
        as_json({"folder": str(folder), "made": made})
        return
    shell.say(f"{folder}: made {', '.join(made) or 'nothing, everything was there'}")
    for line in _next(wanted):
        shell.say(line)


def _asked(wanted: Wanted) -> Wanted:
    """What is still open, asked of whoever sits there."""
    shell.say("Five questions; what is in brackets is taken where you only press Enter.")
    sources = wanted.sources or typer.prompt("Folders or URLs that harnesses write to", default="inbox").split()
    family = wanted.family or typer.prompt(
        "Name of the family of models (empty: later)", default="", show_default=False
    )
    match = wanted.match
    if family and not match:
        match = typer.prompt(
            "Pattern of its model names, with {size} and {step}", default=f"{family}-{{size}}@step{{step}}"
        )
    policy = wanted.policy or typer.prompt(f"Policy ({', '.join(shelf_names())})", default="default")
    more = "Who is told besides the log and alerts.jsonl (slack, webhook; empty: nobody)"
    receivers = wanted.receivers or typer.prompt(more, default="", show_default=False).split()
    return Wanted(sources, family, match, policy, receivers)


def _checked(wanted: Wanted) -> Wanted:
    """With defaults filled in. A usage error for what is none."""
    policy = wanted.policy or "default"
    if policy not in shelf_names():
        raise typer.BadParameter(f"no policy {policy!r} on the shelf; there are {', '.join(shelf_names())}")
    shelf(policy)
    for name in wanted.receivers:
        if name not in house.RECEIVERS:
            known = ", ".join(house.RECEIVERS)
            raise typer.BadParameter(
                f"no receiver {name!r} that can be had by name ({known}); holdpoint.toml shows how others are written",
                param_hint="--receiver",
            )
    if wanted.match and not wanted.family:
        raise typer.BadParameter("a pattern of model names needs the family they belong to", param_hint="--match")
    return wanted._replace(policy=policy, sources=wanted.sources or ["inbox"])


def _make(folder: Path, wanted: Wanted) -> list[str]:
    """Write what is not there yet; everything is read back before the store is made."""
    texts = {
        "holdpoint.toml": house.settings_text(wanted.sources, wanted.receivers),
        "catalogue.toml": house.catalogue_text(wanted.family, wanted.match),
        "policy.toml": house.policy_text(wanted.policy, wanted.receivers),
    }
    try:
        Settings(**tomllib.loads(texts["holdpoint.toml"]))
    except ValueError as error:
        raise typer.BadParameter(f"a source is none: {error}", param_hint="--source") from error
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name, text in texts.items():
        if not (folder / name).exists():
            (folder / name).write_text(text, encoding="utf-8")
            made.append(name)
            if name == "catalogue.toml":
                _must_read(folder / name)
    settings = Settings.load(folder / "holdpoint.toml")
    for each in settings.source:
        if each.path is not None and not each.path.is_absolute():
            settings.at(each.path).mkdir(parents=True, exist_ok=True)
    store = settings.at(settings.store)
    if not store.exists():
        Store.open(store, create=True).close()
        made.append(str(settings.store))
    return made


def _must_read(catalogue: Path) -> None:
    """Take a catalogue back that does not read: whoever gave a wrong pattern gives another."""
    try:
        Catalogue.from_toml(catalogue)
    except SettingsError as error:
        catalogue.unlink()
        raise typer.BadParameter(str(error), param_hint="--match") from error


def _next(wanted: Wanted) -> list[str]:
    steps = [] if wanted.match else ["fill in catalogue.toml"]
    for name in wanted.receivers:
        steps += [f"write its URL into {name}.url"] if name in ("slack", "webhook") else []
        steps += ["make webhook.secret as holdpoint.toml says"] if name == "webhook" else []
    steps += ["`holdpoint config check`", "`holdpoint ingest --baseline` your history", "`holdpoint daemon run`"]
    return [f"Next: {', '.join(steps[:-1])}, then {steps[-1]}."]
