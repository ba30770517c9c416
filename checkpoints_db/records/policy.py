"""The policy in force: which one, since when, by whom; a change that waits, and what people said of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from checkpoints_db.records.base import Instant, Record, Signed
from checkpoints_db.records.evidence import Name


class PolicyName(Record):
    """A policy, as people name it and as machines tell it from others."""

    name: Name
    version: str
    sha256: str
    """Digest of the policy: of every key, spelled out."""

    @property
    def words(self) -> str:
        """The policy in a sentence.

        >>> PolicyName(name="default", version="2", sha256="0123456789abcdef").words
        'default 2 (0123456789ab)'
        """
        return f"{self.name} {self.version} ({self.sha256[:12]})"


PolicyEvent = Literal["first", "tightened", "reworded", "approved", "proposed", "withdrawn"]
"""How a policy came into force (the first four), that one waits for approval, or that it no longer does."""

COMES: tuple[PolicyEvent, ...] = ("first", "tightened", "reworded", "approved")
"""The events with which a policy comes into force."""


class PolicyEntry(Record):
    """One row in the history of the policy in force."""

    event: PolicyEvent
    policy: PolicyName
    terms: dict[str, Any]
    """The policy itself, every key spelled out; empty where it was withdrawn."""
    before: PolicyName | None = None
    """The policy in force before it, or while it waits."""
    change: str = ""
    """Name of the change; empty for the first policy."""
    by: tuple[str, ...] = ()
    """Those whose approvals brought it into force."""
    reason: str = ""
    tightened: tuple[str, ...] = ()
    loosened: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    at: Instant


class ChangeApproval(Signed):
    """One person's vote on a change of policy, bound to both policies and to the row with which the old one came."""

    id: Name
    change: Name
    old: str
    new: str
    by: Name
    reason: Annotated[str, Field(min_length=1)]
    at: Instant
    veto: bool = False
    """A rejection: one is enough to stop this change."""
