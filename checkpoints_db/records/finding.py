"""What a rule says of a case, how binding that is, and what a gate answers."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from checkpoints_db.records.base import Record
from checkpoints_db.records.evidence import Name


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
