"""What every registered rule promises; an installed rule is checked the same way once it is in RULES."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from checkpoints_db.records import (
    Answer,
    Assessment,
    Attestation,
    Case,
    Compute,
    Diagnosis,
    Finding,
    Knot,
    Level,
    Metric,
    Missing,
    Rate,
    Reach,
    Record,
    Skilled,
    StageEntry,
    Verdict,
)
from policies import RULES, Rule, decide, shelf
from policies.loader import from_body
from policies.rule_terms import RuleTerms

T0 = datetime(2026, 11, 2, 9, tzinfo=UTC)
ACC = Metric(name="acc", kind="thresholded", lower=0.0, upper=1.0)
INSIDE = [{"id": "inside", "kind": "break"}, {"id": "inside-too", "kind": "evidence"}]
NEEDS: dict[str, dict[str, Any]] = {
    "level": {"metric": "*", "ceiling": 0.9},
    "reach": {"metric": "*", "ceiling": 0.9, "until": "4x"},
    "rate": {"metric": "*", "knots": "s3", "ratio": "2x"},
    "scale_step": {"factor": "4x"},
    "calendar": {"every": "6mo"},
    "stage": {"before": "rl", "requires": "light"},
    "safeguard": {"attestations": "security"},
    "all_of": {"rules": INSIDE},
    "any_of": {"rules": INSIDE},
}
"""Required keys of a kind beyond id, kind and level."""


def table(rule: Rule[Any], **more: Any) -> dict[str, Any]:
    return {"id": "mine", "kind": rule.kind, "level": "soft", **NEEDS.get(rule.kind, {}), **more}


def verdict(task: str, outcome: str, why: str = "ok", **more: Any) -> Verdict:
    body = {
        "family": "f",
        "run": "r",
        "checkpoint": "f/r",
        "task": task,
        "metric": ACC,
        "series": "s",
        "result": "r",
        "forecast": None,
        "outcome": outcome,
        "why": why,
        "observed": 0.5,
        "median": 0.5,
        "n": 500,
        "level": 0.98,
        "tail_above": 0.4,
        "tail_below": 0.6,
        "sentence": f"{task}: {outcome}",
        "judgement_version": 1,
    }
    return Verdict.model_validate({**body, **more})


def read(name: str, speaker: Verdict) -> Diagnosis:
    return Diagnosis.model_validate(
        {
            "family": "f",
            "run": "r",
            "checkpoint": "f/r",
            "question": speaker.task,
            "name": name,
            "why": speaker.why,
            "continuous": None,
            "thresholded": speaker,
            "sentence": f"{speaker.task}: {name}",
            "judgement_version": 1,
        }
    )


def case(*verdicts: Verdict, **more: Any) -> Case:
    names = {"expected": "on_trend", "above": "unresolved_jump", "below": "regression"}
    diagnoses = tuple(read(names.get(v.outcome, "inconclusive"), v) for v in verdicts)
    body = {"family": "f", "run": "r", "judged": True, "verdicts": verdicts, "diagnoses": diagnoses, "first_at": T0}
    return Case.model_validate({**body, "last_at": T0, **more})


PAPER: dict[str, Any] = {"by": "alice", "at": T0, "recorded_at": T0}
ASKED: dict[str, Any] = {
    "rule": "mine",
    "checkpoint": "f/r",
    "task": "a",
    "metric": ACC,
    "series": "s",
    "sentence": "f/r: a",
    "judgement_version": 1,
}
KNOT = Knot(name="s3", x=1, earlier=1, later=1, ratio=1, before=4, after=3)
COMPUTE = Compute(flop=1e20, counts="ours")
STATED: dict[str, Any] = {
    "checkpoint": "f/r",
    "compute": COMPUTE,
    "run_since": T0,
    "family_since": T0,
    "assessments": (Assessment(id="a", family="f", run="r", name="light", checkpoint="f/r", compute=COMPUTE, **PAPER),),
    "attestations": (Attestation(id="s", safeguard="security", **PAPER),),
    "stages": (StageEntry(id="e", family="f", run="r", stage="sft", **PAPER),),
    "skills": (Skilled(series="s", forecasts=5, skill=0.5),),
    "reaches": (Reach(**ASKED, level=0.9, observed=0.5, rungs=6, start=1e20, until=4e20, probability=0.01),),
    "rates": (
        Rate(**ASKED, unit="nats", knots=(Knot(name="s3", x=1, earlier=1, later=1, ratio=1, before=4, after=3),)),
    ),
}
"""Everything that people state of a run whose papers are in order, and what was computed for the rule `mine`."""

CASES = {
    "plain": case(verdict("a", "expected"), **STATED),
    "unstated": case(verdict("a", "expected")),
    "broken": case(verdict("a", "above", tail_above=1e-9)),
    "fallen": case(verdict("a", "below", tail_below=1e-9)),
    "doubtful": case(verdict("a", "inconclusive", "blind")),
    "unforeseen": case(verdict("a", "unforeseen", "unsealed", median=None, tail_above=None, tail_below=None)),
    "empty": case(),
    "bare": case(verdict("a", "expected"), first_at=None, last_at=None, diagnoses=()),
    "missing": case(verdict("a", "expected"), missing=(Missing(task="b", metric="acc"),)),
    "contradicted": case(verdict("a", "expected"), conflicts=("differ",), incomparable=("other prompt",)),
}

rules = pytest.mark.parametrize("rule", list(RULES), ids=lambda rule: rule.kind)


@rules
def test_its_terms_are_a_record_that_adds_to_the_common_keys(rule: Rule[Any]) -> None:
    assert issubclass(rule.terms, RuleTerms)
    assert issubclass(rule.terms, Record)
    kind = rule.terms.model_fields["kind"].annotation
    assert get_args(kind) == (rule.kind,)
    assert RULES.get(rule.kind) is rule


@rules
@pytest.mark.parametrize("name", CASES)
def test_it_looks_at_anything_without_raising_and_the_same_way_twice(rule: Rule[Any], name: str) -> None:
    policy = from_body({"name": "p", "rules": [table(rule)]})
    terms = policy.rules[0]
    found = rule.look(terms, CASES[name], policy, T0)
    assert found == rule.look(terms, CASES[name], policy, T0)
    for finding in found:
        assert isinstance(finding, Finding)
        assert (finding.rule, finding.kind, finding.level) == ("mine", rule.kind, Level.soft)
        assert finding.sentence
        assert finding.answer is Answer.GO or finding.would_pass_if
        assert (finding.waived_by, finding.released_by) == ("", "")


@rules
@pytest.mark.parametrize("name", CASES)
def test_only_the_plain_run_passes_any_rule_alone(rule: Rule[Any], name: str) -> None:
    """The house stands behind every rule: doubt about a run never passes, whichever rule looks at it alone."""
    answer = decide(from_body({"name": "p", "rules": [table(rule)]}), CASES[name], (), (), T0).answer
    if name in ("doubtful", "unforeseen", "empty", "contradicted"):
        assert answer.rank >= Answer.HOLD.rank
    if name == "plain":
        assert answer is Answer.GO
    if name == "unstated" and rule.kind in ("scale_step", "stage", "skill", "safeguard"):
        assert answer is Answer.HOLD
    if name == "missing" and rule.reads_verdicts:
        assert answer is Answer.HOLD


@rules
def test_no_key_spells_go_for_missing_or_doubtful_data(rule: Rule[Any]) -> None:
    """`go` may be said of the diagnoses on_trend and metric_artefact, and of nothing else."""

    def spelled(model: type[Record], prefix: str = "") -> list[str]:
        keys = []
        for key, field in model.model_fields.items():
            inner = field.annotation
            if isinstance(inner, type) and issubclass(inner, Record):
                keys += spelled(inner, f"{prefix}{key}.")
            elif "go" in str(inner).lower().replace("'", " ").split() or "'go'" in str(inner).lower():
                keys.append(f"{prefix}{key}")
        return keys

    allowed = ["answers.on_trend", "answers.metric_artefact"] if rule.kind == "diagnosis" else []
    assert spelled(rule.terms) == allowed


@rules
def test_it_refuses_unknown_keys(rule: Rule[Any]) -> None:
    with pytest.raises(Exception, match="unknown key 'levle'"):
        from_body({"name": "p", "rules": [table(rule, levle="soft")]})


@rules
def test_it_is_on_the_shelf_or_in_the_chapter_and_documented(rule: Rule[Any]) -> None:
    assert inspect.getdoc(type(rule))
    assert inspect.getdoc(rule.terms)


def test_every_kind_that_a_shipped_policy_uses_is_registered() -> None:
    kinds = {terms.kind for name in ("default", "strict", "shadow") for terms in shelf(name).rules}
    assert kinds <= set(RULES.names())
