"""Rule `drift`: many small surprises one way, none of which is a break by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from checkpoints_db.records import Answer, Case, Drift, Finding, Reason
from policies.direction import ANSWERS, HIGHER, SIDES, UNSURE
from policies.rule_terms import RuleTerms, Select
from policies.rules.base import found, spoken
from policies.rules.breaks import surprise
from policies.schema import Policy


class DriftTerms(RuleTerms):
    """Keys of a `drift` rule; what it selects is its domain, at least five tasks of which must have been judged."""

    kind: Literal["drift"]
    """Kind of rule."""
    select: Annotated[Select, UNSURE] = Select()
    """What the rule looks at; a wider domain can drown a drift, a narrower one miss it."""
    side: Annotated[Literal["above", "below", "either"], SIDES] = "above"
    """Direction of the drift, in terms of capability."""
    tail: Annotated[float, Field(gt=0, le=0.2), HIGHER] = 0.01
    """Probability of so large a mean surprise on trend, per side, below which the rule fires."""
    answer: Annotated[Literal["warn", "hold", "pause"], ANSWERS] = "warn"
    """What the rule says when it fires."""


class DriftRule:
    """Fires on the mean signed surprise of the tasks it selects."""

    kind = "drift"
    terms = DriftTerms
    reads_verdicts = False

    def look(self, terms: DriftTerms, case: Case, policy: Policy, at: datetime) -> tuple[Finding, ...]:
        """One finding; a pass where too few tasks were judged to speak of a drift."""
        own = [drift for drift in case.drifts if drift.domain == terms.id]
        if not own:
            sentence = f"{case.family}/{case.run}: too few judged tasks to speak of a drift"
            return (found(terms, Answer.GO, Reason.ok, sentence),)
        return tuple(self._judge(terms, drift) for drift in own)

    def _judge(self, terms: DriftTerms, drift: Drift) -> Finding:
        tails = {"above": drift.tail_above, "below": drift.tail_below}
        tail = min(tails.values()) if terms.side == "either" else tails[terms.side]
        fires = tail < terms.tail
        return found(
            terms,
            spoken(terms.answer) if fires else Answer.GO,
            Reason.broken if fires else Reason.ok,
            drift.sentence,
            numbers={"mean": drift.mean, "tail": tail, "limit": terms.tail, "effective": drift.effective},
            magnitude=surprise(tail) if fires else 0.0,
            remedy=f"its probability on trend were at least {terms.tail:g}" if fires else "",
        )
