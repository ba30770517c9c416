"""The approval of a change of policy: whose votes count, whether they suffice, and how one is given. Pure.

The terms are those of the policy that is to be left: its quorum, roles, owners and time limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from checkpoints_db.errors import BadAdoption
from checkpoints_db.records import ChangeApproval, digest_of
from policies.people import person
from policies.releases import names_at, suffice
from policies.schema import Policy
from policies.signed import refusal


def approvers(old: Policy, new: Policy, votes: Iterable[ChangeApproval], at: datetime) -> tuple[str, ...]:
    """Names of the different people whose approvals of this change count at this time; none after a veto.

    `votes` are those of one change. An owner of any run is left out where the old policy excludes owners, an author of
    the new policy where it excludes authors, and whoever's signature does not stand; an approval older than
    `approval_ttl` is absent.
    """
    about = [v for v in votes if (v.old, v.new) == (old.digest, new.digest) and v.at <= at]
    if any(v.veto for v in about):
        return ()
    barred = _barred(old, new)
    counting = [v for v in about if person(v.by) and person(v.by) not in barred and refusal(old, v) is None]
    return names_at(old, sorted(counting, key=lambda v: (v.at, v.id)), at)


def adopted(old: Policy, new: Policy, votes: Iterable[ChangeApproval], at: datetime) -> tuple[str, ...]:
    """Names of those who bring the change into force together; empty while they do not suffice."""
    names = approvers(old, new, votes, at)
    named = bool(new.authors) or not old.release.exclude_author
    return names if named and suffice(old, names) else ()


def approve_change(
    old: Policy, new: Policy, change: str, *, by: str, reason: str, at: datetime, veto: bool = False
) -> ChangeApproval:
    """One person's vote on the change from one policy to another. A veto may come from anybody with name and reason.

    Raises BadAdoption when the vote is nameless or reasonless, from an owner or an author, or of a policy that names no
    author where authors are excluded.
    """
    what = f"change {change} from {old.name} {old.version} to {new.name} {new.version}"
    if not person(by):
        raise BadAdoption(f"{what}: a vote needs the name of the person who gives it")
    if not reason.strip():
        raise BadAdoption(f"{what}: a vote needs a reason that a reviewer can check")
    if not veto:
        _refuse(old, new, by, what)
    body = {"change": change, "old": old.digest, "new": new.digest, "by": by.strip(), "reason": reason.strip()}
    name = digest_of({**body, "veto": veto, "at": at.isoformat()})[:12]
    return ChangeApproval.model_validate({**body, "veto": veto, "id": name, "at": at})


def _refuse(old: Policy, new: Policy, by: str, what: str) -> None:
    if old.release.exclude_author and not new.authors:
        raise BadAdoption(
            f'{what}: the new policy names no author, so nobody can tell who may not approve; add authors = ["NAME"] '
            "at its top"
        )
    if old.release.exclude_author and person(by) in {person(name) for name in new.authors}:
        raise BadAdoption(f"{what}: {by.strip()} is an author of the new policy; somebody else must approve")
    if person(by) in _barred(old, new):
        raise BadAdoption(f"{what}: {by.strip()} owns runs that the policy stops; somebody else must approve")


def _barred(old: Policy, new: Policy) -> set[str]:
    owners = {person(name) for names in old.owners.values() for name in names} if old.release.exclude_owner else set()
    authors = {person(name) for name in new.authors} if old.release.exclude_author else set()
    return owners | authors
