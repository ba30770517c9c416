"""What the rules of a policy ask of forecasts and ladders beside verdicts: reach, rate, skill. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from checkpoints_db import Store
from checkpoints_db.records import Case, Checkpoint, Sealed, Series, Verdict
from monitor.rating import rates
from monitor.reaching import reaches, skills
from policies.schema import RuleTerms


def outlook(
    store: Store, case: Case, rules: Sequence[RuleTerms], latest: Checkpoint, ladder: Mapping[str, Series]
) -> Case:
    """The case with an answer for each `reach`, `rate` and `skill` rule among `rules`; nothing is read for others.

    `ladder`: series id to the rungs below `latest`.
    """

    def dates(series: str) -> dict[str, datetime]:
        results = [seen.result for seen in store.evidence.results(series=series)]
        return {result.identity: result.date for result in results if result.date is not None}

    def behind(verdict: Verdict) -> Sealed | None:
        return None if verdict.forecast is None else store.judgements.forecast(verdict.forecast)

    asked = any(rule.kind == "skill" for rule in rules)
    return case.model_copy(
        update={
            "reaches": reaches(rules, case, latest, store.judgements.sealed),
            "rates": rates(rules, case, latest, ladder, dates),
            "skills": skills(case.verdicts, behind) if asked else (),
        }
    )
