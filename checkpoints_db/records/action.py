"""What we do about it: findings, decisions, alerts, reviews, messages."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from checkpoints_db.records.assessment import Assessment, Attestation, Compute, StageEntry
from checkpoints_db.records.base import Instant, Record, Signed
from checkpoints_db.records.budget import Budget, Look
from checkpoints_db.records.drift import Drift
from checkpoints_db.records.evidence import Name
from checkpoints_db.records.judgement import Diagnosis, Fault, Verdict
from checkpoints_db.records.lifecycle import OVER, AlertState
from checkpoints_db.records.policy import PolicyName
from checkpoints_db.records.reach import Rate, Reach, Skilled


class Answer(StrEnum):
    """What a gate says; ordered GO < WARN < HOLD < PAUSE, worst wins."""

    GO = "GO"
    WARN = "WARN"
    HOLD = "HOLD"
    PAUSE = "PAUSE"

    @property
    def rank(self) -> int:
        """0 for GO up to 3 for PAUSE."""
        return _RANK[self]

    @staticmethod
    def worst(answers: list[Answer]) -> Answer:
        """The worst of `answers`; GO of nothing (callers make sure that nothing is never asked).

        >>> Answer.worst([Answer.GO, Answer.HOLD, Answer.WARN])
        <Answer.HOLD: 'HOLD'>
        """
        return max(answers, key=lambda a: a.rank, default=Answer.GO)


_RANK = {answer: rank for rank, answer in enumerate(Answer)}


class Level(StrEnum):
    """How binding a rule is; kept outside the rule itself."""

    shadow = "shadow"  # evaluated and recorded, cannot stop anything
    advisory = "advisory"  # at most WARN
    soft = "soft"  # stops; released by quorum, may be waived
    hard = "hard"  # stops; only a policy change removes it


class Reason(StrEnum):
    """Why a finding or a decision is what it is."""

    ok = "ok"
    broken = "broken"  # a rule's own test is broken
    no_data = "no_data"  # a required result is missing
    stale = "stale"  # an evaluation is older than the policy allows
    incomparable = "incomparable"  # results that must agree do not
    blind = "blind"  # the forecast could not have seen the break the policy cares about
    forms_disagree = "forms_disagree"
    unregistered = "unregistered"  # no valid sealed forecast, or nothing was ever judged
    assessment_due = "assessment_due"
    fault = "fault"  # an error of ours: exception, unreadable policy or store
    latched = "latched"  # an earlier pause that nobody has released


_MOST = {Level.shadow: Answer.GO, Level.advisory: Answer.WARN, Level.soft: Answer.PAUSE, Level.hard: Answer.PAUSE}
"""The worst that a finding of a level can answer."""


class Finding(Record):
    """What one rule says of one subject of a case: a sentence, numbers, and what would change it."""

    rule: Name
    kind: Name
    level: Level
    answer: Answer
    """What the rule says, before its level is applied."""
    reason: Reason
    subject: str = ""
    """`task` or `task · metric`; empty for the run as a whole."""
    sentence: str
    would_pass_if: str = ""
    numbers: dict[str, float] = Field(default_factory=dict)
    magnitude: Annotated[float, Field(ge=0)] = 0.0
    """How bad it is, growing with badness; a waiver is void as soon as this exceeds the waived level."""
    waived_by: str = ""
    released_by: str = ""
    broken_by: str = ""
    """Who broke the glass over it: it warns, for a while."""

    @property
    def effect(self) -> Answer:
        """What the finding contributes to the decision, after level, waiver, release and break-glass."""
        if self.waived_by or self.released_by:
            return Answer.GO
        cap = _MOST[self.level]
        if self.broken_by and cap.rank > Answer.WARN.rank:
            cap = Answer.WARN
        return self.answer if self.answer.rank <= cap.rank else cap


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


class Waiver(Record):
    """A named person lets one named rule pass, for one run and subject, up to one magnitude, until it expires."""

    id: Name
    rule: Name
    family: Name
    run: Name
    subject: str = ""
    up_to: Annotated[float, Field(ge=0)]
    """Magnitude of the finding that was seen; a larger one voids the waiver."""
    answer: Answer
    """Answer of the finding that was seen; a worse one voids the waiver."""
    saw: Reason | None = None
    """Reason of the finding that was seen; one of another reason is another finding. None in hand-made records: any."""
    by: Name
    reason: Annotated[str, Field(min_length=1)]
    at: Instant
    expires: Instant
    policy: str
    """Digest of the policy it was granted under."""


class Approval(Signed):
    """One person's vote to reopen a gate, bound to the evidence and the policy they saw."""

    id: Name
    family: Name
    run: Name
    by: Name
    reason: Annotated[str, Field(min_length=1)]
    at: Instant
    evidence: str
    policy: str
    veto: bool = False
    """A rejection: one is enough to keep the gate closed for this evidence."""
    max_flop: Annotated[float, Field(gt=0)] | None = None
    """Training compute up to which the release is meant to go; None for as far as the evidence does."""


