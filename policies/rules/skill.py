"""Rule `skill`: a forecast that does not beat persistence may not gate."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from checkpoints_db.records import Answer, Case, Finding, Reason, Skilled, Verdict
from policies.direction import ANSWERS, HIGHER
from policies.rule_terms import RuleTerms
from policies.rules.base import found, spoken, subject_of
from policies.schema import Policy


class SkillTerms(RuleTerms):
    """Keys of a `skill` rule; it asks about the verdicts that it selects."""

    kind: Literal["skill"]
    """Kind of rule."""
    at_least: Annotated[float, Field(ge=0, lt=1), HIGHER] = 0.0
    """Skill that is enough, where it is above 0; 0 is that of repeating the last rung, 1 that of knowing."""
    forecasts: Annotated[int, Field(ge=1)] = 2
    """Past forecasts of the series without which its skill is not known."""
    on_few: Annotated[Literal["hold", "warn"], ANSWERS] = "hold"
    """What the rule says where there are fewer."""


class SkillRule:
    """Holds where the gate would rely on a forecast that is no better than the last value repeated."""

    kind = "skill"
    terms = SkillTerms
    reads_verdicts = False

    def look(self, terms: SkillTerms, case: Case, policy: Policy, at: datetime) -> tuple[Finding, ...]:
        """One finding for each selected verdict that rests on a forecast."""
        known = {each.series: each for each in case.skills}
        resting = [v for v in case.verdicts if terms.takes_verdict(v, case) and v.tail_above is not None]
        return tuple(self._judge(terms, verdict, known.get(verdict.series)) for verdict in resting)

    def _judge(self, terms: SkillTerms, verdict: Verdict, known: Skilled | None) -> Finding:
        subject = subject_of(verdict.task, verdict.metric.name)
        past, skill = (0, None) if known is None else (known.forecasts, known.skill)
        numbers = {"skill": skill, "forecasts": float(past), "at_least": terms.at_least}
        head = f"{verdict.checkpoint}: forecasts of {subject}"
        if skill is None or past < terms.forecasts:
            return found(
                terms,
                spoken(terms.on_few),
                Reason.blind,
                f"{head} have a history of {past}, and {terms.forecasts} are needed to tell their skill",
                subject=subject,
                numbers=numbers,
                magnitude=1.0,
                remedy="more smaller models had been evaluated",
            )
        if skill <= 0 or skill < terms.at_least:
            return found(
                terms,
                Answer.HOLD,
                Reason.blind,
                f"{head} had a skill of {skill:.2g} over {past} past ones, and {terms.at_least:g} or more is asked for "
                "(0 is repeating the last value)",
                subject=subject,
                numbers=numbers,
                magnitude=1.0 + terms.at_least - skill,
                remedy="they beat the last value repeated: evaluate more small models, or a steadier metric",
            )
        said = f"{head} had a skill of {skill:.2g} over {past} past ones"
        return found(terms, Answer.GO, Reason.ok, said, subject=subject, numbers=numbers)
