"""What `all_of` and `any_of` share: rules inside a rule, and how what they say is counted.

A rule inside fires where its own test is broken, and doubts where it cannot tell. Early warnings count for neither.
Whatever fires, every doubt is said: a composite hides none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import SerializeAsAny, model_validator

from checkpoints_db.records import Answer, Case, Finding, Kind, Reason
from policies.direction import ANSWERS
from policies.rule_terms import RuleTerms, Select
from policies.rules.base import Rule, doubts, fires, found, spoken
from policies.schema import Policy

Find = Callable[[str], Rule[Any]]
"""The rule of a kind."""


class CompositeTerms(RuleTerms):
    """Keys of a rule that is made of rules."""

    composite: ClassVar[bool] = True

    rules: tuple[SerializeAsAny[RuleTerms], ...] = ()
    """The rules inside, as `[[rules.rules]]` tables with an `id` and a `kind` each; their level is that of this one."""
    answer: Annotated[Literal["warn", "hold", "pause"], ANSWERS] = "pause"
    """What the rule says when it fires."""

    @model_validator(mode="after")
    def _one_run(self) -> Self:
        if not _free(self.select, "task", "metric", "kind", "domain"):
            raise ValueError(f"rule {self.id!r}: the rules inside it select tasks and metrics, each its own")
        for inner in self.rules:
            if not _free(inner.select, "family", "run", "stage"):
                raise ValueError(f"rule {inner.id!r}: family, run and stage are selected by {self.id!r} around it")
        return self

    @property
    def parts(self) -> tuple[RuleTerms, ...]:
        """The rules inside, and inside those."""
        return tuple(part for inner in self.rules for part in inner.parts)

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages that this rule or one inside it speaks of."""
        return (*self.select.stage, *(stage for inner in self.rules for stage in inner.stages))

    def takes(self, task: str, metric: str, kind: Kind | None, domains: Collection[str]) -> bool:
        """Whether a rule inside looks at this metric."""
        return any(inner.takes(task, metric, kind, domains) for inner in self.rules)


def _free(select: Select, *keys: str) -> bool:
    """Whether these keys of a selection leave everything in."""
    return all(getattr(select, key) == getattr(Select(), key) for key in keys)


_SEEN = "there were a result that it selects"


class Heard(NamedTuple):
    """What the rules inside said."""

    fired: tuple[tuple[RuleTerms, Finding], ...]
    """Each that fired, with its worst finding."""
    doubts: tuple[Finding, ...]


def heard(terms: CompositeTerms, case: Case, policy: Policy, at: datetime, find: Find) -> Heard:
    """Ask every rule inside; one that looks at nothing is in doubt."""
    fired, unsure = [], []
    for inner in terms.rules:
        said = find(inner.kind).look(inner, case, policy, at)
        broken = [finding for finding in said if fires(finding)]
        if broken:
            fired.append((inner, max(broken, key=lambda f: (f.answer.rank, f.magnitude))))
        unsure += [_doubt(terms, inner, finding) for finding in said if doubts(finding)]
        if not said:
            why = f"{case.family}/{case.run}: rule {inner.id!r} inside {terms.id!r} looked at nothing"
            remedy = "there were a result that it selects"
            unsure.append(
                found(terms, Answer.HOLD, Reason.no_data, why, subject=inner.id, remedy=remedy, magnitude=1.0)
            )
    return Heard(tuple(fired), tuple(unsure))


def concluded(terms: CompositeTerms, case: Case, told: Heard, needed: int) -> tuple[Finding, ...]:
    """The findings of a composite that fires where `needed` of its rules do."""
    place, count = f"{case.family}/{case.run}", len(told.fired)
    names = ", ".join(inner.id for inner, _ in told.fired) or "none"
    head = f"{place}: {count} of {len(terms.rules)} rules inside fired ({names}), and {needed} make {terms.id!r} fire"
    numbers = {"fired": float(count), "needed": float(needed)}
    if count >= needed:
        sentences = "; ".join(finding.sentence for _, finding in told.fired)
        due = all(finding.reason is Reason.assessment_due for _, finding in told.fired)
        fired = found(
            terms,
            spoken(terms.answer),
            Reason.assessment_due if due else Reason.broken,
            f"{head}: {sentences}",
            numbers=numbers,
            magnitude=1.0 + sum(finding.magnitude for _, finding in told.fired),
            remedy=_remedy(told.fired, count - needed + 1),
        )
        return (fired, *told.doubts)
    return told.doubts or (found(terms, Answer.GO, Reason.ok, head, numbers=numbers),)


def _doubt(terms: CompositeTerms, inner: RuleTerms, finding: Finding) -> Finding:
    """The doubt of a rule inside, as a finding of the rule around it."""
    return found(
        terms,
        finding.answer,
        finding.reason,
        f"{finding.sentence} (rule {inner.id!r} inside)",
        subject=finding.subject,
        numbers=finding.numbers,
        magnitude=finding.magnitude,
        remedy=finding.would_pass_if,
    )


def _remedy(fired: Sequence[tuple[RuleTerms, Finding]], enough: int) -> str:
    ways = " or ".join(f"{finding.would_pass_if} ({inner.id})" for inner, finding in fired)
    return ways if enough == 1 else f"{enough} of these were so: {ways}"
