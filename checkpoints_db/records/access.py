"""Who may come in: people, their roles, and tokens and sessions they come by. No record holds a hash or a secret."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from checkpoints_db.records.base import Instant, Record

PersonName = Annotated[str, Field(pattern=r"^[^\W_][\w.@+' -]{0,79}$")]
"""A name or an address of mail: no control character, no colon, nothing that ends a header."""


class Role(StrEnum):
    """What somebody is here; `monitor/roles.py` says what each role may do."""

    viewer = "viewer"
    reviewer = "reviewer"
    safety = "safety"
    approver = "approver"
    run_owner = "run_owner"
    auditor = "auditor"
    admin = "admin"


class Account(Record):
    """One person as the house knows them."""

    id: str
    """The one spelling under which the name is counted."""
    name: PersonName
    roles: tuple[Role, ...]
    active: bool = True
    at: Instant
    """When it was last changed."""


AccountEvent = Literal["made", "roles", "password", "disabled", "enabled"]


class Token(Record):
    """A token of a person, without itself: what whoever shows it may do, and until when."""

    id: str
    person: str
    """Id of its account; when that is disabled, so is this."""
    label: Annotated[str, Field(max_length=80)] = ""
    roles: tuple[Role, ...] = ()
    """Of its person's roles, those that it carries."""
    actions: tuple[str, ...] = ()
    """Or, narrower, these actions and no other."""
    at: Instant
    expires: Instant
    revoked: bool = False


class Session(Record):
    """One time that somebody came in by a browser."""

    id: str
    """Digest of what the cookie holds."""
    person: str
    came: Literal["password", "oidc"]
    at: Instant
    seen_at: Instant
    ends_at: Instant
    """When it ends, however busy it is."""
