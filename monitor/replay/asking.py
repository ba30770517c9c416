"""The two questions that are asked of a history: what would a policy have done, and how do two policies differ."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from monitor.replay.differing import Difference, change_of, flips
from monitor.replay.likeness import likeness, together
from monitor.replay.over import Asked, Tell, over
from monitor.replay.records import Likeness, Played, Replay
from monitor.replay.source import Source, StoreSource
from monitor.replay.summing import summed
from monitor.replay.walk import Timetable
from policies.schema import Policy

DAY = timedelta(days=1)


def replay(
    source: Source,
    policy: Policy,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    families: Sequence[str] | None = None,
    every: timedelta | None = DAY,
    workers: int = 0,
    tell: Tell = lambda *_: None,
) -> Replay:
    """What `policy` would have done over the history of `source`, and whether it decides again as it did.

    `since` and `until` bound what is told; `every`: how often time alone is looked at, between the moments of history
    (None: never). `workers` as in `over`.
    """
    last = until or source.ends
    asked = Asked([policy], Timetable(every, last), since, until)
    played = over(source, asked, families, workers=workers, tell=tell)[0]
    alike = _alike(source, policy, played, until) if isinstance(source, StoreSource) else None
    notes = [*source.notes, _when(every)]
    return summed(policy, source.name, played, since=since, until=last, likeness=alike, notes=notes)


def differ(
    source: Source,
    old: Policy,
    new: Policy,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    families: Sequence[str] | None = None,
    every: timedelta | None = DAY,
    workers: int = 0,
    tell: Tell = lambda *_: None,
) -> Difference:
    """Every decision of history that flips between two policies, both ways; the terms are those of `replay`."""
    last = until or source.ends
    asked = Asked([old, new], Timetable(every, last), since, until)
    walked = over(source, asked, families, workers=workers, tell=tell)
    before, after = (
        summed(policy, source.name, played, since=since, until=last)
        for policy, played in zip((old, new), walked, strict=True)
    )
    one, other = ([step for p in played for step in p.steps] for played in walked)
    found = [flip for flip in flips(one, other) if since is None or flip.at >= since]
    return Difference(
        old=old.digest,
        new=new.digest,
        old_name=old.name,
        new_name=new.name,
        source=source.name,
        moments=sum(step.seq > 0 and (since is None or step.at >= since) for step in other),
        change=change_of(found),
        flips=tuple(found),
        old_false_pauses=before.false_pauses,
        new_false_pauses=after.false_pauses,
        old_unseen=before.unseen,
        new_unseen=after.unseen,
        notes=(*source.notes, _when(every)),
    )


def _when(every: timedelta | None) -> str:
    if every is None:
        return "time alone was not looked at: what grew old or ran out between two moments shows at the later one"
    hours = every / timedelta(hours=1)
    return f"between the moments of history, what time alone changes is looked at every {hours:g} h"


def _alike(source: StoreSource, policy: Policy, played: Sequence[Played], until: datetime | None) -> Likeness | None:
    """Whether the decisions that this policy made come out again; None where it made none."""
    found, mine = [], False
    for own in played:
        with source.opened() as store:
            every = store.judgements.moments(own.family)
        moments = [m for m in every if until is None or m.at <= until]
        if not any(m.policy == policy.digest for m in moments):
            continue
        mine = True
        again = {step.seq: step.decision for step in own.steps if step.seq}
        if all(m.policy == policy.digest and again[m.seq].digest == m.digest for m in moments):
            found.append(Likeness(decisions=len(moments), same=len(moments)))
        else:  # decisions of other policies, or moments of the timetable, lie between: each is looked at by itself
            found.append(likeness(source, own.family, policy))
    return together(found) if mine else None