class Decision(Record):
    """The worst finding of a policy on a case."""

    family: Name
    run: Name
    answer: Answer
    reason: Reason
    sentence: str
    """The finding that decided, in words."""
    findings: tuple[Finding, ...]
    """Every finding that is not a plain pass, worst first; waived and released ones stay visible."""
    passed: int
    """Number of tests that passed."""
    budget: Budget | None = None
    """What the size of the suite costs in false alarms; None where no policy was asked."""
    waived: int = 0
    approvals: tuple[str, ...] = ()
    """Names of those whose valid approvals count for this evidence and policy."""
    needed: int = 0
    """Approvals a release needs; 0 where nothing is to be released."""
    released: bool = False
    break_glass: str = ""
    """Id of the break-glass that lets the run go on; empty where none does."""
    until: Instant | None = None
    """When that ends."""
    max_flop: float | None = None
    """Training compute up to which a release or a break-glass goes; None where it is not bounded."""
    policy: str
    """Digest of the policy whose answer decided."""
    policy_name: str
    asked: tuple[PolicyName, ...] = ()
    """The policies that were asked, where there were several; the worst answer won."""
    pending: PolicyName | None = None
    """A policy that is configured and not in force: its change waits for approval."""
    evidence: str
    at: Instant
    judgement_version: int


class Alert(Record):
    """A decision that wants a human; the same trouble is one alert."""

    id: str
    """First twelve characters of the fingerprint."""
    fingerprint: str
    family: str
    """Empty for alerts about files that could not be placed."""
    run: str
    rule: Name
    answer: Answer
    state: AlertState
    opened_at: Instant
    changed_at: Instant
    sentence: str
    findings: tuple[Finding, ...] = ()
    decision: str = ""
    """Digest of the newest decision behind it."""
    episode: Annotated[int, Field(ge=1)] = 1
    """Counts re-openings after a close."""
    domains: tuple[Name, ...] = ()
    """Domains of the tasks it speaks of, as the catalogue has them."""
    evidence: str = ""
    """Digest of the evidence behind it; of an alert about files and about ourselves, of what it says."""
    receded: bool = False
    """Whether it says less by now, or nothing. A flag: an alert of a pause stays as it is until that is released."""
    assigned: str = ""
    """Whose it is; empty while it is nobody's."""
    settled_by: str = ""
    """Who closed it; empty where nobody did, or the trouble went by itself."""
    drill: str = ""
    """The fire drill it is of, whose break was made on paper; empty for a real one."""

    @property
    def over(self) -> bool:
        """Whether nobody has to do anything about it."""
        return self.state in OVER


class GateState(Record):
    """What the gate of one run says now."""

    family: Name
    run: Name
    answer: Answer
    reason: Reason
    sentence: str
    decision: str
    """Digest of the decision it rests on; empty where there is none."""
    evidence: str = ""
    policy: str = ""
    break_glass: str = ""
    """Id of the break-glass that lets the run go on; empty where none does."""
    until: Instant | None = None
    """When that ends."""
    max_flop: float | None = None
    """Training compute up to which a release or a break-glass goes; None where it is not bounded."""
    at: Instant

    @property
    def exit_code(self) -> int:
        """0 GO (and WARN), 10 HOLD, 20 PAUSE."""
        return {Answer.GO: 0, Answer.WARN: 0, Answer.HOLD: 10, Answer.PAUSE: 20}[self.answer]


class Told(Record):
    """One further alert of a message about several, in short."""

    alert: str
    family: str
    run: str
    rule: Name
    answer: Answer
    state: AlertState
    sentence: str


EVERYBODY = "*"
"""Receiver of a message that has not been routed yet."""

MessageEvent = Literal[
    "opened",
    "changed",
    "acknowledged",
    "under_review",
    "confirmed",
    "false_alarm",
    "evidence_invalid",
    "closed",
    "reopened",
    "repeated",
    "escalated",
]


class Message(Record):
    """A message owed, written in the same transaction as its alert: first to everybody, then to each receiver."""

    id: str
    """Idempotency key: the same event to the same receiver has the same id."""
    receiver: Name
    """Name of a receiver in the settings, or `*` where the routes have not been asked yet."""
    event: MessageEvent
    alert: Alert
    """The worst alert it tells of."""
    at: Instant
    then: tuple[Name, ...] = ()
    """Who stands in when the receiver can never be reached; of a message to everybody, who is told without routes."""
    route: str = ""
    """Name of the route it goes by."""
    group: dict[str, str] = Field(default_factory=dict)
    """What its alerts are alike in."""
    topic: str = ""
    """Digest of route and group."""
    alerts: tuple[str, ...] = ()
    """Ids of the alerts it tells of, worst first."""
    others: tuple[Told, ...] = ()
    """The next worst of them, a few."""
    held_back: Annotated[int, Field(ge=0)] = 0
    """Consequences of its alert that nobody is told of while it is open."""
    bundle: str = ""
    """What is the same for all its receivers."""

    @property
    def count(self) -> int:
        """Number of alerts it tells of."""
        return max(len(self.alerts), 1)
