"""`holdpoint tidy`: what the settings want forgotten, and the file of the store made smaller."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from checkpoints_db import flag
from checkpoints_db.errors import LeadershipLost
from monitor import retention
from monitor.daemon.rules import load_rules
from monitor.faces.cli import shell
from monitor.faces.render import table


def tidy(
    dry: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be forgotten, and why the rest stays.")
    ] = False,
    rewrite: Annotated[
        bool, typer.Option("--rewrite", help="Write the whole file anew, without free pages; with the daemon stopped.")
    ] = False,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Forget the questions of old logs (`retention.items`), cut the write-ahead log, give free pages back to the disk.

    The daemon does so every `retention.tidy`. Results, judgements and the ledger stay, and no gate answers otherwise.

    Exit code 1 where the store cannot be written, or, with --rewrite, where a daemon leads or the disk has no room.

    Example: holdpoint tidy --dry-run
    """
    with shell.opened(config) as (settings, store):
        age, at, rules = settings.retention.items, shell.now(), load_rules(settings, shell.CLOCK)
        leader = store.leader()
        if rewrite and not dry and leader is not None and leader[1] > at:
            raise LeadershipLost(leader[0])
        before, looked_at = store.path.stat().st_size, partial(shell.each, "families")
        found: list[retention.Forgetting] = []
        if age is not None and dry:
            families = list(dict.fromkeys(family for family, _ in store.evidence.runs()))
            each = (
                retention.forgettable(store, rules.catalogue, rules.policy, family, age, at)
                for family in looked_at(families)
            )
            found = [one for one in each if one.names or one.kept]
        elif age is not None:
            found = retention.forget(store, rules.catalogue, rules.policy, age, at, looked_at)
        if not dry:
            store.tidy()
        if rewrite and not dry:
            flag.must_have_room(store.path, before)
            store.rewrite()
        free, after = store.free(), store.path.stat().st_size
    value = {"families": [one.body() for one in found], "dry": dry, "bytes": after, "was": before, "free": free}
    rows = [
        (one.family, "forgotten", len(one.names), f"{one.size:,}", "old, and nothing rests on them") for one in found
    ]
    rows += [(one.family, "kept", count, "–", why) for one in found for why, count in one.kept.items()]
    columns = ("family", "questions of logs", "logs", "bytes", "why")
    if json or rows:
        title = "What would be forgotten" if dry else "Forgotten"
        shell.show(value, table(title, columns, rows, right=columns[2:4]), json=json)
    if not json:
        logs = sum(len(one.names) for one in found)
        why = "" if age is not None else " (retention.items is not set)"
        shell.say(f"{logs} logs{why}; the file has {after:,} bytes (it had {before:,}), {free:,} of them free")
