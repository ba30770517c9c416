"""The policy in force: what the settings name is not what decides until it has come into force here.

The first policy comes into force at once, and so does one that only tightens. One that loosens waits for a quorum of
the policy it would replace, which stays in force meanwhile; where it also tightens, both decide. Everything is in the
ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from checkpoints_db import Store
from checkpoints_db.errors import BadPolicy
from checkpoints_db.policy_history import PolicyRow
from checkpoints_db.records import PolicyEntry, PolicyEvent, PolicyName
from policies.adoption import adopted, approvers
from policies.change import Change, change_id, compare
from policies.loader import from_body
from policies.schema import Policy
from policies.several import InForce, asked_of, name_of

Flips = Callable[[Policy, Policy], Iterable[str]]
"""Sentences about decisions that the second policy answers less severely than the first."""


class Waiting(NamedTuple):
    """A policy that is configured and not in force."""

    policy: Policy
    change: Change
    id: str
    approvals: tuple[str, ...]
    """Names of those whose approvals count now."""


class Force(NamedTuple):
    """The policies in force so far, oldest first, the present one last; and what waits."""

    history: tuple[InForce, ...]
    since: datetime | None
    """When the present one came into force; None where that is not written down yet."""
    waiting: Waiting | None = None

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self.history[-1].policy

    @property
    def pending(self) -> PolicyName | None:
        """The name of the policy that waits."""
        return name_of(self.waiting.policy) if self.waiting else None

    @property
    def told(self) -> tuple[str, ...]:
        """Receivers of alerts: a change of policy silences nobody before it is in force."""
        waiting = self.waiting.policy.notify if self.waiting else ()
        return tuple(dict.fromkeys((*self.policy.notify, *waiting)))

    def asked(self, seen_after: int) -> tuple[Policy, ...]:
        """Who decides on evidence first noticed after ledger row `seen_after`; the policy in force is the last."""
        both = self.waiting is not None and bool(self.waiting.change.tightened)
        waiting = (self.waiting.policy,) if self.waiting is not None and both else ()
        return (*waiting, *asked_of(self.history, seen_after))

    def shadow(self, at: datetime) -> Policy | None:
        """The policy before this one, while it goes on in shadow by its own terms; None when that time is over."""
        if len(self.history) < 2 or self.since is None:
            return None
        previous = self.history[-2].policy
        return previous if at - self.since < previous.change.shadow else None

    @property
    def sentence(self) -> str:
        """What waits, for what, and how to go on; empty where nothing waits."""
        if self.waiting is None:
            return ""
        new, change = name_of(self.waiting.policy), self.waiting.change
        others = f" and {len(change.loosened) - 1} more" if len(change.loosened) > 1 else ""
        have = ", ".join(self.waiting.approvals) or "none"
        return (
            f"policy {new.words} loosens the policy in force ({change.loosened[0]}{others}) and waits for the approval "
            f"of {self.policy.release.quorum} people, so far: {have}; {name_of(self.policy).words} stays in force. See "
            "`holdpoint policy history`; approve with `holdpoint policy adopt FILE --by NAME --reason TEXT`"
        )


def force(store: Store, configured: Policy, at: datetime) -> Force:
    """Which policies decide now, given the one that the settings name; never less strict than `take_up`. Reads only.

    Raises BadPolicy where a policy that was in force no longer loads, LedgerBroken where one was touched.
    """
    rows = store.policies.in_force()
    if not rows:
        return Force((InForce(configured, 0),), None)
    history = tuple(InForce(_policy(row), row.seq) for row in rows)
    old, since = history[-1].policy, rows[-1].entry.at
    if configured.digest == old.digest:
        return Force(history, since)
    waiting = change_to(store, configured, history, at)
    if not waiting.change.loosens or _carried(store, old, waiting, at):
        return Force((*history, InForce(configured, store.ledger.head[0] + 1)), None)
    return Force(history, since, waiting)


def change_to(store: Store, new: Policy, history: tuple[InForce, ...], at: datetime) -> Waiting:
    """The change from the policy in force to another, as it was proposed or as their terms compare."""
    old, since = history[-1]
    name = change_id(old.digest, new.digest, since)
    proposed = store.policies.waiting()
    if proposed is not None and proposed.entry.change == name:
        said = proposed.entry
        change = Change(said.tightened, said.loosened, said.other)
    else:
        change = compare(old, new)
    return Waiting(new, change, name, approvers(old, new, store.actions.change_approvals(name), at))


def _carried(store: Store, old: Policy, waiting: Waiting, at: datetime) -> tuple[str, ...]:
    return adopted(old, waiting.policy, store.actions.change_approvals(waiting.id), at)


def take_up(store: Store, configured: Policy, at: datetime, flips: Flips | None = None) -> Force:
    """Bring the history of policies up to date with the settings, and say who decides. Wants a transaction around it.

    `flips` is asked about a change that by its terms only tightens: where it names a decision that would become less
    severe, the change waits for approval like any other loosening.
    """
    rows = store.policies.in_force()
    if not rows:
        _enter(store, "first", configured, at)
        return force(store, configured, at)
    history = tuple(InForce(_policy(row), row.seq) for row in rows)
    old, proposed = history[-1].policy, store.policies.waiting()
    if configured.digest == old.digest:
        if proposed is not None:
            gone = {"event": "withdrawn", "terms": {}, "at": at, "reason": "the settings no longer name it"}
            store.policies.put(proposed.entry.model_copy(update=gone), at)
        return force(store, configured, at)
    waiting = change_to(store, configured, history, at)
    known = proposed is not None and proposed.entry.change == waiting.id
    if not waiting.change.loosens and flips is not None:
        waiting = waiting._replace(change=waiting.change._replace(loosened=tuple(flips(old, configured))))
    if not waiting.change.loosens:
        _enter(store, "tightened" if waiting.change.tightened else "reworded", configured, at, old, waiting)
    elif by := _carried(store, old, waiting, at):
        _enter(store, "approved", configured, at, old, waiting, by)
    elif not known:
        _enter(store, "proposed", configured, at, old, waiting)
    return force(store, configured, at)


def _enter(
    store: Store,
    event: PolicyEvent,
    policy: Policy,
    at: datetime,
    old: Policy | None = None,
    waiting: Waiting | None = None,
    by: tuple[str, ...] = (),
) -> None:
    votes = store.actions.change_approvals(waiting.id) if waiting else []
    entry = PolicyEntry(
        event=event,
        policy=name_of(policy),
        terms=policy.body(),
        before=None if old is None else name_of(old),
        change=waiting.id if waiting else "",
        by=by,
        reason="; ".join(f"{vote.by}: {vote.reason}" for vote in votes if vote.by in by),
        tightened=waiting.change.tightened if waiting else (),
        loosened=waiting.change.loosened if waiting else (),
        other=waiting.change.other if waiting else (),
        at=at,
    )
    store.policies.put(entry, at)


@lru_cache(maxsize=256)
def _of_text(text: str) -> Policy:
    return policy_of(PolicyEntry.model_validate_json(text))


def _policy(row: PolicyRow) -> Policy:
    return _of_text(row.text)


def known(store: Store, digest: str) -> Policy | None:
    """The policy of this digest that was ever in force or proposed here, or None. Raises BadPolicy."""
    entries = [row.entry for row in store.policies.all()]
    mine = [entry for entry in entries if entry.policy.sha256 == digest and entry.terms]
    return policy_of(mine[-1]) if mine else None


def policy_of(entry: PolicyEntry) -> Policy:
    """The policy of an entry. Raises BadPolicy where this holdpoint, or what is installed, cannot load it."""
    name = f"policy {entry.policy.words} in the store"
    try:
        return from_body(entry.terms, name)
    except BadPolicy as error:
        raise BadPolicy(
            name, f"was in force and no longer loads ({error}); install what it needs, or the version that wrote it"
        ) from error
