"""What one policy did in every family -> what there is to say of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from statistics import median

from checkpoints_db.records import Answer, Verdict
from monitor.replay.records import FalsePauses, Likeness, Played, Replay, Sight, Step
from monitor.replay.stretches import hours, stretches
from policies.schema import Policy

YEAR = timedelta(days=365.25)


def summed(
    policy: Policy,
    source: str,
    played: Sequence[Played],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    likeness: Likeness | None = None,
    notes: Iterable[str] = (),
) -> Replay:
    """The replay of a policy from what it did in each family; `since` and `until` bound what is told of it."""
    begins = min((p.begins for p in played if p.begins is not None), default=None)
    ends = max((p.ends for p in played if p.ends is not None), default=None)
    begins = begins if since is None or begins is None else max(since, begins)
    steps = [step for p in played for step in p.steps]
    last = until or ends
    told = [s for s in stretches(steps, last) if since is None or s.until is None or s.until > since] if last else []
    worst: dict[str, Answer] = {}
    for step in steps:
        if since is None or step.at >= since:
            known = worst.get(step.checkpoint, Answer.GO)
            worst[step.checkpoint] = Answer.worst([known, step.decision.answer])
    sights = tuple(sight for p in played for sight in p.sights)
    judged = sum(s.results for s in sights)
    return Replay(
        policy=policy.digest,
        policy_name=policy.name,
        source=source,
        families=tuple(p.family for p in played),
        begins=begins,
        ends=last,
        moments=sum(step.cause == "evidence" for step in steps),
        judged=judged,
        answers={str(a): n for a in Answer if (n := sum(w is a for w in worst.values()))},
        hours={a: round(h, 6) for a, h in hours(steps, last).items() if h} if last else {},
        stretches=tuple(told),
        false_pauses=_false_pauses(policy, played, begins, last),
        unseen=(judged - sum(s.seen for s in sights)) / judged if judged else 0.0,
        sights=sights,
        likeness=likeness,
        notes=tuple(notes),
    )


def _false_pauses(
    policy: Policy, played: Sequence[Played], begins: datetime | None, ends: datetime | None
) -> FalsePauses:
    checkpoints, tests = sum(p.checkpoints for p in played), sum(p.tests for p in played)
    expected = float(f"{sum(p.expected for p in played):.9g}")
    long = begins is not None and ends is not None and ends - begins >= timedelta(days=1)
    a_year = float(f"{expected * (YEAR / (ends - begins)):.9g}") if long and begins and ends else None
    how = "without a budget" if policy.budget.method == "none" else f"with a budget ({policy.budget.method})"
    yearly = "" if a_year is None else f", {a_year:.2g} a year"
    sentence = (
        f"were every task on its trend, {expected:.2g} of {checkpoints} checkpoints would pause for nothing{yearly}: "
        f"{tests} questions tested at {policy.judging.tail:g} {how}; at most, as questions depend on each other"
    )
    return FalsePauses(
        checkpoints=checkpoints,
        tests=tests,
        method=policy.budget.method,
        expected=expected,
        a_year=a_year,
        sentence=sentence,
    )


def sights_of(family: str, verdicts: Iterable[Verdict]) -> tuple[Sight, ...]:
    """What the forecasts behind some verdicts could have seen, metric by metric, the blindest first."""
    groups: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault((verdict.task, verdict.metric.name), []).append(verdict)
    found = [_sight(family, own) for own in groups.values()]
    return tuple(sorted(found, key=lambda s: (s.seen / s.results, -(s.blindness or 0.0), s.task, s.metric)))


def _sight(family: str, own: Sequence[Verdict]) -> Sight:
    blind = Counter(v.why for v in own if v.why != "ok")
    least = [v.detectable for v in own if v.detectable is not None]
    shares = [v.blindness for v in own if v.blindness is not None]
    return Sight(
        family=family,
        task=own[0].task,
        metric=own[0].metric.name,
        kind=own[0].metric.kind,
        results=len(own),
        seen=len(own) - blind.total(),
        why=dict(blind),
        detectable=median(least) if least else None,
        blindness=median(shares) if shares else None,
    )


def spans(steps: Sequence[Step]) -> tuple[datetime | None, datetime | None]:
    """The first and the last moment of some steps."""
    times = [step.at for step in steps]
    return (min(times), max(times)) if times else (None, None)
