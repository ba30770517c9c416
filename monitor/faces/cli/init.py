"""`holdpoint init`: a folder with settings, catalogue, policy, inbox and an empty store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from checkpoints_db import Store
from checkpoints_db.errors import SettingsError
from monitor.faces.cli import shell
from monitor.faces.render import as_json
from policies.files import SHELF, shelf_names
from policies.loader import shelf

SETTINGS = """\
# holdpoint settings. Paths are relative to this file. Every key can be overridden by the environment,
# for example HOLDPOINT_STORE or HOLDPOINT_DAEMON__SCAN.

store = "holdpoint.db"          # everything observed, expected and decided; one SQLite file
catalogue = "catalogue.toml"    # which model is which run of which family, and how large
# columns = "columns.toml"      # which column of W&B, MLflow and other exports means what
policy = "policy.toml"          # or a name from the shelf: "default", "strict", "shadow"
# prior = "prior.json"          # what forecasts believe beforehand, by `holdpoint prior learn`; else the shipped one
quarantine = "quarantine"       # copies of files that could not be read, each with its reason
spool = "spool"                 # copies of what came from a URL or from standard input
# readers = ["acme"]            # readers of other installed packages; none is imported that is not named here

[[source]]                      # a folder that harnesses write to; repeat for more folders
path = "inbox"
pattern = "**/*"

# [[source]]                    # an object store, by fsspec; s3:// needs holdpoint[s3], gs:// holdpoint[gcs]
# url = "s3://bucket/prefix"

[daemon]
scan = "10s"                    # a file that lands in a source is judged within this time
settle = "1s"                   # how long a file must not change before it is read
deliver = "5s"                  # how often owed messages are sent

[gate]
max_silence = "24h"             # a GO needs a complete cycle younger than this

# [web]                         # results pushed over HTTP; served by the daemon while this table is here
# listen = "127.0.0.1:8470"
# token_file = "token"          # openssl rand -hex 32 > token; chmod 600 token
# reader_token_file = "readers" # a second one, for training jobs: reads leases and pushes nothing
# url = "https://holdpoint.lab" # where people reach it; begin with `holdpoint people add YOU --role admin --by YOU`

[lease]                         # a GO that training jobs carry with them; begin with `holdpoint keys new`
key = "keys/lease.key"          # signs; only the user of the daemon may read it
folder = "leases"               # the newest lease of each run, as FAMILY/RUN.json

[receivers.log]                 # who can be told; the policy says who is
kind = "log"

[receivers.file]
kind = "file"
path = "alerts.jsonl"

# [receivers.oncall]            # also slack, email, alertmanager, command, apprise (holdpoint[notify])
# kind = "webhook"
# url_file = "oncall.url"       # secrets come from files or, by url_env and secret_env, from the environment
# secret_files = ["oncall.secret"]   # echo "whsec_$(openssl rand -base64 32)" > oncall.secret; chmod 600
"""

CATALOGUE = """\
# Which model is which run of which family, and how large. What no entry matches is listed and alerted, never guessed.
# Plain tables that name family, run and scale themselves need no entry here.

# [[family]]
# name = "my-family"            # runs that share data and recipe and differ only in scale
# axis = "flop"                 # flop, params, tokens, effective_compute, or "params,tokens" for both at once
# params_counts = "total"       # or "non-embedding": what the parameters count, and so what 6*params*tokens counts
# compare_at = "step"           # rungs are compared at equal step; "any": all checkpoints make one series

# [[run]]
# family = "my-family"
# match = "org/my-model-{size}@step{step}"   # {size} like 70m or 6.9b, {step}, {run}, {tokens}; * is any text
# tokens_per_step = 2097152
# flop = "6*params*tokens"

# [[together]]                  # tasks that ask the same question are diagnosed together
# tasks = ["{task}", "{task}_ll"]
"""


def init(
    folder: Annotated[Path, typer.Argument(help="Where to put it.")] = Path(),
    policy: Annotated[str, typer.Option(help="Policy from the shelf to start with.")] = "default",
    json: shell.Json = False,
) -> None:
    """Make a folder with settings, catalogue, policy, inbox and an empty store. Existing files are kept."""
    if policy not in shelf_names():
        raise typer.BadParameter(f"no policy {policy!r} on the shelf; there are {', '.join(shelf_names())}")
    if folder.exists() and not folder.is_dir():
        raise SettingsError(f"{folder}: is a file; name a folder")
    shelf(policy)
    (folder / "inbox").mkdir(parents=True, exist_ok=True)
    made = []
    texts = {
        "holdpoint.toml": SETTINGS,
        "catalogue.toml": CATALOGUE,
        "policy.toml": (SHELF / f"{policy}.toml").read_text("utf-8"),
    }
    for name, text in texts.items():
        if not (folder / name).exists():
            (folder / name).write_text(text, encoding="utf-8")
            made.append(name)
    if not (folder / "holdpoint.db").exists():
        Store.open(folder / "holdpoint.db", create=True).close()
        made.append("holdpoint.db")
    if json:
        as_json({"folder": str(folder), "made": made})
        return
    shell.say(f"{folder}: made {', '.join(made) or 'nothing, everything was there'}")
    shell.say("Next: fill in catalogue.toml, `holdpoint ingest --baseline` your history, then `holdpoint daemon run`.")
