"""Which policies rule on a run, and what is remembered of them: shadow decisions, and what a reader must know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from checkpoints_db import Store
from checkpoints_db.records import Case, Decision
from monitor.adoption import Force
from monitor.looks import furthest
from policies.schema import Policy
from policies.several import Ruling, decide_all, softened


class Look(Protocol):
    """Makes the case of a run as the terms of a policy judge it: `cases.case_of` over one store."""

    def __call__(self, policy: Policy, family: str, run: str, checkpoint: str | None = None) -> Case:
        """The case of the newest checkpoint of the run, or of the one named."""


def with_latch(ruled: Sequence[Ruling]) -> list[Ruling]:
    """The rulings, the latch of their run as hard as the policies that are asked still have it."""
    latch = softened(ruled[0].case.latch, [one.policy for one in ruled])
    return [
        one if one.case.latch == latch else one._replace(case=one.case.model_copy(update={"latch": latch}))
        for one in ruled
    ]


def weaker(store: Store, look: Look, old: Policy, new: Policy, at: datetime) -> Iterator[str]:
    """Runs whose present evidence a new policy answers less severely, whatever people have waived or released."""
    drills = store.drills.families()
    for family, run in (place for place in store.evidence.runs() if place[0] not in drills):
        was, now = (
            decide_all([Ruling(policy, look(policy, family, run).model_copy(update={"latch": None}))], (), (), at)
            for policy in (old, new)
        )
        if now.answer.rank < was.answer.rank:
            yield f"{family}/{run}: {was.answer} becomes {now.answer} ({was.sentence})"


def in_shadow(
    store: Store, look: Look, force: Force, ruled: Sequence[Ruling], checkpoint: str | None, at: datetime
) -> None:
    """Record what the policy before this one would have decided, for the time its terms say. It never gates."""
    previous, case = force.shadow(at), ruled[-1].case
    if previous is None or previous.digest in {one.policy.digest for one in ruled}:
        return
    family, run = case.family, case.run
    waivers, approvals = store.actions.waivers(family, run), store.actions.approvals(family, run)
    shadow = [Ruling(previous, look(previous, family, run, checkpoint))]
    decision = decide_all(shadow, waivers, approvals, at)
    decision = unchanged(store.judgements.shadow_decisions(family, run), decision)
    store.judgements.put_decision(decision, checkpoint_of(ruled), at, shadow=True)


def unchanged(told: Sequence[Decision], decision: Decision) -> Decision:
    """The last decision of the run, if this one says the same: time alone makes no new decision."""
    for last in told[-1:]:
        if last == decision.model_copy(update={"at": last.at}):
            return last
    return decision


def checkpoint_of(ruled: Sequence[Ruling]) -> str:
    """The checkpoint that is decided on; empty where nothing was judged."""
    verdicts = ruled[-1].case.verdicts
    return verdicts[0].checkpoint if verdicts else ""


def notes(decision: Decision) -> list[str]:
    """What a reader must know of the policies behind a decision, where it is not just the one that is configured."""
    told, here = [], next((name for name in decision.asked if name.sha256 == decision.policy), None)
    if here is not None and here != decision.asked[-1]:
        waits = decision.pending is not None and here.sha256 == decision.pending.sha256
        why = "which waits for approval and is stricter here" if waits else "in force when this evidence arrived"
        told.append(f"decided by policy {here.words}, {why}")
    if decision.pending is not None:
        told.append(f"policy {decision.pending.words} is configured, loosens, and waits for approval")
    return told


def reach(store: Store, family: str, run: str, multiple: float) -> float | None:
    """How far in FLOP a multiple of the run's newest checkpoint is; None where its FLOP are unknown."""
    news = [seen.result.checkpoint for seen in store.evidence.results(family=family, run=run) if not seen.baseline]
    flop = furthest(news).flop if news else None
    return None if flop is None else flop * multiple
