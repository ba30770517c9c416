"""`holdpoint policy test`: does the policy say of ladders that everybody knows what it should?"""

from __future__ import annotations

import typer

from monitor.faces.cli import shell
from monitor.faces.cli.policy_named import Name, named
from monitor.faces.render import table
from monitor.rehearsal import Outcome, Stage
from policies.loader import LoadedPolicy


def rehearse(name: Name = None, config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """Run the tests that a policy file carries: a fixture ladder each, through the whole engine, in a temporary store.

    Exit code 0 when every test passed, 1 when one did not, when there are none, or when the policy does not load.

    Example: holdpoint policy test policies/mine.toml
    """
    loaded = named(name, config)
    policy = loaded.policy
    outcomes = _played(loaded)
    failed = [outcome for outcome in outcomes if not outcome.passed]
    said = f"{policy.name} {policy.version}: {len(outcomes) - len(failed)} of {len(outcomes)} tests passed"
    if not outcomes:
        said = f"{policy.name} {policy.version}: there is no [[test]] in the file, so nothing was shown; write one"
    value = {
        "name": policy.name,
        "digest": policy.digest,
        "passed": bool(outcomes) and not failed,
        "tests": [outcome.body() for outcome in outcomes],
    }
    columns = ("", "test", "expected", "got", "because")
    rows = [("ok" if o.passed else "FAILED", o.name, o.expected, o.got, o.sentence) for o in outcomes]
    shell.show(value, table(f"Tests of {policy.name} {policy.version}", columns, rows), json=json)
    if not json:
        for outcome in failed:
            at = loaded.gathered.files[0].at(("test", outcomes.index(outcome)))
            shell.say(f"{at}: {outcome.name}: expected {outcome.expected}, got {outcome.got}")
        shell.say(said)
    if failed or not outcomes:
        raise typer.Exit(1)


def _played(loaded: LoadedPolicy) -> list[Outcome]:
    outcomes = []
    with Stage() as stage, shell.progress(after=2.0) as tell:
        for number, one in enumerate(loaded.tests):
            tell("tests", number, len(loaded.tests))
            outcomes.append(stage.play(loaded.policy, one))
    return outcomes
