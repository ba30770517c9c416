"""Which votes count: whose key signed them, and over what; every refusal has its name. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from checkpoints_db.records import Approval, BreakGlass, ChangeApproval, GlassReview, Signed
from checkpoints_db.signing import SigningKey, key_id, verified
from policies.people import person
from policies.schema import Policy

PURPOSE: dict[type[Signed], str] = {
    Approval: "approval",
    ChangeApproval: "policy change",
    BreakGlass: "break-glass",
    GlassReview: "break-glass review",
}
"""A signature given for one of these is none for another."""


class Refusal(StrEnum):
    """Why the signature of a vote does not stand."""

    unsigned = "it is not signed, and the policy asks for signatures"
    unknown_principal = "the policy names no key of this person"
    wrong_key = "it was signed with a key that is not one of this person's"
    forged = "its signature is not of what it says"


def refusal(policy: Policy, vote: Signed) -> Refusal | None:
    """Why the signature of a vote does not stand under this policy; None where it does, or none is asked for.

    A vote that claims a signature must have a good one, whether or not the policy asks for it.
    """
    if not vote.key and not vote.signature:
        return Refusal.unsigned if policy.release.require_signed else None
    by = person(str(getattr(vote, "by", "")))
    keys = [key for name, many in policy.principals.items() if person(name) == by for key in many]
    if not keys:
        return Refusal.unknown_principal
    mine = next((key for key in keys if key_id(key) == vote.key), None)
    if mine is None:
        return Refusal.wrong_key
    good = verified(mine, purpose_of(vote), vote.signed_body(), vote.signature)
    return None if good else Refusal.forged


def purpose_of(vote: Signed) -> str:
    """What a vote of this kind is signed for."""
    return next(purpose for kind, purpose in PURPOSE.items() if isinstance(vote, kind))


V = TypeVar("V", Approval, ChangeApproval, BreakGlass, GlassReview)


def sign(vote: V, key: SigningKey) -> V:
    """The vote, signed: over everything it says, the moment and the name of the key included."""
    named = vote.model_copy(update={"key": key.id})
    return named.model_copy(update={"signature": key.sign(purpose_of(named), named.signed_body())})
