"""Rule `evidence`: what must have been evaluated, how recently, and that it can be compared."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Annotated, Literal

from checkpoints_db.records import Answer, Case, Fault, Finding, Reason
from checkpoints_db.records.duration import spell_duration
from policies.direction import ANSWERS, MORE, REQUIRED, SOONER
from policies.rule_terms import RuleTerms
from policies.rules.base import found, spoken, subject_of, takes_missing, trouble_of
from policies.schema import Policy
from policies.spelling import Duration, Several, matches

CLOCK_TOLERANCE = timedelta(minutes=5)
"""A result may seem this much younger than now, because clocks differ."""


class EvidenceTerms(RuleTerms):
    """Keys of an `evidence` rule."""

    kind: Literal["evidence"]
    """Kind of rule."""
    require: Annotated[Literal["ladder"] | None, REQUIRED] = None
    """`ladder`: every metric that smaller models of the family were evaluated on."""
    tasks: Annotated[Several, MORE] = ()
    """Tasks that must have a result, by name or pattern."""
    max_age: Annotated[Duration | None, SOONER] = None
    """Longest time since the newest result of the run arrived."""
    hints: Annotated[Literal["warn", "hold", "pause"], ANSWERS] = "warn"
    """What is said of hints that items were seen in training, or asked more than once. None of them lifts anything."""
    within: Duration | None = None
    """Time after the first result during which missing ones are called still arriving; the gate holds meanwhile."""


class EvidenceRule:
    """Looks at what is there, not at what it says."""

    kind = "evidence"
    terms = EvidenceTerms
    reads_verdicts = False

    def look(self, terms: EvidenceTerms, case: Case, policy: Policy, at: datetime) -> tuple[Finding, ...]:
        """One HOLD per missing result and contradiction, one for age; one pass for each check that holds."""
        checks = [_comparable(terms, case), _hints(terms, case)]
        if terms.require == "ladder":
            checks.append(_ladder(terms, case, at))
        if terms.tasks:
            checks.append(_tasks(terms, case, at))
        if terms.max_age is not None:
            checks.append(_age(terms, terms.max_age, case, at))
        return tuple(finding for check in checks for finding in check)


def _passed(terms: EvidenceTerms, sentence: str) -> list[Finding]:
    return [found(terms, Answer.GO, Reason.ok, sentence)]


def _comparable(terms: EvidenceTerms, case: Case) -> list[Finding]:
    trouble = {each: trouble_of(case, each) for each in (*case.conflicts, *case.incomparable)}
    for fault in _faults(terms, case, "incomparable"):
        trouble[fault.sentence] = subject_of(fault.task, trouble_of(case, fault.sentence))
    if not trouble:
        return _passed(terms, f"{case.family}/{case.run}: no results contradict each other or the ladder's conditions")
    return [
        found(
            terms,
            Answer.HOLD,
            Reason.incomparable,
            f"{case.family}/{case.run}: {each}",
            subject=subject,
            magnitude=1.0,
            remedy="it were repeated under the conditions of the ladder",
        )
        for each, subject in trouble.items()
    ]


def _faults(terms: EvidenceTerms, case: Case, stance: str) -> list[Fault]:
    return [f for f in case.faults if f.stance == stance and terms.select.asks(f.task, case.domains_of(f.task))]


def _hints(terms: EvidenceTerms, case: Case) -> list[Finding]:
    return [
        found(
            terms,
            spoken(terms.hints),
            Reason.broken,
            fault.sentence,
            subject=f"{fault.task} · {fault.name}",
            numbers=fault.numbers,
            magnitude=_weight(fault),
            remedy="the items behind it were looked at; `holdpoint verdict show` names them",
        )
        for fault in _faults(terms, case, "hint")
    ]


def _weight(fault: Fault) -> float:
    """-log10 of the chance that a test gave, or the number of documents."""
    tail = fault.numbers.get("tail")
    return float(len(fault.documents)) if tail is None else -math.log10(max(tail, 1e-300))


def _waiting(terms: EvidenceTerms, case: Case, at: datetime) -> str:
    if terms.within is None or case.first_at is None:
        return "missing"
    # Differences of times cannot overflow, sums can.
    if at - case.first_at < terms.within:
        return f"still arriving (within {spell_duration(terms.within)} of the first result)"
    return f"missing, and was due within {spell_duration(terms.within)} of the first result"


def _absent(terms: EvidenceTerms, case: Case, at: datetime, subject: str) -> Finding:
    return found(
        terms,
        Answer.HOLD,
        Reason.no_data,
        f"{case.family}/{case.run}: {subject} is {_waiting(terms, case, at)}",
        subject=subject,
        magnitude=1.0,
        remedy="the result were there",
    )


def _ladder(terms: EvidenceTerms, case: Case, at: datetime) -> list[Finding]:
    missing = [m for m in case.missing if takes_missing(terms, m, case)]
    if not missing:
        return _passed(terms, f"{case.family}/{case.run}: everything the ladder was evaluated on is there")
    return [_absent(terms, case, at, subject_of(m.task, m.metric)) for m in missing]


def _tasks(terms: EvidenceTerms, case: Case, at: datetime) -> list[Finding]:
    there = {v.task for v in case.verdicts if terms.takes_verdict(v, case)}
    missing = [glob for glob in terms.tasks if not any(matches(task, (glob,)) for task in there)]
    if not missing:
        return _passed(terms, f"{case.family}/{case.run}: all required tasks have results")
    return [_absent(terms, case, at, glob) for glob in missing]


def _age(terms: EvidenceTerms, limit: timedelta, case: Case, at: datetime) -> list[Finding]:
    place = f"{case.family}/{case.run}"
    if case.last_at is None:
        return [
            found(
                terms,
                Answer.HOLD,
                Reason.stale,
                f"{place}: nobody knows when its results arrived",
                magnitude=1.0,
                remedy=f"a result had arrived in the last {spell_duration(limit)}",
            )
        ]
    age = at - case.last_at
    days = age / timedelta(days=1)
    if age < -CLOCK_TOLERANCE:
        return [
            found(
                terms,
                Answer.HOLD,
                Reason.fault,
                f"{place}: its newest result arrives {-days:.2g} days from now; a clock is wrong",
                numbers={"age_days": days},
                magnitude=-days,
                remedy="the clocks agreed",
            )
        ]
    if age > limit:
        return [
            found(
                terms,
                Answer.HOLD,
                Reason.stale,
                f"{place}: its newest result is {days:.3g} days old, the policy allows {spell_duration(limit)}",
                numbers={"age_days": days, "max_days": limit / timedelta(days=1)},
                magnitude=(age - limit) / timedelta(days=1),
                remedy="it were evaluated again",
            )
        ]
    return _passed(terms, f"{place}: its newest result is younger than {spell_duration(limit)}")
