"""A lease: a signed GO, bounded by time, training FLOP and step; its renewal is the dead-man switch."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from checkpoints_db.records.base import Instant, Record, canonical
from checkpoints_db.records.evidence import Name
from checkpoints_db.records.finding import Answer

PauseMode = Literal["gate_next", "checkpoint_and_hold", "checkpoint_and_exit"]
"""How a run pauses, mildest first."""
PURPOSE = "lease"
"""What its signature is for."""


class Lease(Record):
    """What is signed. `monitor/adapters/document.py` is what reads it in a training job."""

    version: Literal[1] = 1
    family: Name
    run: Name
    gate: Name
    """`family/run`."""
    seq: Annotated[int, Field(ge=1)]
    """Grows with every lease of the gate; a job that saw a larger one refuses it."""
    not_before: Instant
    expires_at: Instant
    max_flop: Annotated[float, Field(ge=0)]
    """Training FLOP of the run in all, at which it ends."""
    max_step: Annotated[int, Field(ge=0)] | None = None
    """The step at which it ends, where steps of the run are known."""
    answer: Answer
    """What the gate said: GO or WARN; HOLD or PAUSE only where the lease is taken back, or glass was broken."""
    decision: str
    """Digest of the decision it rests on."""
    policy_sha256: str
    forecast_ids: tuple[str, ...] = ()
    """Digests of the sealed forecasts that its verdicts were made with."""
    evidence_root: str
    pause_mode: PauseMode
    revoked: bool = False
    """Whether this one takes back those before it and allows nothing."""
    break_glass: str = ""
    """Id of the break-glass that lets the run go on; empty for a lease that rules or a release allow."""
    key_id: str

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.expires_at < self.not_before:
            raise ValueError("a lease ends after it begins")
        stopped = self.answer in (Answer.HOLD, Answer.PAUSE)
        if stopped and not (self.revoked or self.break_glass):
            raise ValueError(f"a gate that says {self.answer} gives no lease")
        return self


class SignedLease(Record):
    """A lease with the signature of its issuer."""

    lease: Lease
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]

    @property
    def text(self) -> str:
        """The document as it is written down: one line of canonical JSON."""
        return canonical(self.body()) + "\n"
