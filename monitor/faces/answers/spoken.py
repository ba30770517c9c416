"""Shapes of answers about gates, alerts, policies and what people state, where an answer is more than one record."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from checkpoints_db.actions import AlertEvent
from checkpoints_db.leases import Revocation
from checkpoints_db.outbox import Attempt, Owed
from checkpoints_db.records import (
    Alert,
    Approval,
    Assessment,
    Attestation,
    BreakGlass,
    Decision,
    GateState,
    GlassReview,
    Record,
    SignedLease,
    StageEntry,
    Waiver,
)
from checkpoints_db.records.policy import ChangeApproval, PolicyEntry, PolicyName
from monitor.alert_history import Happened
from monitor.rehearsal.stage import Outcome


class Asked(GateState):
    """What `gate ask` answers: the state of the gate, and the exit code that goes with it."""

    code: int = Field(serialization_alias="exit_code")


class Vote(Approval):
    """A vote, and whether it counts for what the gate rests on now."""

    counts: bool
    why_not: str


class Waived(Record):
    """Waivers of a run."""

    live: int
    ever: int
    renewals: int


class GateStatus(Record):
    """All about one gate."""

    state: GateState
    decision: Decision
    votes: list[Vote]
    waivers: Waived


class Broken(Record):
    """Break-glass, and what the gate says then."""

    break_glass: BreakGlass
    decision: Decision


class Reviewed(Record):
    """The review of a break-glass, and what the gate says then."""

    review: GlassReview
    decision: Decision


class WaiverAdded(Record):
    """A waiver, and what the gate says then."""

    waiver: Waiver
    decision: Decision


class AlertPage(Record):
    """One page of alerts; `next` goes to `--after`, and is empty on the last page."""

    alerts: list[Alert]
    total: int
    next: str


class AlertStory(Record):
    """One alert with its events, and everything that happened to it."""

    alert: Alert
    history: list[AlertEvent]
    happened: list[Happened]


class AlertTurned(Alert):
    """An alert that a person put into another state; `gate` says that the gate did not move."""

    gate: str


class Told(Record):
    """Who would be told by one route."""

    receivers: list[str]
    at: str
    when: str
    route: str
    key: str
    line: str
    why: str
    group_by: list[str]
    then: str
    escalate_to: list[str]


class Routed(Record):
    """Who would be told of an alert, and what holds it back."""

    alert: Alert
    at: str
    told: list[Told]
    held_back: str


class Message(Owed):
    """A message of the outbox; `state` is as of the moment that is given."""

    now: str = Field(serialization_alias="state")
    as_of: str


class MessageStory(Message):
    """A message with every attempt to deliver it."""

    deliveries: list[Attempt]


class AssessmentListed(Assessment):
    """An assessment, and whether it counts no longer."""

    withdrawn: bool


class AttestationListed(Attestation):
    """An attestation, and whether it counts no longer."""

    withdrawn: bool


class StageListed(StageEntry):
    """A stage that a run entered, and whether that counts no longer."""

    withdrawn: bool


class RunListed(Record):
    """A run, the stage it is in, and every stage somebody said it entered."""

    family: str
    run: str
    stage: str
    entries: list[StageListed]


class Leases(Record):
    """Leases, and what was taken back."""

    leases: list[SignedLease]
    revocations: list[Revocation]


class LeaseVerified(Record):
    """Whether a lease holds; `lease` is what was signed, and null where it cannot be read."""

    valid: bool
    reason: str
    sentence: str
    lease: dict[str, Any] | None


class Remark(Record):
    """What looks like a slip in a policy, and where."""

    file: str
    line: int | None
    what: str


class PolicyChecked(Record):
    """A policy that is sound, its files, and what looks like a slip; `policy` are its terms."""

    name: str
    version: str
    sha256: str = Field(serialization_alias="digest")
    files: list[str]
    warnings: list[Remark]
    policy: dict[str, Any]


class PolicyTested(Record):
    """What the tests of a policy came to."""

    name: str
    sha256: str = Field(serialization_alias="digest")
    passed: bool
    tests: list[Outcome]


class Adopted(Record):
    """A vote on a change of policy; the last five keys are there only while the change waits."""

    vote: ChangeApproval
    in_force: PolicyName
    adopted: bool


class AdoptionWaiting(Adopted):
    """A vote on a change of policy that waits for more of them."""

    approvals: list[str]
    needed: int
    tightened: list[str]
    loosened: list[str]
    other: list[str]


class PolicyRow(PolicyEntry):
    """An event of a policy, with its row of the ledger."""

    row: int


class Shadowed(Record):
    """A decision of a policy that is no longer in force, beside what the gate says."""

    shadow: Decision
    gate: Decision | None


class PolicyHistory(Record):
    """Policies in force, votes on changes, what waits, and where the one before decides differently."""

    entries: list[PolicyRow]
    approvals: list[ChangeApproval]
    waiting: PolicyName | None
    shadow: list[Shadowed]
