"""Shapes of answers about people and their tokens."""

from __future__ import annotations

from pydantic import Field

from checkpoints_db.records import Record
from checkpoints_db.records.access import Account, Role, Token


class PersonListed(Account):
    """Somebody, whether they have a password, and how many tokens were ever made for them."""

    has_password: bool = Field(serialization_alias="password")
    tokens: int


class Allowed(Record):
    """Something that may be done, and by whom."""

    means: str
    roles: list[Role]


class TokenMade(Token):
    """A new token, with itself: it is shown once."""

    text: str = Field(serialization_alias="token")
