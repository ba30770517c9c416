"""Two policies over one history: every decision that flips, which way, and the rule and numbers behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from checkpoints_db.records import Answer, Instant, Record
from checkpoints_db.records.evidence import Name
from monitor.replay.records import Cause, FalsePauses, Step
from monitor.replay.stretches import cause_of

Way = Literal["tightened", "loosened"]
Change = Literal["none", "tightened", "loosened", "both"]


class Flip(Record):
    """One moment at which two policies answer differently."""

    at: Instant
    family: Name
    run: Name
    checkpoint: str
    cause: Literal["evidence", "time"]
    way: Way
    old: Answer
    new: Answer
    rule: Name
    """The rule of the worse answer; `house` or `latch` where no rule of the policy gave it."""
    old_cause: Cause | None
    """The worst finding under the old policy; None where it goes."""
    new_cause: Cause | None
    sentence: str


class Difference(Record):
    """What changes from one policy to another over a history."""

    old: str
    """Digest of the policy."""
    new: str
    old_name: Name
    new_name: Name
    source: str
    moments: int
    """Moments of history at which both were asked."""
    change: Change
    flips: tuple[Flip, ...]
    old_false_pauses: FalsePauses
    new_false_pauses: FalsePauses
    old_unseen: float
    new_unseen: float
    notes: tuple[str, ...] = ()


def flips(old: Sequence[Step], new: Sequence[Step]) -> list[Flip]:
    """Every decision that flips between two walks over the same history, in order of time.

    At every moment of history one, and one where time alone begins or ends a difference.
    """
    olds, news = _by_run(old), _by_run(new)
    found = [flip for run in olds if run in news for flip in _of_run(olds[run], news[run])]
    return sorted(found, key=lambda flip: (flip.at, flip.family, flip.run, flip.checkpoint))


def change_of(found: Sequence[Flip]) -> Change:
    """Which way a policy changed, by the decisions that flip."""
    ways = {flip.way for flip in found}
    if len(ways) == 2:
        return "both"
    return next(iter(ways), "none")


def _by_run(steps: Sequence[Step]) -> dict[tuple[str, str], list[Step]]:
    runs: dict[tuple[str, str], list[Step]] = {}
    for step in sorted(steps, key=lambda step: step.at):
        runs.setdefault((step.family, step.run), []).append(step)
    return runs


def _of_run(old: Sequence[Step], new: Sequence[Step]) -> Iterator[Flip]:
    """Both walks have every moment of history, in one order; moments of the timetable may be of one alone."""
    i = j = 0
    one: Step | None = None
    other: Step | None = None
    differed: tuple[Answer, Answer] | None = None
    while i < len(old) or j < len(new):
        first = old[i] if i < len(old) else None
        second = new[j] if j < len(new) else None
        at = min(step.at for step in (first, second) if step is not None)
        timed = [step for step in (first, second) if step is not None and step.at == at and not step.seq]
        if first is not None and first.at == at and (first in timed or not timed):
            one, i = first, i + 1
        if second is not None and second.at == at and (second in timed or not timed):
            other, j = second, j + 1
        if one is None or other is None:
            continue
        pair = one.decision.answer, other.decision.answer
        if pair[0] is not pair[1] and (not timed or pair != differed):
            yield _flip(one, other, timed[0] if timed else other)
        differed = pair


def _flip(old: Step, new: Step, moment: Step) -> Flip:
    before, after = old.decision.answer, new.decision.answer
    tighter = after.rank > before.rank
    causes = [_worst(step) for step in (old, new)]
    telling = causes[1] if tighter else causes[0]
    rule = telling.rule if telling is not None else "house"
    why = telling.sentence if telling is not None else (new if tighter else old).decision.sentence
    other = f"; under the new policy {after}" if not tighter else f"; under the old policy {before}"
    return Flip(
        at=moment.at,
        family=moment.family,
        run=moment.run,
        checkpoint=moment.checkpoint,
        cause=moment.cause,
        way="tightened" if tighter else "loosened",
        old=before,
        new=after,
        rule=rule,
        old_cause=causes[0],
        new_cause=causes[1],
        sentence=f"{why}{other}",
    )


def _worst(step: Step) -> Cause | None:
    if step.decision.answer is Answer.GO:
        return None
    found = next((f for f in step.decision.findings if f.effect is step.decision.answer), None)
    return None if found is None else cause_of(step, found)
