"""Whether recorded decisions come out again, byte for byte, and why where they do not."""

from __future__ import annotations

from collections import Counter
from typing import Any

from checkpoints_db import Store
from checkpoints_db.errors import BadPolicy
from checkpoints_db.judgements import Known, Moment
from checkpoints_db.past import Past
from checkpoints_db.records import Decision, Latch, canonical
from monitor import gate
from monitor.adoption import Force, policy_of
from monitor.adoption import force as force_of
from monitor.forecasting import JUDGEMENT_VERSION
from monitor.replay.records import Likeness, Unlike
from monitor.replay.source import StoreSource
from policies.schema import Policy
from policies.several import InForce


def likeness(source: StoreSource, family: str, fallback: Policy | None = None, known: Known | None = None) -> Likeness:
    """Make every recorded decision on a family again, at its own moment, and compare the two as canonical JSON.

    By the policies that were in force then, as the store has them; `fallback` is the one of a time of which nothing is
    written down. After a decision that is not made again the walk goes on from what was recorded, so that one
    difference is told once.
    """
    same, unlike, passed_over = 0, [], Counter[str]()
    with source.told(family) as told, source.opened() as store:
        past = Past(told.history)
        past.judgements.known = Known() if known is None else known
        for moment in told.moments:
            past.move(moment.seq - 1)
            was = store.judgements.decision_at(moment.seq)
            try:
                force = force_then(past, moment, fallback)
            except BadPolicy as error:
                passed_over[str(error)] += 1
                _adopt(past, store, was, moment)
                continue
            catalogue = told.catalogues.at(moment.seq)
            ruled = gate.rulings(past, catalogue, force, moment.family, moment.run, named(moment))
            now = gate.conclude(past, ruled, moment.at, force.pending, checkpoint=named(moment))
            if canonical(now.body()) == canonical(was.body()):
                same += 1
                continue
            unlike.append(
                Unlike(
                    seq=moment.seq,
                    at=moment.at,
                    family=moment.family,
                    run=moment.run,
                    recorded=moment.digest,
                    why=_why(was, now, forgotten=_forgotten(store)),
                )
            )
            _adopt(past, store, was, moment)
        return Likeness(decisions=len(told.moments), same=same, unlike=tuple(unlike), passed_over=dict(passed_over))


def force_then(past: Past, moment: Moment, fallback: Policy | None = None) -> Force:
    """Who decided then. Raises BadPolicy where a policy of that time is not at hand, or no longer loads."""
    rows, waits = past.policies.in_force(), past.policies.waiting()
    if rows:
        configured = policy_of((rows[-1] if waits is None else waits).entry)
        return force_of(past, configured, moment.at)
    if fallback is None or fallback.digest != moment.policy:
        raise BadPolicy(f"policy {moment.policy[:12]}", "it is not at hand: nobody wrote policies down when it decided")
    return Force((InForce(fallback, 0),), None)


def named(moment: Moment) -> str | None:
    """The checkpoint that a decision is about; None for the newest."""
    return moment.checkpoint or None


def together(several: list[Likeness]) -> Likeness:
    """The likeness of several families as one."""
    passed = Counter[str]()
    for each in several:
        passed.update(each.passed_over)
    return Likeness(
        decisions=sum(each.decisions for each in several),
        same=sum(each.same for each in several),
        unlike=tuple(one for each in several for one in each.unlike),
        passed_over=dict(passed),
    )


def _adopt(past: Past, store: Store, was: Decision, moment: Moment) -> None:
    """Go on from what was recorded: the decision, and the latch that its gate had after it, in the row behind it."""
    past.judgements.put_decision(was, moment.checkpoint, moment.at)
    latch = store.ledger.entry(moment.seq + 1).value()["latch"]
    past.actions.put_gate(gate.state_of(was), None if latch is None else Latch.model_validate(latch))


def _forgotten(store: Store) -> bool:
    """Whether items were forgotten that a decision may have rested on."""
    return next(store.ledger.entries("forgotten"), None) is not None


def _why(was: Decision, now: Decision, *, forgotten: bool) -> str:
    if was.judgement_version != now.judgement_version or was.judgement_version not in (0, JUDGEMENT_VERSION):
        return f"made by judgement version {was.judgement_version}; this holdpoint has {JUDGEMENT_VERSION}"
    if was.evidence != now.evidence:
        cause = "items were forgotten since, or the" if forgotten else "the"
        return (
            f"it rests on other evidence ({was.evidence[:12]}, now {now.evidence[:12]}): {cause} catalogue, a reader "
            f"or the code has changed since; it was {was.answer} ({was.sentence}), now {now.answer} ({now.sentence})"
        )
    return f"{first_difference(was.body(), now.body())}; it was {was.answer}, now {now.answer}"


def first_difference(was: Any, now: Any, at: str = "") -> str:
    """The first place in which two JSON values differ."""
    if isinstance(was, dict) and isinstance(now, dict):
        for key in sorted({*was, *now}):
            if was.get(key) != now.get(key):
                return first_difference(was.get(key), now.get(key), f"{at}.{key}" if at else str(key))
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for i, (one, other) in enumerate(zip(was, now, strict=True)):
            if one != other:
                return first_difference(one, other, f"{at}[{i}]")
    return f"{at}: {str(was)[:80]} was recorded, {str(now)[:80]} comes out now"
