"""Whatever people stated and whatever was computed: no rule raises, and what is taken away opens nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkpoints_db.records import (
    Answer,
    Assessment,
    Attestation,
    Case,
    Compute,
    Knot,
    Metric,
    Rate,
    Reach,
    Reason,
    Skilled,
    StageEntry,
)
from policies import decide
from policies.loader import from_body
from policies.schema import Policy

SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
EVER = datetime(1, 1, 2), datetime(9999, 12, 30)  # noqa: DTZ001  hypothesis adds the zone
NEAR = datetime(2026, 1, 1), datetime(2027, 6, 1)  # noqa: DTZ001  hypothesis adds the zone
moments = st.datetimes(*NEAR, timezones=st.just(UTC)) | st.datetimes(*EVER, timezones=st.just(UTC))
figures = st.floats(1e-300, 1e300) | st.floats(1e19, 1e26)
names = st.sampled_from(["comprehensive", "light"])
stages = st.sampled_from(["pretrain", "sft", "rl"])
shares = st.none() | st.floats(0, 1)
ACC = Metric(name="exact_match", kind="thresholded", lower=0.0, upper=1.0)

computes = st.builds(
    Compute,
    flop=figures,
    also=st.none() | figures,
    within=st.sampled_from([0.0, 0.0, 0.15, 1.0]),
    counts=st.sampled_from(["", "ours"]),
    effective=st.none() | figures,
    estimator=st.sampled_from(["", "memo"]),
)
stated: dict[str, Any] = {"id": st.uuids().map(str), "by": st.just("a"), "at": moments, "recorded_at": moments}
assessments = st.builds(
    Assessment,
    **stated,
    family=st.just("tiny"),
    run=st.sampled_from(["m4", "m3"]),
    name=names,
    checkpoint=st.sampled_from(["tiny/m4", "tiny/m3"]),
    compute=st.none() | computes,
)
attestations = st.builds(Attestation, **stated, safeguard=st.sampled_from(["lock", "key"]), expires=st.none() | moments)
entries = st.builds(StageEntry, **stated, family=st.just("tiny"), run=st.just("m4"), stage=stages)
asked: dict[str, Any] = {
    "rule": st.sampled_from(["r0", "r1", "in-0"]),
    "checkpoint": st.just("tiny/m4"),
    "task": st.just("shift"),
    "metric": st.just(ACC),
    "series": st.just("s"),
    "why": st.sampled_from(["ok", "plateau", "unsealed", "no_scale", "forms_disagree"]),
    "sentence": st.just("asked"),
    "judgement_version": st.just(1),
}
reaches = st.builds(
    Reach,
    **asked,
    level=st.just(0.6),
    observed=st.floats(0, 1),
    start=st.none() | figures,
    until=st.none() | figures,
    probability=shares,
    seen=shares,
    rungs=st.integers(0, 9),
)
numbers = st.none() | st.floats(-1e300, 1e300)
knots = st.builds(
    Knot,
    name=st.just("k"),
    x=st.just(1.0),
    earlier=st.just(1.0),
    later=st.just(1.0),
    ratio=numbers,
    lower=numbers,
    before=st.integers(0, 9),
    after=st.integers(0, 9),
)
rates = st.builds(Rate, **asked, unit=st.just("nats"), knots=st.lists(knots, max_size=3).map(tuple))


def lists(of: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=3).map(tuple)


@st.composite
def extras(draw: st.DrawFn) -> dict[str, Any]:
    """Everything that a case may hold beside its verdicts."""
    return {
        "checkpoint": "tiny/m4",
        "compute": draw(st.none() | computes),
        "run_since": draw(st.none() | moments),
        "family_since": draw(st.none() | moments),
        "assessments": draw(lists(assessments)),
        "attestations": draw(lists(attestations)),
        "stages": tuple(sorted(draw(lists(entries)), key=lambda e: e.at)),
        "entering": draw(st.sampled_from(["", "rl", "nowhere"])),
        "reaches": draw(lists(reaches)),
        "rates": draw(lists(rates)),
        "skills": draw(lists(st.builds(Skilled, series=st.just("s"), forecasts=st.integers(0, 9), skill=numbers))),
    }


SIMPLE: list[dict[str, Any]] = [
    {"kind": "scale_step", "factor": "2x"},
    {"kind": "scale_step", "factor": "4x", "since": "largest", "assessment": "comprehensive", "warn_at": 0.5},
    {"kind": "scale_step", "factor": "1x", "reference": 1e23, "answer": "pause"},
    {"kind": "scale_step", "factor": "2x", "axis": "effective_compute", "of": "run"},
    {"kind": "scale_step", "at": 1e25, "counts": "ours"},
    {"kind": "calendar", "every": "6mo", "zone": "America/New_York", "warn": ["30d"]},
    {"kind": "calendar", "every": "90d", "of": "run", "assessment": "light", "answer": "pause"},
    {"kind": "stage", "before": "rl", "requires": ["light"]},
    {"kind": "stage", "before": "*", "requires": ["light", "comprehensive"], "since": "checkpoint"},
    {"kind": "safeguard", "attestations": ["lock", "key"], "max_age": "1y"},
    {"kind": "skill", "at_least": 0.1},
    {"kind": "reach", "metric": "exact_match", "ceiling": 0.6, "until": "4x"},
    {"kind": "reach", "metric": "*", "ceiling": 0.6, "until": "4x", "since": "assessment", "probability": 0.5},
    {"kind": "rate", "metric": "exact_match", "knots": "k", "ratio": "2x", "on_few": "warn"},
    {"kind": "rate", "metric": "exact_match", "knots": "k", "ratio": "2x", "confidence": 0.95},
    {"kind": "break"},
    {"kind": "level", "metric": "exact_match", "ceiling": 0.6},
]


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """One or two rules, some of them made of others."""
    rules = []
    for number in range(draw(st.integers(1, 2))):
        body: dict[str, Any] = {"id": f"r{number}", "level": draw(st.sampled_from(["soft", "hard"]))}
        kind = draw(st.sampled_from(["simple", "simple", "all_of", "any_of"]))
        if kind == "simple":
            rules.append({**body, **draw(st.sampled_from(SIMPLE))})
            continue
        inside = draw(st.lists(st.sampled_from(SIMPLE), min_size=1, max_size=3))
        own = [{**inner, "id": f"in-{number}-{n}"} for n, inner in enumerate(inside)]
        rules.append({**body, "kind": kind, "rules": own, "answer": draw(st.sampled_from(["pause", "hold", "warn"]))})
    return from_body({"name": "any", "rules": rules})


def case(made: SimpleNamespace, more: dict[str, Any]) -> Case:
    found: Case = made.case((made.verdict(metric=made.MATCH, n=500, stderr=0.01),), **more)
    return found


@SLOW
@given(policies(), extras(), moments)
def test_no_rule_raises(made: SimpleNamespace, policy: Policy, more: dict[str, Any], at: datetime) -> None:
    decision = decide(policy, case(made, more), (), (), at)
    assert all("failed:" not in finding.sentence for finding in decision.findings)
    assert all(finding.would_pass_if for finding in decision.findings)
    assert decide(policy, case(made, more), (), (), at) == decision


@SLOW
@given(policies(), extras(), moments, st.sampled_from(["compute", "reaches", "rates", "skills", "stages"]))
def test_what_is_taken_away_opens_nothing(
    made: SimpleNamespace, policy: Policy, more: dict[str, Any], at: datetime, what: str
) -> None:
    gone = {**more, what: None if what == "compute" else ()}
    before, after = (decide(policy, case(made, each), (), (), at).answer for each in (more, gone))
    assert after.rank >= Answer.HOLD.rank or before.rank < Answer.HOLD.rank


@SLOW
@given(policies(), extras(), moments)
def test_without_any_papers_nothing_that_asks_for_them_passes(
    made: SimpleNamespace, policy: Policy, more: dict[str, Any], at: datetime
) -> None:
    bare = case(made, {**more, "compute": None, "assessments": (), "attestations": (), "stages": (), "skills": ()})
    bare = bare.model_copy(update={"run_since": None, "family_since": None, "entering": ""})
    needs = {"scale_step", "calendar", "stage", "safeguard", "skill"}
    if any(rule.kind in needs for rule in policy.rules):
        assert decide(policy, bare, (), (), at).answer.rank >= Answer.HOLD.rank


@SLOW
@given(computes, computes, st.floats(1, 10))
def test_more_compute_never_helps(made: SimpleNamespace, now: Compute, then: Compute, more: float) -> None:
    base = made.assessment(at=made.T0, compute=then)
    policy = from_body({"name": "p", "rules": [{"id": "r", "level": "soft", "kind": "scale_step", "factor": "2x"}]})
    grown = now.model_copy(update={"flop": now.flop * more, "also": None if now.also is None else now.also * more})
    if grown.flop == float("inf"):
        return
    less, larger = (made.case(compute=each, assessments=(base,)) for each in (now, grown))
    answers = [decide(policy, each, (), (), made.T0).answer.rank for each in (less, larger)]
    assert answers[1] >= answers[0]


@SLOW
@given(st.floats(0, 1), st.floats(0, 1))
def test_a_larger_probability_never_helps(made: SimpleNamespace, one: float, other: float) -> None:
    rule = {"id": "r", "level": "soft", "kind": "reach", "metric": "exact_match", "ceiling": 0.9, "until": "4x"}
    policy = from_body({"name": "p", "rules": [rule]})
    body = {"rule": "r", "checkpoint": "tiny/m4", "task": "shift", "metric": ACC, "series": "s", "level": 0.9}
    ranks = []
    for p in sorted((one, other)):
        found = Reach.model_validate(
            {**body, "observed": 0.5, "rungs": 5, "probability": p, "sentence": "s", "judgement_version": 1}
        )
        verdicts = (made.verdict(metric=made.MATCH),)
        ranks.append(decide(policy, made.case(verdicts, reaches=(found,)), (), (), made.T0).answer.rank)
    assert ranks == sorted(ranks)


@pytest.mark.parametrize("days", [0, 1, 180, 181, 400])
def test_time_alone_never_helps_a_calendar(made: SimpleNamespace, days: int) -> None:
    rule = {"id": "r", "level": "soft", "kind": "calendar", "every": "6mo", "warn": "30d"}
    policy = from_body({"name": "p", "rules": [rule]})
    base = made.case(assessments=(made.assessment(at=made.T0),))
    now, later = (decide(policy, base, (), (), made.T0 + timedelta(days=d)) for d in (days, days + 1))
    assert later.answer.rank >= now.answer.rank
    assert now.reason in (Reason.ok, Reason.assessment_due)
