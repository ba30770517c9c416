"""Signed votes: forged, replayed, with a wrong key, expired or unsigned, each is refused with its reason."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoints_db.errors import BadPolicy
from checkpoints_db.records import Answer, Approval
from checkpoints_db.signing import SigningKey
from policies import approve, decide
from policies.releases import why_not
from policies.signed import Refusal, refusal, sign

BREAK: dict[str, Any] = {"kind": "break", "id": "break"}
CAROL, DAN, MALLORY = (SigningKey.from_seed(bytes([n]) * 32) for n in (1, 2, 3))
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def paused(made: SimpleNamespace) -> SimpleNamespace:
    """A paused run under a policy that asks for signatures, and one signed approval."""
    principals = {"Carol": [CAROL.public], "dan": [DAN.public]}
    policy = made.policy(BREAK, principals=principals, release={"require_signed": True})
    case = made.case((made.verdict(outcome="above"),))
    decision = decide(policy, case, (), (), made.T0)
    unsigned = approve(policy, decision, by="carol", reason="assessed", at=made.T0)
    return SimpleNamespace(policy=policy, case=case, decision=decision, unsigned=unsigned, vote=sign(unsigned, CAROL))


def test_signed_votes_of_two_people_release(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    other = sign(approve(paused.policy, paused.decision, by="dan", reason="too", at=made.T0), DAN)
    after = decide(paused.policy, paused.case, (), (paused.vote, other), made.T0)
    assert (after.answer, set(after.approvals)) == (Answer.GO, {"carol", "dan"})
    unsigned = other.model_copy(update={"key": "", "signature": ""})
    assert decide(paused.policy, paused.case, (), (paused.vote, unsigned), made.T0).answer is Answer.PAUSE


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, None),
        ({"key": "", "signature": ""}, Refusal.unsigned),
        ({"signature": ""}, Refusal.forged),
        ({"key": ""}, Refusal.wrong_key),
        ({"key": MALLORY.id}, Refusal.wrong_key),
        ({"key": DAN.id}, Refusal.wrong_key),
        ({"by": "dan"}, Refusal.wrong_key),
        ({"by": "mallory"}, Refusal.unknown_principal),
        ({"reason": "whatever"}, Refusal.forged),
        ({"evidence": "0" * 64}, Refusal.forged),
        ({"policy": "0" * 64}, Refusal.forged),
        ({"run": "m5"}, Refusal.forged),
        ({"max_flop": 1e30}, Refusal.forged),
        ({"veto": True}, Refusal.forged),
        ({"signature": "0" * 128}, Refusal.forged),
    ],
)
def test_a_vote_that_was_touched_does_not_count(
    paused: SimpleNamespace, change: dict[str, Any], why: Refusal | None
) -> None:
    assert refusal(paused.policy, paused.vote.model_copy(update=change)) == why


def test_the_moment_is_signed_too(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    later = paused.vote.model_copy(update={"at": made.T0 + 72 * HOUR})
    assert refusal(paused.policy, later) is Refusal.forged


def test_a_key_signs_for_its_holder_only(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    for by, key, why in (
        ("carol", MALLORY, Refusal.wrong_key),
        ("carol", DAN, Refusal.wrong_key),
        (" CAROL", CAROL, None),
        ("mallory", MALLORY, Refusal.unknown_principal),
    ):
        vote = sign(approve(paused.policy, paused.decision, by=by, reason="r", at=made.T0), key)
        assert refusal(paused.policy, vote) == why


def test_a_bad_signature_never_counts_even_where_none_is_asked_for(
    made: SimpleNamespace, paused: SimpleNamespace
) -> None:
    lax = made.policy(BREAK, principals={"carol": [CAROL.public]})
    decision = decide(lax, paused.case, (), (), made.T0)
    vote = approve(lax, decision, by="carol", reason="r", at=made.T0)
    assert refusal(lax, vote) is None
    assert refusal(lax, sign(vote, CAROL)) is None
    assert refusal(lax, sign(vote, MALLORY)) is Refusal.wrong_key


def test_every_reason_has_its_words(made: SimpleNamespace, paused: SimpleNamespace) -> None:
    policy, decision, at = paused.policy, paused.decision, made.T0
    more = made.case((*paused.case.verdicts, made.verdict("b")))
    replayed = decide(policy, more, (), (), at)
    other = made.policy(BREAK, version="2")
    cases = [
        (why_not(policy, decision, paused.vote, at), ""),
        (why_not(policy, decision, paused.unsigned, at), "not signed"),
        (why_not(policy, replayed, paused.vote, at), "other evidence"),
        (why_not(other, decision, paused.vote, at), "another policy"),
        (why_not(policy, decision, paused.vote, at + 71 * HOUR), ""),
        (why_not(policy, decision, paused.vote, at + 72 * HOUR), "expired"),
        (why_not(policy, decision, paused.vote, at - HOUR), "future"),
        (why_not(policy, decision.model_copy(update={"run": "m5"}), paused.vote, at), "another run"),
    ]
    assert all(bool(said) == bool(word) and word in said for said, word in cases), cases


def test_owners_are_named(made: SimpleNamespace) -> None:
    policy = made.policy(BREAK, owners={"tiny/*": ["olga"]}, authors=["erin"])
    decision = decide(policy, made.case((made.verdict(outcome="above"),)), (), (), made.T0)
    vote = approve(policy, decision, by="carol", reason="r", at=made.T0)
    for name, word in (("olga", "owns"), ("Erin", "author"), ("carol", "")):
        assert word in why_not(policy, decision, vote.model_copy(update={"by": name}), made.T0)


@pytest.mark.parametrize(
    ("principals", "message"),
    [
        ({"carol": ["ed25519:00"]}, "no public key"),
        ({"carol": [CAROL.public], "dan": [CAROL.public]}, "a key is one person's"),
    ],
)
def test_keys_that_are_refused(made: SimpleNamespace, principals: dict[str, Any], message: str) -> None:
    with pytest.raises(BadPolicy, match=message):
        made.policy(BREAK, principals=principals)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_no_mutation_of_a_signed_vote_is_accepted(paused: SimpleNamespace, data: st.DataObject) -> None:
    body = paused.vote.body()
    name = data.draw(st.sampled_from([n for n, v in body.items() if isinstance(v, str) and v and n != "id"]))
    text = body[name]
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from("0123456789abcdefXYZ "))
    mutant = text[:place] + letter + text[place + 1 :]
    try:
        vote = Approval.model_validate({**body, name: mutant})
    except ValueError:
        return
    if vote != paused.vote:
        assert refusal(paused.policy, vote) is not None
