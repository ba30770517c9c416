"""Rule `safeguard`: named people attest that safeguards are in place, and not too long ago."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from checkpoints_db.records import Answer, Attestation, Case, Finding, Reason
from policies.calendar_span import CalendarDuration, due
from policies.direction import ANSWERS, MORE, SOONER
from policies.rule_terms import Papers, RuleTerms
from policies.rules.base import doubts, fires, found, spoken
from policies.rules.composite import Find
from policies.schema import Policy
from policies.spelling import Several
from policies.terms import Terms


class When(Terms):
    """The condition under which the safeguards are asked for."""

    rule: str = ""
    """Id of a rule: they are asked for where it fires or cannot tell; left out: always."""


class SafeguardTerms(RuleTerms):
    """Keys of a `safeguard` rule."""

    kind: Literal["safeguard"]
    """Kind of rule."""
    attestations: Annotated[Several, Field(min_length=1), MORE]
    """Names of the safeguards, each of which must be attested."""
    max_age: Annotated[CalendarDuration | None, SOONER] = None
    """Longest time since an attestation was given; it may also say itself when it expires."""
    when: When = When()
    """The condition under which they are asked for."""
    answer: Annotated[Literal["warn", "hold", "pause"], ANSWERS] = "hold"
    """What the rule says while one of them is missing."""

    @property
    def papers(self) -> frozenset[Papers]:
        """What people stated that the rule reads."""
        return frozenset(("attestations",))

    @property
    def refers_to(self) -> tuple[str, ...]:
        """Ids of other rules whose findings this one reads."""
        return (self.when.rule,) if self.when.rule else ()


class SafeguardRule:
    """Looks for each safeguard that is asked for."""

    kind = "safeguard"
    terms = SafeguardTerms
    reads_verdicts = False

    def __init__(self, find: Find) -> None:
        self._find = find

    def look(self, terms: SafeguardTerms, case: Case, policy: Policy, at: datetime) -> tuple[Finding, ...]:
        """One finding for each safeguard; one pass where the condition does not hold."""
        if terms.when.rule and not self._asked_for(terms, case, policy, at):
            said = f"{case.family}/{case.run}: rule {terms.when.rule!r} does not fire, so no safeguard is asked for"
            return (found(terms, Answer.GO, Reason.ok, said),)
        return tuple(self._attested(terms, name, case, at) for name in terms.attestations)

    def _asked_for(self, terms: SafeguardTerms, case: Case, policy: Policy, at: datetime) -> bool:
        """Whether the rule of the condition fires, cannot tell, or looks at nothing."""
        (other,) = [rule for rule in policy.rules if rule.id == terms.when.rule]
        if not other.applies(case):
            return False
        said = self._find(other.kind).look(other, case, policy, at)
        return not said or any(fires(finding) or doubts(finding) for finding in said)

    def _attested(self, terms: SafeguardTerms, name: str, case: Case, at: datetime) -> Finding:
        place = f"{case.family}/{case.run}"
        given = [a for a in case.attestations if a.safeguard == name and a.at <= at and a.recorded_at <= at]
        ends = {a.id: until(terms, a) for a in given}
        live = [a for a in given if (end := ends[a.id]) is None or at < end]
        because = f" (asked for by {terms.when.rule!r})" if terms.when.rule else ""
        if live:
            last = max(live, key=lambda a: a.at)
            said = f"{place}: safeguard {name!r} was attested by {last.by} on {last.at:%Y-%m-%d}"
            return found(terms, Answer.GO, Reason.ok, said, subject=name)
        said = f"{place}: nobody attested the safeguard {name!r}{because}"
        if given:
            last = max(given, key=lambda a: ends[a.id] or a.at)
            over = f"{ends[last.id]:%Y-%m-%d}"
            said = f"{place}: the attestation of safeguard {name!r} by {last.by} ended on {over}{because}"
        remedy = f"it were attested with `holdpoint safeguard attest {name}`"
        answer = spoken(terms.answer)
        return found(terms, answer, Reason.broken, said, subject=name, remedy=remedy, magnitude=1.0)


def until(terms: SafeguardTerms, attestation: Attestation) -> datetime | None:
    """When an attestation ends: what it says itself or what the policy allows, whichever is earlier; None: never."""
    ends = [] if attestation.expires is None else [attestation.expires]
    if terms.max_age is not None:
        ends.append(due(attestation.at, terms.max_age))
    return min(ends, default=None)
