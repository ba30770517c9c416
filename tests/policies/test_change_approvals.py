"""Votes on a change of policy, as the store may hold them: whose count, until when, and with whose signature."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from checkpoints_db.records import ChangeApproval
from checkpoints_db.signing import SigningKey
from policies.adoption import adopted, approve_change, approvers
from policies.change import change_id
from policies.signed import sign

BREAK: dict[str, Any] = {"kind": "break", "id": "break"}
CAROL, DAN = (SigningKey.from_seed(bytes([n]) * 32) for n in (1, 2))
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def change(made: SimpleNamespace) -> SimpleNamespace:
    principals = {"carol": [CAROL.public], "dan": [DAN.public]}
    terms = {"owners": {"tiny/*": ["olga"]}, "principals": principals}
    old = made.policy(BREAK, **terms, release={"require_signed": True})
    new = made.policy({**BREAK, "level": "advisory"}, authors=["erin"], **terms)
    name = change_id(old.digest, new.digest, 1)
    votes = tuple(
        sign(approve_change(old, new, name, by=by, reason="r", at=made.T0), key)
        for by, key in (("carol", CAROL), ("dan", DAN))
    )
    return SimpleNamespace(old=old, new=new, name=name, votes=votes)


def names(change: SimpleNamespace, at: Any, *votes: ChangeApproval) -> tuple[str, ...]:
    return adopted(change.old, change.new, votes, at)


def test_two_signed_votes_carry_it(made: SimpleNamespace, change: SimpleNamespace) -> None:
    assert set(names(change, made.T0, *change.votes)) == {"carol", "dan"}
    assert names(change, made.T0, change.votes[0]) == ()
    assert names(change, made.T0 - HOUR, *change.votes) == ()
    assert names(change, made.T0 + 72 * HOUR - HOUR, *change.votes)
    assert names(change, made.T0 + 72 * HOUR, *change.votes) == ()


@pytest.mark.parametrize(
    "touched",
    [
        {"key": "", "signature": ""},
        {"signature": "0" * 128},
        {"key": CAROL.id},
        {"by": "carol"},
        {"by": "olga"},
        {"by": "erin"},
        {"old": "0" * 64},
        {"new": "0" * 64},
        {"change": "another"},
        {"reason": "another"},
    ],
)
def test_a_vote_that_was_touched_does_not_count(
    made: SimpleNamespace, change: SimpleNamespace, touched: dict[str, Any]
) -> None:
    forged = change.votes[1].model_copy(update=touched)
    assert approvers(change.old, change.new, (change.votes[0], forged), made.T0) == ("carol",)


def test_a_veto_stops_it_and_needs_no_key(made: SimpleNamespace, change: SimpleNamespace) -> None:
    veto = approve_change(change.old, change.new, change.name, by="fay", reason="no", at=made.T0 + HOUR, veto=True)
    assert names(change, made.T0, *change.votes, veto)
    assert names(change, made.T0 + HOUR, *change.votes, veto) == ()


def test_without_authors_nobody_carries_it(made: SimpleNamespace, change: SimpleNamespace) -> None:
    nameless = made.policy({**BREAK, "level": "advisory"}, principals=change.new.principals)
    votes = tuple(
        sign(v.model_copy(update={"new": nameless.digest}), key)
        for v, key in zip(change.votes, (CAROL, DAN), strict=True)
    )
    assert approvers(change.old, nameless, votes, made.T0)
    assert adopted(change.old, nameless, votes, made.T0) == ()


@pytest.mark.parametrize("by", ["dan", "Dan", "erin", "olga", " "])
def test_authors_owners_and_the_nameless_do_not_count_in_a_store(made: SimpleNamespace, by: str) -> None:
    old = made.policy(BREAK, owners={"tiny/*": ["olga"]})
    new = made.policy({**BREAK, "level": "advisory"}, authors=["dan", "erin"])
    name = change_id(old.digest, new.digest, 1)
    vote = approve_change(old, new, name, by="carol", reason="r", at=made.T0)
    forged = vote.model_copy(update={"id": "x", "by": by})
    assert approvers(old, new, (vote, forged), made.T0) == ("carol",)
