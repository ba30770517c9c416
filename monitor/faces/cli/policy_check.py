"""`holdpoint policy check`: does the policy load, and does anything in it look like a slip?"""

from __future__ import annotations

from typing import Annotated

import typer

from monitor import notify
from monitor.faces.cli import shell
from monitor.faces.cli.policy_named import Name, named
from monitor.settings import Settings
from policies.lint import remarks


def check(
    name: Name = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 over warnings too.")] = False,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Load a policy, say what is wrong with it, and warn of what looks like a slip.

    Exit code 0 when it is sound; 1, with file, line, key and what would be right, when it is not, or, with --strict,
    when there are warnings. Where there are settings, a receiver that they do not have is a mistake too.

    Example: holdpoint policy check policies/mine.toml --strict
    """
    loaded = named(name, config)
    policy, found = loaded.policy, remarks(loaded)
    if config.is_file():
        notify.check(policy, Settings.load(config))
    value = {
        "name": policy.name,
        "version": policy.version,
        "digest": policy.digest,
        "files": [file.path for file in loaded.gathered.files],
        "warnings": [{"file": file, "line": line, "what": what} for file, line, what in found],
        "policy": policy.body(),
    }
    shell.show(
        value, f"{policy.name} {policy.version}: sound, {len(policy.rules)} rules, digest {policy.digest}", json=json
    )
    if not json:
        for file, line, what in found:
            shell.say(f"{file}{'' if line is None else f':{line}'}: warning: {what}")
    if strict and found:
        raise typer.Exit(1)
