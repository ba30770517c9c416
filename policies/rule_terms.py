"""What every rule of a policy says: its id, its level, and what it looks at."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from checkpoints_db.records import Case, Kind, Level, Verdict
from policies.direction import NEUTRAL, WIDER, Direction, ordered
from policies.spelling import Globs, matches
from policies.terms import Terms


class Select(Terms):
    """What a rule looks at; keys left out take everything."""

    family: Annotated[Globs, WIDER] = ("*",)
    """Families of runs."""
    run: Annotated[Globs, WIDER] = ("*",)
    """Runs."""
    task: Annotated[Globs, WIDER] = ("*",)
    """Tasks."""
    metric: Annotated[Globs, WIDER] = ("*",)
    """Metrics, by name."""
    kind: Annotated[Kind | None, Direction("ordered", absent="strictest")] = None
    """Only `continuous` or only `thresholded` metrics."""
    domain: Annotated[Globs, WIDER] = ("*",)
    """Domain tags of tasks, as `[domains]` of the catalogue gives them."""
    stage: Annotated[Globs, WIDER] = ("*",)
    """Stages that a run is in or asks to enter; a run of which nobody recorded a stage counts as in each."""

    def applies(self, family: str, run: str, stages: Collection[str]) -> bool:
        """Whether a run of this name, of which these stages are spoken, is looked at."""
        staged = not stages or any(matches(stage, self.stage) for stage in stages)
        return staged and matches(family, self.family) and matches(run, self.run)

    def asks(self, task: str, domains: Collection[str]) -> bool:
        """Whether a task with these domain tags is looked at."""
        tagged = self.domain == ("*",) or any(matches(domain, self.domain) for domain in domains)
        return tagged and matches(task, self.task)

    def takes(self, task: str, metric: str, kind: Kind | None, domains: Collection[str]) -> bool:
        """Whether this metric of this task is looked at; a metric of unknown kind counts as the kind asked for."""
        right_kind = self.kind is None or kind is None or kind == self.kind
        return right_kind and self.asks(task, domains) and matches(metric, self.metric)


Papers = Literal["assessments of the family", "assessments of the run", "attestations"]


class RuleTerms(Terms):
    """The keys that every `[[rules]]` table has; each kind of rule adds its own."""

    composite: ClassVar[bool] = False
    """Whether rules of this kind are made of rules, in a key `rules`."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,79}$")]
    """Name of the rule in decisions, alerts and waivers: lower-case letters, digits, `-`, `_`, `.`."""
    kind: str
    """Kind of rule."""
    level: Annotated[Level, ordered(*Level)]
    """`shadow` (recorded only), `advisory` (at most WARN), `soft` (released by people), `hard` (by a policy change)."""
    select: Select = Select()
    """What the rule looks at."""
    cite: Annotated[str, NEUTRAL] = ""
    """Where the rule or its numbers come from."""

    @property
    def parts(self) -> tuple[RuleTerms, ...]:
        """The rules that this one is made of: itself, or those inside it."""
        return (self,)

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages and patterns of stages that the rule speaks of."""
        return self.select.stage

    @property
    def papers(self) -> frozenset[Papers]:
        """What people stated that the rule reads; only that is evidence of a run under its policy."""
        return frozenset()

    @property
    def refers_to(self) -> tuple[str, ...]:
        """Ids of other rules whose findings this one reads."""
        return ()

    def applies(self, case: Case) -> bool:
        """Whether the rule looks at the run of this case."""
        return self.select.applies(case.family, case.run, case.concerned)

    def takes(self, task: str, metric: str, kind: Kind | None, domains: Collection[str]) -> bool:
        """Whether the rule looks at this metric of a task with these domain tags (in the runs it applies to)."""
        return self.select.takes(task, metric, kind, domains)

    def takes_verdict(self, verdict: Verdict, case: Case) -> bool:
        """Whether the rule looks at the metric of this verdict."""
        return self.takes(verdict.task, verdict.metric.name, verdict.metric.kind, case.domains_of(verdict.task))
