"""`holdpoint init`: a folder with settings, catalogue, policy, inbox and an empty store."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, NamedTuple, TypeVar

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

Answer = TypeVar("Answer")


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
    """What is still open, asked of whoever sits there; a question is asked again after an answer that is none."""
    shell.say("Five questions; what is in brackets is taken where you only press Enter.")
    sources = wanted.sources or _ask("Folders or URLs that harnesses write to", _sources, "inbox")
    family = wanted.family or _ask("Name of the family of models (empty: later)", str)
    match = wanted.match
    if family and not match:
        pattern = "Pattern of its model names, with {size} and {step}"
        match = _ask(pattern, lambda said: _readable(family, said), f"{family}-{{size}}@step{{step}}")
    policy = wanted.policy or _ask(f"Policy ({', '.join(shelf_names())})", _on_the_shelf, "default")
    more = "Who is told besides the log and alerts.jsonl (slack, webhook; empty: nobody)"
    return Wanted(sources, family, match, policy, wanted.receivers or _ask(more, _by_name))


def _ask(question: str, read: Callable[[str], Answer], default: str = "") -> Answer:
    while True:
        try:
            return read(typer.prompt(question, default=default, show_default=bool(default)))
        except typer.BadParameter as error:
            shell.say(error.message)


def _words(said: str) -> list[str]:
    """Words of an answer, with commas between them or without."""
    return said.replace(",", " ").split()


def _sources(said: str) -> list[str]:
    _settings(house.settings_text(_words(said), []))
    return _words(said)


def _readable(family: str, match: str) -> str:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "catalogue.toml"
        path.write_text(house.catalogue_text(family, match), encoding="utf-8")
        _must_read(path)
    return match


def _on_the_shelf(policy: str) -> str:
    if policy not in shelf_names():
        said = f"no policy {policy!r} on the shelf; there are {', '.join(shelf_names())}"
        raise typer.BadParameter(said, param_hint="--policy")
    return policy


def _by_name(said: str) -> list[str]:
    return [_known(name) for name in _words(said)]


def _known(receiver: str) -> str:
    if receiver not in house.RECEIVERS:
        known = ", ".join(house.RECEIVERS)
        raise typer.BadParameter(
            f"no receiver {receiver!r} that can be had by name ({known}); holdpoint.toml shows how others are written",
            param_hint="--receiver",
        )
    return receiver


def _checked(wanted: Wanted) -> Wanted:
    """With defaults filled in. A usage error for what is none."""
    policy = _on_the_shelf(wanted.policy or "default")
    shelf(policy)
    for name in wanted.receivers:
        _known(name)
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
    _settings(texts["holdpoint.toml"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _written(folder, texts)
    except OSError as error:
        why = f"{error.filename or folder}: cannot be made: {error.strerror or error}"
        raise SettingsError(f"{why}; name a folder that you may write to") from error


def _settings(text: str) -> None:
    try:
        Settings(**tomllib.loads(text))
    except ValueError as error:
        raise typer.BadParameter(f"a source is none: {error}", param_hint="--source") from error


def _written(folder: Path, texts: dict[str, str]) -> list[str]:
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
        raise typer.BadParameter(str(error).rpartition("[[run]]: ")[2], param_hint="--match") from error


def _next(wanted: Wanted) -> list[str]:
    steps = [] if wanted.match else ["fill in catalogue.toml"]
    for name in wanted.receivers:
        steps += [f"write its URL into {name}.url"] if name in ("slack", "webhook") else []
        steps += ["make webhook.secret as holdpoint.toml says"] if name == "webhook" else []
    steps += ["`holdpoint config check`", "`holdpoint ingest --baseline` your history", "`holdpoint daemon run`"]
    return [f"Next: {', '.join(steps[:-1])}, then {steps[-1]}."]
