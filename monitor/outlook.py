"""What the rules of a policy ask beside verdicts: of people's statements, of forecasts and of ladders. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from checkpoints_db import Store
from checkpoints_db.records import Case, Checkpoint, Sealed, Series, Verdict
from monitor.rating import rates
from monitor.reaching import reaches, skills
from policies.rule_terms import RuleTerms


def outlook(
    store: Store, case: Case, rules: Sequence[RuleTerms], latest: Checkpoint, ladder: Mapping[str, Series]
) -> Case:
    """The case with an answer for each `reach`, `rate` and `skill` rule among `rules`, and the statements they read.

    Nothing is read for others: what no rule asks for is no evidence, and cannot void what people approved of.
    `ladder`: series id to the rungs below `latest`.
    """
    case = _stated(store, case, rules)

    def dates(series: str) -> dict[str, datetime]:
        results = [seen.result for seen in store.evidence.results(series=series)]
        return {result.identity: result.date for result in results if result.date is not None}

    def behind(verdict: Verdict) -> Sealed | None:
        return None if verdict.forecast is None else store.judgements.forecast(verdict.forecast)

    asked = any(rule.kind == "skill" for rule in rules)
    return case.model_copy(
        update={
            "reaches": reaches(rules, case, latest, store.judgements.seals_of),
            "rates": rates(rules, case, latest, ladder, dates),
            "skills": skills(case.verdicts, behind) if asked else (),
        }
    )


def _stated(store: Store, case: Case, rules: Sequence[RuleTerms]) -> Case:
    """The case with what people stated, as far as a rule reads it."""
    read = {papers for rule in rules for papers in rule.papers}
    found: dict[str, object] = {}
    if "assessments of the family" in read:
        found["assessments"] = tuple(store.actions.assessments(case.family))
    elif "assessments of the run" in read:
        found["assessments"] = tuple(store.actions.assessments(case.family, case.run))
    if "attestations" in read:
        found["attestations"] = tuple(store.actions.attestations(case.family, case.run))
    if any(rule.kind == "calendar" for rule in rules):
        found["run_since"] = store.evidence.first_seen(case.family, case.run)
        found["family_since"] = store.evidence.first_seen(case.family)
    return case.model_copy(update=found)
