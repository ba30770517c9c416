"""Steps of a walk -> the stretches in which gates were not open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from checkpoints_db.records import Answer, Finding, Reason
from monitor.replay.records import Cause, Step, Stretch

MOMENT = timedelta(seconds=1)
"""An answer about an earlier checkpoint that the newest one overtakes within this was never the gate's."""

HOUR = timedelta(hours=1)


def stretches(steps: Iterable[Step], ends: datetime) -> list[Stretch]:
    """Every stretch of WARN, HOLD or PAUSE, in order of time; `ends`: when history does."""
    runs: dict[tuple[str, str], list[Step]] = {}
    for step in steps:
        runs.setdefault((step.family, step.run), []).append(step)
    found = [each for own in runs.values() for each in _of_run(in_order(own), ends)]
    return sorted(found, key=lambda each: (each.since, each.family, each.run))


def in_order(steps: Iterable[Step]) -> list[Step]:
    """Steps of one run by time; those of one moment stay in their order."""
    return sorted(steps, key=lambda step: step.at)


def hours(steps: Iterable[Step], ends: datetime) -> dict[str, float]:
    """Hours that gates said what, all runs together."""
    spent = {str(answer): 0.0 for answer in Answer}
    runs: dict[tuple[str, str], list[Step]] = {}
    for step in steps:
        runs.setdefault((step.family, step.run), []).append(step)
    for own in map(in_order, runs.values()):
        for step, after in zip(own, [*(s.at for s in own[1:]), max(ends, own[-1].at)], strict=True):
            spent[str(step.decision.answer)] += (after - step.at) / HOUR
    return spent


def _of_run(steps: Sequence[Step], ends: datetime) -> Iterator[Stretch]:
    begin = 0
    for i in range(1, len(steps) + 1):
        if i < len(steps) and steps[i].decision.answer is steps[begin].decision.answer:
            continue
        own, after = steps[begin:i], steps[i] if i < len(steps) else None
        begin = i
        answer, until = own[0].decision.answer, None if after is None else after.at
        overtaken = until is not None and until - own[0].at <= MOMENT and answer is not Answer.PAUSE
        if answer is not Answer.GO and not overtaken:
            yield _stretch(own, answer, until, ends, after)


def _stretch(
    own: Sequence[Step], answer: Answer, until: datetime | None, ends: datetime, after: Step | None
) -> Stretch:
    first = own[0]
    return Stretch(
        family=first.family,
        run=first.run,
        answer=answer,
        since=first.at,
        until=until,
        hours=max(((until or ends) - first.at) / HOUR, 0.0),
        causes=tuple(_causes(own, answer)),
        ended=_still(own[-1]) if after is None else _ended(after),
    )


def _causes(steps: Sequence[Step], answer: Answer) -> Iterator[Cause]:
    """What stopped it: each finding once, at its first moment."""
    told: set[tuple[str, str, str]] = set()
    for step in steps:
        found = [f for f in step.decision.findings if f.effect is answer and f.reason is not Reason.latched]
        if not step.changed or not found:
            continue
        for finding in found if answer is Answer.PAUSE else found[:1]:
            # Of a hold or a warning the worst for each checkpoint says enough.
            key = (step.checkpoint, finding.rule, finding.subject if answer is Answer.PAUSE else "")
            if key not in told:
                told.add(key)
                yield cause_of(step, finding)


def cause_of(step: Step, finding: Finding) -> Cause:
    """A finding with where and when it was made."""
    return Cause(
        at=step.at,
        checkpoint=step.checkpoint,
        rule=finding.rule,
        subject=finding.subject,
        answer=finding.effect,
        reason=finding.reason,
        sentence=finding.sentence,
        would_pass_if=finding.would_pass_if,
        numbers=finding.numbers,
    )


def _ended(after: Step) -> str:
    decision = after.decision
    if decision.released:
        return f"{decision.answer} after a release by {', '.join(decision.approvals)}"
    what = f"{after.checkpoint or after.run} was judged" if after.cause == "evidence" else "time went by"
    return f"{decision.answer} when {what}: {decision.sentence}"


def _still(last: Step) -> str:
    worst = next((f for f in last.decision.findings if f.effect is last.decision.answer), None)
    if last.decision.answer is Answer.PAUSE:
        people = last.decision.needed
        who = f"{people} {'person' if people == 1 else 'people'} released it" if people else "the policy changed"
        return f"not at the end of history; it is reopened when {who}"
    return f"not at the end of history; it would go on if {worst.would_pass_if if worst else 'evidence changed'}"
