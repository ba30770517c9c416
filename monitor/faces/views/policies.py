"""Policies: what is in force since when, what waits, who voted, and the texts they were written in."""

from __future__ import annotations

from checkpoints_db import Store
from checkpoints_db.policy_history import PolicyRow
from checkpoints_db.records import ChangeApproval, PolicyEntry, PolicyText, Record
from monitor import adoption
from policies.schema import Policy


class Entry(Record):
    """One row in the history of the policy in force."""

    seq: int
    entry: PolicyEntry


class Policies(Record):
    """Everything about policies."""

    force: Policy | None
    """None while nothing was ever decided."""
    since: PolicyEntry | None
    waiting: PolicyEntry | None
    history: tuple[Entry, ...]
    """Newest first."""
    votes: tuple[ChangeApproval, ...]
    text: PolicyText | None
    """Of the policy in force; None where it was not kept."""


def policies(store: Store) -> Policies:
    """What is in force and how it came to be."""
    rows, in_force, waiting = store.policies.all(), store.policies.in_force(), store.policies.waiting()
    force = adoption.policy_of(in_force[-1].entry) if in_force else None
    return Policies(
        force=force,
        since=in_force[-1].entry if in_force else None,
        waiting=waiting.entry if waiting else None,
        history=tuple(_entry(row) for row in reversed(rows)),
        votes=tuple(store.actions.change_approvals()),
        text=store.policy_texts.of(force.digest) if force is not None else None,
    )


def _entry(row: PolicyRow) -> Entry:
    return Entry(seq=row.seq, entry=row.entry)
