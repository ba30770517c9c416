"""From a store to what `reach`, `rate` and `skill` rules are answered, and what the gate says."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from lab import Lab, Row, rung

from checkpoints_db.records import Answer, Case, Decision, Reason
from monitor import gate
from policies.loader import from_body

ASKS = """
name = "asks"
[[rules]]
id = "near"
kind = "reach"
level = "soft"
metric = "acc"
ceiling = 0.62
until = "4x"
[[rules]]
id = "far"
kind = "reach"
level = "soft"
metric = "acc"
ceiling = 0.9
until = "4x"
[[rules]]
id = "loss"
kind = "reach"
level = "soft"
metric = "nll"
ceiling = 1.0
until = "4x"
[[rules]]
id = "rate"
kind = "rate"
level = "soft"
metric = ["acc", "nll"]
knots = ["s2", "s3"]
ratio = "2x"
[[rules]]
id = "skill"
kind = "skill"
level = "soft"
"""


def dated(i: int, **more: float | None) -> list[Row]:
    return rung(i, **more, date=datetime(2020 + i, 1, 1, tzinfo=UTC).isoformat())


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.policy.write_text(ASKS)
    lab.baseline([row for i in range(6) for row in dated(i)])
    lab.arrive(dated(6), "s6.csv")
    lab.cycle()
    return lab


def case_of(lab: Lab, policy: str = ASKS) -> tuple[Case, Decision]:
    with lab.store() as store:
        rules = lab.rules()
        case = gate.case_of(store, rules.catalogue, rules.policy, "lab", "s6")
        return case, store.judgements.decisions("lab", "s6")[-1]


def test_reach_asks_the_newest_seal_beyond_the_newest_checkpoint(lab: Lab) -> None:
    case, _ = case_of(lab)
    near, far, loss = case.reaches
    assert (near.rule, far.rule, loss.rule) == ("near", "far", "loss")
    assert (near.start, near.until, near.axis) == (1e18 * 4.0**6, 1e18 * 4.0**7, "flop")
    with lab.store() as store:
        sealed = store.judgements.sealed(near.series)
        assert sealed is not None
        assert near.forecast == sealed.forecast.digest
        assert sealed.forecast.rungs[-1] == "s6"
    for found in case.reaches:
        assert found.probability is not None
        assert found.marginal is not None
        assert 0 <= found.marginal <= found.probability <= 1
    assert (near.probability or 0) > 0.1 > (far.probability or 0)
    assert "before 4x its scale" in near.sentence


def test_rate_names_the_slopes_at_both_knots(lab: Lab) -> None:
    case, _ = case_of(lab)
    acc = next(rate for rate in case.rates if rate.metric.name == "acc")
    assert [(knot.name, knot.before, knot.after) for knot in acc.knots] == [("s2", 3, 4), ("s3", 4, 3)]
    for found in acc.knots:
        assert found.ratio == pytest.approx(1.0, abs=0.3)
    assert acc.unit == "nats of flop"
    slowing = next(rate for rate in case.rates if rate.metric.name == "nll")
    assert all(knot.ratio is not None and 0 < knot.ratio < 1 for knot in slowing.knots)


def test_the_gate_holds_for_what_is_near_and_for_nothing_else(lab: Lab) -> None:
    _, decision = case_of(lab)
    fired = {finding.rule: finding for finding in decision.findings if finding.answer is Answer.HOLD}
    assert fired["near"].reason is Reason.assessment_due
    assert "rate" not in fired
    assert "far" not in fired


def test_skill_is_that_of_the_forecast_that_judged(lab: Lab) -> None:
    case, _ = case_of(lab)
    known = {skilled.series: skilled for skilled in case.skills}
    for verdict in case.verdicts:
        assert verdict.series in known
        assert known[verdict.series].skill == verdict.skill


def test_a_rule_that_is_not_there_asks_nothing(lab: Lab) -> None:
    policy = from_body({"name": "p", "rules": [{"id": "e", "kind": "evidence", "level": "soft"}]})
    with lab.store() as store:
        case = gate.case_of(store, lab.catalogue, policy, "lab", "s6")
    assert (case.reaches, case.rates, case.skills) == ((), (), ())


def test_a_rate_over_time_and_inside_a_composite(lab: Lab, tmp_path: Path) -> None:
    inner = {"id": "timed", "kind": "rate", "metric": "acc", "ratio": "2x", "over": "time", "confidence": 0.9}
    rules = [{"id": "all", "kind": "all_of", "level": "soft", "rules": [{**inner, "knots": ["s3", "2022-07-01"]}]}]
    with lab.store() as store:
        case = gate.case_of(store, lab.catalogue, from_body({"name": "p", "rules": rules}), "lab", "s6")
    (rate,) = case.rates
    assert rate.unit == "years"
    assert [(knot.before, knot.after) for knot in rate.knots] == [(4, 3), (3, 4)]
    assert rate.knots[0].later == pytest.approx(0.045, abs=0.01)
    assert all(knot.lower is not None and knot.lower < (knot.ratio or 0) for knot in rate.knots)


def test_knots_that_the_ladder_does_not_have(lab: Lab) -> None:
    rule = {"id": "r", "kind": "rate", "level": "soft", "metric": "acc", "ratio": "2x", "knots": ["s9", "1e99", "4e18"]}
    with lab.store() as store:
        case = gate.case_of(store, lab.catalogue, from_body({"name": "p", "rules": [rule]}), "lab", "s6")
    (rate,) = case.rates
    assert rate.unknown == ("s9", "1e99")
    assert [(knot.before, knot.after) for knot in rate.knots] == [(2, 5)]


def test_reach_without_a_seal_says_so(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.policy.write_text(ASKS)
    lab.baseline([row for i in range(2) for row in rung(i)])
    lab.arrive(rung(6), "s6.csv")
    lab.cycle()
    case, decision = case_of(lab)
    assert {reach.why for reach in case.reaches} == {"unsealed"}
    assert {finding.reason for finding in decision.findings if finding.rule == "near"} == {Reason.unregistered}
