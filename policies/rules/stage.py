"""Rule `stage`: before a run enters a stage, it must have been assessed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from checkpoints_db.records import Answer, Assessment, Case, Finding, Reason
from policies.direction import ANSWERS, MORE, WIDER
from policies.rule_terms import Papers, RuleTerms
from policies.rules.base import found, spoken
from policies.schema import Policy
from policies.spelling import Globs, Several, matches


class StageTerms(RuleTerms):
    """Keys of a `stage` rule."""

    kind: Literal["stage"]
    """Kind of rule."""
    before: Annotated[Globs, WIDER]
    """Stages before which the assessments must have been made."""
    requires: Annotated[Several, Field(min_length=1), MORE]
    """Names of the assessments of the run, each of which must have been made."""
    since: Literal["stage", "checkpoint"] = "stage"
    """Made since the run entered its present stage, or of its newest checkpoint."""
    answer: Annotated[Literal["warn", "hold", "pause"], ANSWERS] = "hold"
    """What the rule says while one of them is missing."""

    @property
    def papers(self) -> frozenset[Papers]:
        """What people stated that the rule reads."""
        return frozenset(("assessments of the run",))

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages and patterns of stages that the rule speaks of."""
        return (*self.select.stage, *self.before)


class StageRule:
    """Looks at the stage the run is in, and at the one it asks to enter."""

    kind = "stage"
    terms = StageTerms
    reads_verdicts = False

    def look(self, terms: StageTerms, case: Case, policy: Policy, at: datetime) -> tuple[Finding, ...]:
        """One finding for each stage and assessment; HOLD where nobody recorded which stage the run is in."""
        place = f"{case.family}/{case.run}"
        if not case.concerned or (not case.stages and terms.since == "stage"):
            why = f"{place}: nobody recorded which stage it is in, and {' or '.join(terms.before)} may be it"
            remedy = "its stage were recorded with `holdpoint run stage`"
            return (found(terms, Answer.HOLD, Reason.no_data, why, remedy=remedy, magnitude=1.0),)
        guarded = [stage for stage in case.concerned if matches(stage, terms.before)]
        if not guarded:
            said = f"{place}: {' and '.join(case.concerned)} needs no assessment by this rule"
            return (found(terms, Answer.GO, Reason.ok, said),)
        made = [a for a in case.assessments if (a.family, a.run) == (case.family, case.run)]
        made = [a for a in made if a.at <= at and a.recorded_at <= at]
        return tuple(self._need(terms, case, stage, name, made) for stage in guarded for name in terms.requires)

    def _need(self, terms: StageTerms, case: Case, stage: str, name: str, made: Iterable[Assessment]) -> Finding:
        inside = stage == case.stage
        words, since = _since(terms, case, inside=inside)
        enough = [
            a
            for a in made
            if a.name == name
            and (since is None or a.at >= since)
            and (words != _NEWEST or a.checkpoint == case.checkpoint)
        ]
        place, verb = f"{case.family}/{case.run}", "entered" if inside else "asks to enter"
        if enough:
            last = max(enough, key=lambda a: a.at)
            said = f"{place} {verb} {stage!r}: the assessment {name!r} was made on {last.at:%Y-%m-%d}"
            return found(terms, Answer.GO, Reason.ok, said, subject=f"{stage} · {name}")
        return found(
            terms,
            spoken(terms.answer),
            Reason.assessment_due,
            f"{place} {verb} {stage!r}, and no assessment {name!r} of it was made {words}",
            subject=f"{stage} · {name}",
            magnitude=1.0,
            remedy=f"an assessment {name!r} of {case.checkpoint or place} were recorded",
        )


_NEWEST = "of its newest checkpoint"


def _since(terms: StageTerms, case: Case, *, inside: bool) -> tuple[str, datetime | None]:
    """From when on an assessment counts, in words and as a moment.

    Of a run that is inside the stage already, one that was made in the stage before counts, and a late one too.
    """
    if inside:
        earlier = case.stages[-2:-1]
        words = f"since it entered {earlier[0].stage!r}, the stage before" if earlier else "at any time"
        return words, earlier[0].at if earlier else None
    if terms.since == "checkpoint":
        return _NEWEST, None
    return f"since it entered {case.stage!r}", case.stages[-1].at
