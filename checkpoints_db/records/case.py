"""All that a policy is asked of a run at one moment: verdicts, diagnoses, what is missing, and what people did."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import Field

from checkpoints_db.records.assessment import Assessment, Attestation, Compute, StageEntry
from checkpoints_db.records.base import Instant, Record, Signed
from checkpoints_db.records.budget import Look
from checkpoints_db.records.drift import Drift
from checkpoints_db.records.evidence import Name
from checkpoints_db.records.judgement import Diagnosis, Fault, Verdict
from checkpoints_db.records.reach import Rate, Reach, Skilled


class Latch(Record):
    """An earlier PAUSE of the run that has not been released."""

    decision: str
    """Digest of the decision that paused."""
    at: Instant
    sentence: str
    hard: bool = False
    """Whether a hard rule paused: then no release opens it."""
    rules: tuple[str, ...] = ()
    """Ids of the hard rules that paused; where none is known a hard latch stays hard."""


class BreakGlass(Signed):
    """One person lets a stopped run go on for a while, in an emergency; a review is due."""

    id: Name
    family: Name
    run: Name
    by: Name
    reason: Annotated[str, Field(min_length=1)]
    at: Instant
    expires: Instant
    max_flop: Annotated[float, Field(gt=0)]
    """Training compute up to which the run may go meanwhile."""
    evidence: dict[str, str]
    """Digest of each policy that decided to the digest of the evidence it rested on."""


class GlassReview(Signed):
    """Another person has looked at a break-glass afterwards; it ends it."""

    id: Name
    glass: Name
    family: Name
    run: Name
    by: Name
    reason: Annotated[str, Field(min_length=1)]
    """What was found."""
    at: Instant


class Missing(Record):
    """A result that the ladder has, or an earlier checkpoint of the run at its stage, and the newest has not."""

    task: Name
    metric: Name


class Case(Record):
    """Everything a policy may look at when it decides on one run. Two equal cases get equal decisions."""

    family: Name
    run: Name
    checkpoint: str = ""
    """Id of the newest checkpoint that has news: the one that is decided about."""
    judged: bool
    """Whether any result of the run arrived as news (rather than as baseline history)."""
    verdicts: tuple[Verdict, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()
    drifts: tuple[Drift, ...] = ()
    """One for each `drift` rule of the policy that has enough questions to speak of."""
    missing: tuple[Missing, ...] = ()
    """What smaller rungs, or earlier checkpoints of the run, were evaluated on and its newest checkpoint was not."""
    first_at: Instant | None = None
    """When the first result of the run arrived."""
    last_at: Instant | None = None
    """When the newest result of the run arrived."""
    conflicts: tuple[str, ...] = ()
    """Sentences about results that contradict each other."""
    incomparable: tuple[str, ...] = ()
    """Sentences about results whose conditions differ from the ladder's."""
    faults: tuple[Fault, ...] = ()
    """What is wrong with how its tasks were measured, and hints of contamination. None of them lifts anything."""
    questions: dict[str, str] = Field(default_factory=dict)
    """Task to the question it asks, where the catalogue reads several tasks together."""
    looks: tuple[Look, ...] = ()
    """Earlier checkpoints of the run, oldest first; told where the policy's budget is of the run."""
    domains: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Task to its domain tags, of every task of the run and its ladder that the catalogue gives any."""
    compute: Compute | None = None
    """Training behind the newest checkpoint; None where neither FLOP nor parameters and tokens are known."""
    run_since: Instant | None = None
    """When the first result of the run arrived, of any of its checkpoints; told where a `calendar` rule asks."""
    family_since: Instant | None = None
    """When the first result of the family arrived; told where a `calendar` rule asks."""
    assessments: tuple[Assessment, ...] = ()
    """Of the run, or of its family where a rule asks for those; oldest first. Withdrawn ones are left out, and so is
    what no rule of the policy reads, as everywhere here."""
    attestations: tuple[Attestation, ...] = ()
    """Of safeguards, as far as they speak of this run."""
    stages: tuple[StageEntry, ...] = ()
    """Which stages the run entered, in order of time."""
    entering: str = ""
    """The stage that it asks to enter; empty where it only asks to go on."""
    reaches: tuple[Reach, ...] = ()
    """One for each `reach` rule and metric it selects."""
    rates: tuple[Rate, ...] = ()
    """One for each `rate` rule and series it selects."""
    skills: tuple[Skilled, ...] = ()
    """One for each judged metric, where the policy has a `skill` rule."""
    latch: Latch | None = None
    glass: BreakGlass | None = None
    """A break-glass of the run that nobody has reviewed, live or ended."""

    @cached_property
    def evidence(self) -> str:
        """Digest of the evidence a person sees when releasing; latch, break-glass and a question are not evidence."""
        return self.model_copy(update={"latch": None, "glass": None, "entering": ""}).digest

    @property
    def stage(self) -> str:
        """The stage the run is in; empty where nobody recorded one."""
        return self.stages[-1].stage if self.stages else ""

    @property
    def concerned(self) -> tuple[str, ...]:
        """The stages that are spoken of: that of the run, and the one it asks to enter."""
        return tuple(stage for stage in dict.fromkeys((self.stage, self.entering)) if stage)

    def domains_of(self, task: str) -> tuple[str, ...]:
        """Domain tags of a task."""
        return self.domains.get(task, ())

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy; its evidence is that of the original only where nothing but the latch is another one."""
        copied = super().model_copy(update=update, deep=deep)
        if set(update or ()) - {"latch"}:
            copied.__dict__.pop("evidence", None)
        return copied
