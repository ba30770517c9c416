"""`holdpoint policy adopt` and `policy history`: a change of the policy in force, and who approved of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from checkpoints_db import Store
from checkpoints_db.records import Decision, PolicyEntry
from monitor import adoption
from monitor.daemon.rules import load_rules
from monitor.faces.cli import shell
from monitor.faces.render import moment, table
from monitor.review import Desk
from policies.change import Change
from policies.loader import find
from policies.several import name_of

WORDS = {
    "first": "in force, the first",
    "tightened": "in force, it only tightens",
    "reworded": "in force, only words differ",
    "approved": "in force, approved",
    "proposed": "waits for approval",
    "withdrawn": "no longer named by the settings",
}


def adopt(
    file: Annotated[str, typer.Argument(help="The new policy: a file, or a name from the shelf.", metavar="FILE")],
    by: shell.By,
    reason: shell.Because,
    reject: Annotated[bool, typer.Option("--reject", help="Vote against: this change is stopped.")] = False,
    key: shell.Key = None,
    config: shell.Config = shell.DEFAULT,
    json: shell.Json = False,
) -> None:
    """Approve of a change that loosens the policy in force. With a quorum of the old policy FILE comes into force.

    A change that only tightens needs no approval. Evidence that was seen before stays under the old policy as well.
    Exit code 0 when the vote counts, 1 when it is refused.

    Example: holdpoint policy adopt policy.toml --by carol --reason "three false pauses in May, ticket 12"
    """
    new = find(file, Path.cwd())
    with shell.opened(config) as (settings, store):
        rules = load_rules(settings, shell.CLOCK)
        desk = Desk(store, rules.catalogue, rules.policy, shell.now(), key=shell.signing_key(key))
        vote, force = desk.adopt(new, by=by, reason=reason, reject=reject)
        came = force.policy.digest == new.digest
        waiting = None if came else adoption.change_to(store, new, force.history, shell.now())
    said = {"vote": vote.body(), "in_force": name_of(force.policy).body(), "adopted": came}
    if waiting is not None:
        said |= {"approvals": list(waiting.approvals), "needed": force.policy.release.quorum}
        said |= waiting.change._asdict()
    if json:
        shell.show(said, "", json=True)
        return
    if waiting is None:
        shell.say(f"policy {name_of(new).words} is in force; what was seen before stays under the old one as well")
        return
    shell.say(_compared(waiting.change))
    count, needed = len(waiting.approvals), force.policy.release.quorum
    have = ", ".join(waiting.approvals) or "none"
    verb = "rejected" if reject else "approved"
    after = "" if rules.policy.digest == new.digest else "; it comes into force when the settings name it"
    shell.say(
        f"{verb} by {vote.by}: {count} of {needed} approvals ({have}){after}. "
        f"{name_of(force.policy).words} stays in force until then."
    )


def history(config: shell.Config = shell.DEFAULT, json: shell.Json = False) -> None:
    """Policies in force, what changed, who approved, what waits, and where the one before decides differently.

    Example: holdpoint policy history --json
    """
    at = shell.now()
    with shell.opened(config) as (_, store):
        rows = store.policies.all()
        votes = store.actions.change_approvals()
        waits = store.policies.waiting()
        differing = _differing(store)
    entries = [row.entry for row in rows]
    if json:
        said = {
            "entries": [{"row": row.seq, **row.entry.body()} for row in rows],
            "approvals": [vote.body() for vote in votes],
            "waiting": None if waits is None else waits.entry.policy.body(),
            "shadow": [{"shadow": a.body(), "gate": b.body() if b else None} for a, b in differing],
        }
        shell.show(said, "", json=True)
        return
    listed = [
        (moment(e.at), e.policy.words, WORDS[e.event], ", ".join(e.by), _differences(e), e.reason) for e in entries
    ]
    columns = ("at", "policy", "event", "approved by", "what changes", "because")
    shell.say(table(f"Policies ({moment(at)})", columns, listed))
    told = [
        (moment(v.at), v.change, v.by, "rejects" if v.veto else "approves", v.reason, "signed" if v.key else "")
        for v in votes
    ]
    if told:
        shell.say(table("Votes on changes", ("at", "change", "by", "vote", "because", ""), told))
    shadow = [
        (moment(a.at), f"{a.family}/{a.run}", a.policy_name, a.answer, b.answer if b else "-", a.sentence)
        for a, b in differing
    ]
    columns = ("at", "run", "policy in shadow", "would say", "gate said", "because")
    if shadow:
        shell.say(table("Where the policy before decides differently", columns, shadow))


def _compared(change: Change) -> object:
    rows = [(word, line) for word, lines in change._asdict().items() for line in lines]
    return table(f"What changes ({change.name})", ("", "key"), rows)


def _differences(entry: PolicyEntry) -> str:
    marks = (("tighter", entry.tightened), ("looser", entry.loosened), ("words", entry.other))
    return "; ".join(f"{mark}: {line}" for mark, lines in marks for line in lines)


def _differing(store: Store) -> list[tuple[Decision, Decision | None]]:
    """Shadow decisions beside what the gate said then, where the answers differ."""
    found = []
    for shadow in store.judgements.shadow_decisions():
        gating = [d for d in store.judgements.decisions(shadow.family, shadow.run) if d.at <= shadow.at]
        said = gating[-1] if gating else None
        if said is None or said.answer is not shadow.answer:
            found.append((shadow, said))
    return found
