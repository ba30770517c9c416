"""One policy over one family: the walk, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from checkpoints_db.judgements import Known
from checkpoints_db.records import Case
from monitor.replay.expecting import Chance, chance_of, total
from monitor.replay.records import Played, Step
from monitor.replay.source import Told
from monitor.replay.summing import sights_of, spans
from monitor.replay.walk import DAILY, Timetable, Walk
from policies.schema import Policy


def play(
    told: Told,
    policy: Policy,
    timetable: Timetable = DAILY,
    *,
    since: datetime | None = None,
    known: Known | None = None,
    tell: Callable[[Step], None] = lambda _: None,
) -> Played:
    """What `policy` would have done in one family at the moments of its history, and between them.

    `since`: what came before is walked and not told; `known`: verdicts that are there already, under this policy's
    judging; `tell` is called after each step.
    """
    walk = Walk(told, policy, timetable, known)
    chances: dict[str, Chance] = {}
    steps = []

    def note(step: Step, case: Case) -> None:
        if step.checkpoint and (since is None or step.at >= since):
            chances[step.checkpoint] = chance_of(policy, case, step.decision.budget)

    for step in walk.run(note):
        steps.append(step)
        tell(step)
    verdicts = [v for at, v in walk.past.judgements.verdicts() if since is None or at >= since]
    begins, ends = spans(steps)
    return Played(
        family=told.history.family,
        steps=tuple(steps),
        sights=sights_of(told.history.family, verdicts),
        judged=len(verdicts),
        tests=sum(c.tests for c in chances.values()),
        checkpoints=len(chances),
        expected=total(chances.values()),
        begins=begins,
        ends=ends if timetable.until is None or ends is None else max(ends, timetable.until),
    )
