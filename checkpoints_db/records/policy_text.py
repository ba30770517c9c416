"""A policy as it was written: the files, so that a decision can be explained after they have changed."""

from __future__ import annotations

from typing import Any

from checkpoints_db.records.base import Record
from checkpoints_db.records.evidence import Name


class PolicySource(Record):
    """One file of a policy."""

    path: str
    """As the settings and the includes named it."""
    text: str


class PolicyText(Record):
    """The files of a policy, the one that the settings name first, and what they say together."""

    policy: str
    """Digest of the policy."""
    name: Name
    version: str
    terms: dict[str, Any]
    """The policy itself, every key spelled out."""
    files: tuple[PolicySource, ...]
