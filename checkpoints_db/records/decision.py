"""What a policy decides on a case, what people may do about it, and what a gate then answers."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from checkpoints_db.records.base import Instant, Record, Signed
from checkpoints_db.records.budget import Budget
from checkpoints_db.records.evidence import Name
from checkpoints_db.records.finding import Answer, Finding, Reason
from checkpoints_db.records.policy import PolicyName


class Waiver(Record):
    """A named person lets one named rule pass, for one run and subject, up to one magnitude, until it expires."""

    id: Name
    rule: Name
    family: Name
    run: Name
    subject: str = ""
    up_to: Annotated[float, Field(ge=0)]
    """Magnitude of the finding that was seen; a larger one voids the waiver."""
    answer: Answer
    """Answer of the finding that was seen; a worse one voids the waiver."""
    saw: Reason | None = None
    """Reason of the finding that was seen; one of another reason is another finding. None in hand-made records: any."""
    by: Name
    reason: Annotated[str, Field(min_length=1)]
    at: Instant
    expires: Instant
    policy: str
    """Digest of the policy it was granted under."""


class Approval(Signed):
    """One person's vote to reopen a gate, bound to the evidence and the policy they saw."""

    id: Name
    family: Name
    run: Name
    by: Name
    reason: Annotated[str, Field(min_length=1)]
    at: Instant
    evidence: str
    policy: str
    veto: bool = False
    """A rejection: one is enough to keep the gate closed for this evidence."""
    max_flop: Annotated[float, Field(gt=0)] | None = None
    """Training compute up to which the release is meant to go; None for as far as the evidence does."""


class Decision(Record):
    """The worst finding of a policy on a case."""

    family: Name
    run: Name
    answer: Answer
    reason: Reason
    sentence: str
    """The finding that decided, in words."""
    findings: tuple[Finding, ...]
    """Every finding that is not a plain pass, worst first; waived and released ones stay visible."""
    passed: int
    """Number of tests that passed."""
    budget: Budget | None = None
    """What the size of the suite costs in false alarms; None where no policy was asked."""
    waived: int = 0
    approvals: tuple[str, ...] = ()
    """Names of those whose valid approvals count for this evidence and policy."""
    needed: int = 0
    """Approvals a release needs; 0 where nothing is to be released."""
    released: bool = False
    break_glass: str = ""
    """Id of the break-glass that lets the run go on; empty where none does."""
    until: Instant | None = None
    """When that ends."""
    max_flop: float | None = None
    """Training compute up to which a release or a break-glass goes; None where it is not bounded."""
    policy: str
    """Digest of the policy whose answer decided."""
    policy_name: str
    asked: tuple[PolicyName, ...] = ()
    """The policies that were asked, where there were several; the worst answer won."""
    pending: PolicyName | None = None
    """A policy that is configured and not in force: its change waits for approval."""
    evidence: str
    at: Instant
    judgement_version: int


class GateState(Record):
    """What the gate of one run says now."""

    family: Name
    run: Name
    answer: Answer
    reason: Reason
    sentence: str
    decision: str
    """Digest of the decision it rests on; empty where there is none."""
    evidence: str = ""
    policy: str = ""
    break_glass: str = ""
    """Id of the break-glass that lets the run go on; empty where none does."""
    until: Instant | None = None
    """When that ends."""
    max_flop: float | None = None
    """Training compute up to which a release or a break-glass goes; None where it is not bounded."""
    at: Instant

    @property
    def exit_code(self) -> int:
        """0 GO (and WARN), 10 HOLD, 20 PAUSE."""
        return {Answer.GO: 0, Answer.WARN: 0, Answer.HOLD: 10, Answer.PAUSE: 20}[self.answer]
