"""Which assessments of a case count for a rule that measures from the last one."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from checkpoints_db.records import Assessment, Case
from policies.rule_terms import Papers, RuleTerms
from policies.spelling import Globs, matches


class SinceTerms(RuleTerms):
    """Keys of a rule that measures from the last assessment."""

    assessment: Globs = ("*",)
    """Assessments that count, by name."""
    of: Literal["family", "run"] = "family"
    """Whether assessments of every run of the family count, or of the run alone."""

    @property
    def papers(self) -> frozenset[Papers]:
        """What people stated that the rule reads."""
        return frozenset(("assessments of the family" if self.of == "family" else "assessments of the run",))

    @property
    def wanted(self) -> str:
        """The assessments that count, in words."""
        return (
            "an assessment" if self.assessment == ("*",) else f"an assessment {' or '.join(map(repr, self.assessment))}"
        )


def counted(terms: SinceTerms, case: Case, at: datetime) -> list[Assessment]:
    """The assessments that count at `at`, in order of when they were made; what lies in the future does not count."""
    known = [a for a in case.assessments if a.at <= at and a.recorded_at <= at and matches(a.name, terms.assessment)]
    own = [a for a in known if a.family == case.family and (terms.of == "family" or a.run == case.run)]
    return sorted(own, key=lambda a: a.at)


def named(assessment: Assessment) -> str:
    """An assessment in words: which, of what, when."""
    return f"assessment {assessment.name!r} of {assessment.checkpoint} on {assessment.at:%Y-%m-%d}"
