"""Gates and leases: what each run may do, why, and who has said what about it."""

from __future__ import annotations

from datetime import datetime

from checkpoints_db import Store
from checkpoints_db.records import (
    Alert,
    Approval,
    Assessment,
    BreakGlass,
    Decision,
    GateState,
    Latch,
    Record,
    SignedLease,
    StageEntry,
    Waiver,
)
from monitor import adoption
from policies.releases import why_not
from policies.schema import Policy

DECISIONS = 20
"""Past decisions that are listed."""


class GateRow(Record):
    """One gate in short."""

    gate: GateState
    lease: SignedLease | None


class Vote(Record):
    """One vote, and why it does not count for what the gate rests on now; empty where it does."""

    vote: Approval
    why_not: str


class RunPage(Record):
    """One run: its gate and everything behind it."""

    family: str
    run: str
    gate: GateState | None
    latch: Latch | None
    decision: Decision | None
    signed: bool
    """Whether votes have to be signed, which no page can do."""
    votes: tuple[Vote, ...]
    waivers: tuple[Waiver, ...]
    glass: BreakGlass | None
    leases: tuple[SignedLease, ...]
    """Newest first."""
    alerts: tuple[Alert, ...]
    decisions: tuple[Decision, ...]
    """Newest first."""
    assessments: tuple[Assessment, ...]
    stages: tuple[StageEntry, ...]


def gates(store: Store) -> tuple[GateRow, ...]:
    """Every gate, worst first."""
    found = sorted(store.actions.gates(), key=lambda g: (-g.answer.rank, g.family, g.run))
    return tuple(GateRow(gate=g, lease=store.leases.newest(g.family, g.run)) for g in found)


def run_page(store: Store, family: str, run: str, at: datetime) -> RunPage | None:
    """One run; None where no result of it is there."""
    if store.evidence.first_seen(family, run) is None:
        return None
    state = store.actions.gate(family, run)
    decision = store.judgements.decision(state.decision) if state is not None else None
    policy = None if decision is None else adoption.known(store, decision.policy)
    past = [m for m in store.judgements.moments(family) if m.run == run][-DECISIONS:]
    return RunPage(
        family=family,
        run=run,
        gate=state,
        latch=store.actions.latch(family, run),
        decision=decision,
        signed=policy is not None and policy.release.require_signed,
        votes=tuple(_votes(policy, store, decision, at)) if decision is not None else (),
        waivers=tuple(store.actions.waivers(family, run)),
        glass=store.actions.open_glass(family, run),
        leases=tuple(reversed(store.leases.all(family, run))),
        alerts=tuple(store.actions.alerts(family, run)),
        decisions=tuple(store.judgements.decision_at(m.seq) for m in reversed(past)),
        assessments=tuple(store.actions.assessments(family, run)),
        stages=tuple(store.actions.stages(family, run)),
    )


def _votes(policy: Policy | None, store: Store, decision: Decision, at: datetime) -> list[Vote]:
    votes = store.actions.approvals(decision.family, decision.run)
    unknown = "its policy is not known here"
    return [Vote(vote=v, why_not=unknown if policy is None else why_not(policy, decision, v, at)) for v in votes]
