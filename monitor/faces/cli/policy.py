"""`holdpoint policy`: does it load, does it say what it should, and why did it decide so?"""

from __future__ import annotations

import typer

from monitor.faces.cli import (
    policy_adopt,
    policy_check,
    policy_diff,
    policy_explain,
    policy_rehearse,
    policy_replay,
    policy_schema,
    policy_tune,
)

app = typer.Typer(no_args_is_help=True, help="Policies: check, test, try, change one, and have it explain itself.")
app.command("check")(policy_check.check)
app.command("test")(policy_rehearse.rehearse)
app.command("explain")(policy_explain.explain)
app.command("schema")(policy_schema.schema)
app.command("replay")(policy_replay.replay_command)
app.command("diff")(policy_diff.diff_command)
app.command("tune")(policy_tune.tune_command)
app.command("adopt")(policy_adopt.adopt)
app.command("history")(policy_adopt.history)
