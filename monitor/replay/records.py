"""What replay says: steps of a walk, stretches in which a gate would not have been open, and what nobody could see."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from checkpoints_db.records import Answer, BudgetMethod, Decision, Instant, Kind, Reason, Record
from checkpoints_db.records.evidence import Name

Count = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(ge=0)]


class Step(Record):
    """One moment of the walk and the decision that stood after it."""

    at: Instant
    family: Name
    run: Name
    checkpoint: str
    """Id of the checkpoint it is about; empty where no result of it counted."""
    cause: Literal["evidence", "time"]
    """What brought it: results or people, at a moment the history has; or time alone, at one of the timetable."""
    changed: bool
    """Whether it says anything new; else the decision is an earlier one that still stands."""
    decision: Decision
    seq: Count
    """Row of the recorded decision that was made at this moment; 0 where time alone brought it."""


class Cause(Record):
    """One finding that would have stopped a run."""

    at: Instant
    checkpoint: str
    rule: Name
    subject: str
    answer: Answer
    reason: Reason
    sentence: str
    would_pass_if: str
    numbers: dict[str, float] = Field(default_factory=dict)


class Stretch(Record):
    """A time during which one run would have been warned, held or paused, and what would have ended it."""

    family: Name
    run: Name
    answer: Answer
    since: Instant
    until: Instant | None
    """When it ended; None where history ends first."""
    hours: Rate
    """How long it lasted, up to the end of history where that comes first."""
    causes: tuple[Cause, ...]
    """Of a pause every finding that paused, at its first moment; of a hold or warning the worst of each checkpoint."""
    ended: str
    """What ended it, or what would."""


class FalsePauses(Record):
    """How many checkpoints a policy pauses for nothing where every task is on its trend."""

    checkpoints: Count
    """Checkpoints that were judged by it."""
    tests: Count
    """Questions that were tested on all of them together."""
    method: BudgetMethod
    expected: Rate
    """Expected number of checkpoints paused for nothing; at most, where tests depend on each other."""
    a_year: Rate | None
    """The same for a year of this history; None where it spans less than a day."""
    sentence: str


class Sight(Record):
    """What the sealed forecasts of one metric of one task could have seen."""

    family: Name
    task: Name
    metric: Name
    kind: Kind
    results: Count
    """Results judged."""
    seen: Count
    """Those whose forecast could have shown a break of the size the policy asks for."""
    why: dict[str, Count] = Field(default_factory=dict)
    """Of the others: why not, and how many."""
    detectable: Rate | None
    """Middle one of the smallest breaks that would have been seen, in units of the metric; None where none would."""
    blindness: Rate | None
    """The same as a share of the metric's room."""


class Played(Record):
    """What one policy would have done in one family."""

    family: Name
    steps: tuple[Step, ...]
    sights: tuple[Sight, ...]
    judged: Count
    """Results that a verdict was made of."""
    tests: Count
    checkpoints: Count
    expected: Rate
    begins: Instant | None
    ends: Instant | None


class Unlike(Record):
    """A recorded decision that was not made again as it was."""

    seq: Count
    at: Instant
    family: Name
    run: Name
    recorded: str
    """Digest of the decision."""
    why: str


class Likeness(Record):
    """How many of the recorded decisions were made again, byte for byte."""

    decisions: Count
    same: Count
    unlike: tuple[Unlike, ...] = ()
    passed_over: dict[str, Count] = Field(default_factory=dict)
    """Why some were not tried, and how many."""


class Replay(Record):
    """What a policy would have done over a history."""

    policy: str
    """Digest of the policy."""
    policy_name: Name
    source: str
    """The store or the folder that was walked."""
    families: tuple[str, ...]
    begins: Instant | None
    ends: Instant | None
    moments: Count
    """Moments of history at which it was asked."""
    judged: Count
    answers: dict[str, Count]
    """How many checkpoints had which worst answer."""
    hours: dict[str, Rate]
    """For how many hours of history gates said what, all runs together."""
    stretches: tuple[Stretch, ...]
    false_pauses: FalsePauses
    unseen: Rate
    """Share of judged results whose sealed forecast could not have seen a break of the size the policy asks for."""
    sights: tuple[Sight, ...]
    likeness: Likeness | None = None
    """Where the policy is the one that decided: whether it decides the same again."""
    notes: tuple[str, ...] = ()
