"""The files of a new house, with everything explained where it stands: settings, catalogue, policy."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from checkpoints_db.errors import SettingsError
from policies.files import SHELF

RECEIVERS = {
    "log": ('kind = "log"',),
    "file": ('kind = "file"', 'path = "alerts.jsonl"'),
    "slack": (
        'kind = "slack"',
        'url_file = "slack.url"          # the URL of an incoming webhook is a secret: it goes in there',
    ),
    "webhook": (
        'kind = "webhook"',
        'url_file = "webhook.url"        # the URL goes in there',
        'secret_files = ["webhook.secret"]   # echo "whsec_$(openssl rand -base64 32)" > webhook.secret; chmod 600',
    ),
}
"""Receivers that are had by name; whatever the others need does not fit into a question."""
ALWAYS = ("log", "file")
"""Receivers of every new house: what a policy tells unless it says otherwise."""

HEAD = """\
# holdpoint settings. Paths are relative to this file. Every key can be overridden by the environment,
# for example HOLDPOINT_STORE or HOLDPOINT_DAEMON__SCAN; `holdpoint config show` says what is in force and why.

store = "holdpoint.db"          # everything observed, expected and decided; one SQLite file
catalogue = "catalogue.toml"    # which model is which run of which family, and how large
# columns = "columns.toml"      # which column of W&B, MLflow and other exports means what
policy = "policy.toml"          # or a name from the shelf: "default", "strict", "shadow"
# prior = "prior.json"          # what forecasts believe beforehand, by `holdpoint prior learn`; else the shipped one
quarantine = "quarantine"       # copies of files that could not be read, each with its reason
spool = "spool"                 # copies of what came from a URL or from standard input
# readers = ["acme"]            # readers of other installed packages; none is imported that is not named here

"""
MIDDLE = """\
# [[source]]                    # an object store, by fsspec; s3:// needs holdpoint[s3], gs:// holdpoint[gcs]
# url = "s3://bucket/prefix"

[daemon]
scan = "10s"                    # a file that lands in a source is judged within this time
settle = "1s"                   # how long a file must not change before it is read
deliver = "5s"                  # how often owed messages are sent

[log]
format = "console"              # or "json": an object a line, with ids that lead to the ledger
level = "info"

[gate]
max_silence = "24h"             # a GO needs a complete cycle younger than this

# [backup]                      # copies of the store, checked and compressed; made while this table is here
# url = "/mnt/backups"          # a folder on another disk, or s3://bucket/prefix, gs://bucket/prefix
# every = "24h"
# keep = 14                     # how many are kept; max_age = "90d" removes older ones too, never the newest

# [drill]                       # fire drills: a marked pause on paper, by the daemon; held while this table is here
# every = "30d"
# between = "10:00-16:00"       # of working days; zone = "Europe/Berlin"

# [retention]                   # results and the ledger stay for ever; without this table everything does
# items = "365d"                # questions of per-sample logs go after that, where no gate looks at them any more

# [web]                         # results pushed over HTTP; served by the daemon while this table is here
# listen = "127.0.0.1:8470"
# token_file = "token"          # openssl rand -hex 32 > token; chmod 600 token
# reader_token_file = "readers" # a second one, for training jobs: reads leases and pushes nothing
# url = "https://holdpoint.lab" # where people reach it; begin with `holdpoint people add YOU --role admin --by YOU`
# metrics = "loopback"          # /metrics without a token for programs of this machine; "token": for nobody

[lease]                         # a GO that training jobs carry with them; begin with `holdpoint keys new`
key = "keys/lease.key"          # signs; only the user of the daemon may read it
folder = "leases"               # the newest lease of each run, as FAMILY/RUN.json

"""
TAIL = """\
# [receivers.oncall]            # also slack, email, alertmanager, command, apprise (holdpoint[notify])
# kind = "webhook"
# url_file = "oncall.url"       # secrets come from files or, by url_env and secret_env, from the environment
# secret_files = ["oncall.secret"]   # echo "whsec_$(openssl rand -base64 32)" > oncall.secret; chmod 600
"""
CATALOGUE = """\
# Which model is which run of which family, and how large. What no entry matches is listed and alerted, never guessed.
# Plain tables that name family, run and scale themselves need no entry here.

"""
EXAMPLE = """\
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

"""
TOGETHER = """\
# [[together]]                  # tasks that ask the same question are diagnosed together
# tasks = ["{task}", "{task}_ll"]
"""


def settings_text(sources: Sequence[str], receivers: Sequence[str]) -> str:
    """`holdpoint.toml` for some folders and URLs, and receivers of RECEIVERS by name."""
    parts = [HEAD]
    for number, source in enumerate(sources):
        key = "url" if "://" in source else "path"
        why = "                      # a folder that harnesses write to; repeat for more folders" if not number else ""
        parts.append(f'[[source]]{why}\n{key} = {_quoted(source)}\npattern = "**/*"\n\n')
    parts.append(MIDDLE)
    for name in dict.fromkeys((*ALWAYS, *receivers)):
        why = "                 # who can be told; the policy says who is" if name == ALWAYS[0] else ""
        parts.append("\n".join([f"[receivers.{name}]{why}", *RECEIVERS[name]]) + "\n\n")
    return "".join([*parts, TAIL])


def catalogue_text(family: str, match: str) -> str:
    """`catalogue.toml` with one family and the pattern of its model names, or with an example where there is none."""
    if not family:
        return CATALOGUE + EXAMPLE + TOGETHER
    found = [
        "[[family]]",
        f"name = {_quoted(family)}            # runs that share data and recipe and differ only in scale",
        'axis = "flop"                 # flop, params, tokens, effective_compute, or "params,tokens" for both at once',
        '# params_counts = "total"     # or "non-embedding": what the parameters count',
        '# compare_at = "step"         # rungs are compared at equal step; "any": all checkpoints make one series',
        "",
    ]
    if match:
        found += [
            "[[run]]",
            f"family = {_quoted(family)}",
            f"match = {_quoted(match)}   # {{size}} like 70m or 6.9b, {{step}}, {{run}}, {{tokens}}; * is any text",
            "# tokens_per_step = 2097152   # where names and logs do not say how many tokens were trained on",
            'flop = "6*params*tokens"',
            "",
        ]
    return CATALOGUE + "\n".join(found) + "\n" + TOGETHER


def policy_text(name: str, receivers: Sequence[str]) -> str:
    """`policy.toml`: the one of the shelf, telling further receivers where there are any."""
    text = (SHELF / f"{name}.toml").read_text("utf-8")
    told = list(dict.fromkeys((*ALWAYS, *receivers)))
    if len(told) == len(ALWAYS):
        return text
    line = f"notify = {json.dumps(told)}   # receivers of holdpoint.toml, by their names there\n"
    made, count = re.subn(r"^(version = .*\n)", lambda found: found[1] + line, text, count=1, flags=re.MULTILINE)
    if not count:
        raise SettingsError(f"policy {name!r} of the shelf has no version; name its receivers yourself: {line.strip()}")
    return made


def _quoted(text: str) -> str:
    """A text as TOML writes it, which for what people type is as JSON does."""
    return json.dumps(text, ensure_ascii=False)
