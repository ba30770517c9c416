"""Leases made on paper, and clocks that can be set, for what a training job does with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from checkpoints_db.records import Lease, SignedLease
from checkpoints_db.records.lease import PURPOSE
from checkpoints_db.signing import SigningKey
from monitor.adapters import LeaseGuard

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
KEY = SigningKey.from_seed(bytes(range(32)))
OTHER = SigningKey.from_seed(bytes(range(1, 33)))
RUN = "lab/7b"


class Hands:
    """A clock on the wall that can be set, and one that cannot."""

    def __init__(self, at: datetime = START) -> None:
        self.at, self.ticks = at, 1000.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.ticks

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.ticks += seconds

    def set(self, **by: float) -> None:
        """Somebody moves the hands on the wall."""
        self.at += timedelta(**by)


def lease(seq: int = 1, **more: Any) -> Lease:
    """A lease of a day from START, up to 1e24 FLOP."""
    body = {
        "family": "lab",
        "run": "7b",
        "gate": RUN,
        "seq": seq,
        "not_before": START,
        "expires_at": START + timedelta(hours=24),
        "max_flop": 1e24,
        "answer": "GO",
        "decision": "d" * 64,
        "policy_sha256": "p" * 64,
        "forecast_ids": ("f" * 64,),
        "evidence_root": "e" * 64,
        "pause_mode": "checkpoint_and_exit",
        "key_id": KEY.id,
    }
    return Lease.model_validate({**body, **more})


def signed(one: Lease, key: SigningKey = KEY) -> str:
    """The document of a lease, signed by `key` whatever key it names."""
    return SignedLease(lease=one, signature=key.sign(PURPOSE, one.body())).text


def revocation(seq: int, at: datetime = START, **more: Any) -> Lease:
    """What takes back the leases before it."""
    ended = {"not_before": at, "expires_at": at, "max_flop": 0.0, "max_step": 0, "revoked": True, "answer": "PAUSE"}
    return lease(seq, **{**ended, **more})


class Job:
    """A training job with a lease file."""

    def __init__(self, root: Path, hands: Hands | None = None) -> None:
        self.root, self.hands = root, hands or Hands()
        self.file, self.memory = root / "lease.json", root / "memory.json"

    def write(self, text: str | bytes) -> None:
        self.file.write_bytes(text if isinstance(text, bytes) else text.encode())

    def guard(self, **more: Any) -> LeaseGuard:
        """A guard as a process that begins makes it."""
        given = {"keys": [KEY.public], "run": RUN, "memory": self.memory, "clock": self.hands}
        return LeaseGuard(more.pop("source", self.file), **{**given, **more})
