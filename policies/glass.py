"""Break-glass: one person lets a run that soft rules stopped go on, for a short time, loudly; another reviews it.

It reaches what a quorum could release and nothing else: no hard rule, no error of ours, nothing that was not there when
it was done. While it lasts those findings warn. When it has ended the gate holds until somebody else files a review.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from checkpoints_db.errors import BadRelease
from checkpoints_db.records import BreakGlass, Decision, GlassReview, digest_of
from checkpoints_db.records.duration import spell_duration
from policies.people import person
from policies.releases import refuse_unreachable
from policies.schema import Policy
from policies.signed import refusal


def live(policy: Policy, glass: BreakGlass | None, evidence: str, at: datetime) -> bool:
    """Whether a break-glass counts at this time under this policy and for this evidence; an expired one is absent."""
    if glass is None or not policy.break_glass.allowed or refusal(policy, glass) is not None:
        return False
    in_time = glass.at <= at < glass.expires and glass.expires - glass.at <= policy.break_glass.max
    return in_time and glass.evidence.get(policy.digest) == evidence


class BreakTerms(NamedTuple):
    """What somebody asks for who breaks the glass."""

    by: str
    reason: str
    at: datetime
    until: datetime
    max_flop: float
    """How far the run may go meanwhile, in FLOP."""
    most: float | None
    """How far the policy lets it, where the FLOP of the checkpoint are known."""
    unreviewed: BreakGlass | None
    """An earlier one that waits for its review."""


def break_glass(policy: Policy, decision: Decision, evidence: Mapping[str, str], asked: BreakTerms) -> BreakGlass:
    """A break-glass over the `decision` of a policy. `evidence` maps the policies that decided to what they rested on.

    Raises BadRelease when it is nameless or reasonless, too long or too far, over something it does not reach, while an
    earlier one waits for its review, or where the policy does not allow it.
    """
    what, terms = f"gate of {decision.family}/{decision.run}", policy.break_glass
    by, reason, at, until, max_flop, most, unreviewed = asked
    if not terms.allowed:
        raise BadRelease(f"{what}: policy {policy.name!r} allows no break-glass; a quorum can release it")
    if not person(by) or not reason.strip():
        raise BadRelease(f"{what}: a break-glass needs the name of the person and a reason that a reviewer can check")
    if unreviewed is not None:
        raise BadRelease(
            f"{what}: the break-glass of {unreviewed.by} at {unreviewed.at:%Y-%m-%d %H:%M} UTC was not reviewed; "
            "somebody else files that first, with `holdpoint gate review`"
        )
    if not at < until <= at + terms.max:
        raise BadRelease(f"{what}: a break-glass lasts at most {spell_duration(terms.max)} under this policy")
    if most is not None and max_flop > most:
        raise BadRelease(f"{what}: {max_flop:.4g} FLOP are further than the {most:.4g} that this policy allows")
    refuse_unreachable(decision, what)
    body: dict[str, Any] = {"family": decision.family, "run": decision.run, "by": by.strip(), "reason": reason.strip()}
    body |= {"max_flop": max_flop, "evidence": dict(evidence)}
    name = digest_of({**body, "at": at.isoformat(), "expires": until.isoformat()})[:12]
    return BreakGlass.model_validate({**body, "id": name, "at": at, "expires": until})


def review(glass: BreakGlass | None, what: str, *, by: str, reason: str, at: datetime) -> GlassReview:
    """Another person's review of a break-glass; it ends it. Raises BadRelease without one, or by the same."""
    if glass is None:
        raise BadRelease(f"{what}: no break-glass waits for a review")
    if not person(by) or not reason.strip():
        raise BadRelease(f"{what}: a review needs the name of the reviewer and what was found")
    if person(by) == person(glass.by):
        raise BadRelease(f"{what}: {glass.by} broke the glass; somebody else must review it")
    body = {"glass": glass.id, "family": glass.family, "run": glass.run, "by": by.strip(), "reason": reason.strip()}
    return GlassReview.model_validate({**body, "id": digest_of({**body, "at": at.isoformat()})[:12], "at": at})
