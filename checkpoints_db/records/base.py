"""What every record is: frozen, closed, finite, and known by the digest of its canonical JSON."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(body: Any) -> str:
    """One spelling of a JSON value: sorted keys, no white space, no NaN.

    >>> canonical({"b": 1.5, "a": [None, True]})
    '{"a":[null,true],"b":1.5}'
    """
    return _CANONICAL.encode(body)


def digest_of(body: Any) -> str:
    """SHA-256 of the canonical JSON of `body`, as 64 hexadecimal characters.

    >>> digest_of({"a": 1})[:12]
    '015abd7f5cc5'
    """
    return hashlib.sha256(canonical(body).encode("utf-8", "surrogatepass")).hexdigest()


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("a time needs its zone; write it as 2026-11-23T09:00:00Z")
    return at.astimezone(UTC)


Instant = Annotated[datetime, AfterValidator(_utc)]
"""A moment with its zone, kept in UTC."""


def stamp(at: datetime) -> str:
    """One spelling of a moment, which sorts as text.

    >>> stamp(datetime(2026, 11, 23, 9, tzinfo=UTC))
    '2026-11-23T09:00:00.000000+00:00'
    """
    return _utc(at).isoformat(timespec="microseconds")


class Record(BaseModel):
    """A noun of the house: immutable, without unknown fields, without NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def body(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        return self.model_dump(mode="json")

    def as_text(self) -> str:
        """The record as canonical JSON: the same record is the same text, wherever it is read from."""
        return canonical(self.body())

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of the whole record."""
        return digest_of(self.body())
