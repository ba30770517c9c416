"""From a store to what `reach`, `rate` and `skill` rules are answered, and what the gate says."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from lab import Lab, Row, rung

from checkpoints_db.records import Answer, Case, Decision, Reason
from monitor import cases
from monitor.assessing import Clerk
from monitor.replay import StoreSource, likeness
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
        case = cases.case_of(store, rules.catalogue, rules.policy, "lab", "s6")
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
        case = cases.case_of(store, lab.catalogue, policy, "lab", "s6")
    assert (case.reaches, case.rates, case.skills) == ((), (), ())


def test_a_rate_over_time_and_inside_a_composite(lab: Lab, tmp_path: Path) -> None:
    inner = {"id": "timed", "kind": "rate", "metric": "acc", "ratio": "2x", "over": "time", "confidence": 0.9}
    rules = [{"id": "all", "kind": "all_of", "level": "soft", "rules": [{**inner, "knots": ["s3", "2022-07-01"]}]}]
    with lab.store() as store:
        case = cases.case_of(store, lab.catalogue, from_body({"name": "p", "rules": rules}), "lab", "s6")
    (rate,) = case.rates
    assert rate.unit == "years"
    assert [(knot.before, knot.after) for knot in rate.knots] == [(4, 3), (3, 4)]
    assert rate.knots[0].later == pytest.approx(0.045, abs=0.01)
    assert all(knot.lower is not None and knot.lower < (knot.ratio or 0) for knot in rate.knots)


def test_knots_that_the_ladder_does_not_have(lab: Lab) -> None:
    rule = {"id": "r", "kind": "rate", "level": "soft", "metric": "acc", "ratio": "2x", "knots": ["s9", "1e99", "4e18"]}
    with lab.store() as store:
        case = cases.case_of(store, lab.catalogue, from_body({"name": "p", "rules": [rule]}), "lab", "s6")
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


def test_what_larger_rungs_showed_later_changes_nothing_of_what_was_to_be_expected(lab: Lab, tmp_path: Path) -> None:
    """The next run arrives and is sealed: the outlook of the last one, and so its evidence, stays what it was."""
    twin = lab.copy(tmp_path / "lab")
    twin.cycle()
    before, _ = case_of(twin)
    twin.arrive(dated(7), "s7.csv")
    twin.cycle()
    with twin.store() as store:
        newest = store.judgements.sealed(before.reaches[0].series)
        assert newest is not None
        assert newest.forecast.rungs[-1] == "s7"
    after, _ = case_of(twin)
    assert after.reaches == before.reaches
    assert after.evidence == before.evidence


def test_only_what_a_rule_reads_is_evidence(lab: Lab, tmp_path: Path) -> None:
    twin = lab.copy(tmp_path / "lab")
    rules = {
        "none": {"id": "e", "kind": "evidence"},
        "run": {"id": "e", "kind": "scale_step", "factor": "4x", "of": "run"},
        "family": {"id": "e", "kind": "calendar", "every": "6mo"},
        "lock": {"id": "e", "kind": "safeguard", "attestations": "lock", "select": {"stage": "rl"}},
    }
    policies = {name: from_body({"name": "p", "rules": [{**rule, "level": "soft"}]}) for name, rule in rules.items()}

    def evidence() -> dict[str, str]:
        with twin.store() as store:
            return {n: cases.case_of(store, twin.catalogue, p, "lab", "s6").evidence for n, p in policies.items()}

    first = evidence()
    with twin.store() as store:
        clerk = Clerk(store, twin.catalogue, twin.rules().policy, twin.clock.now())
        clerk.assess("lab", "s5", "light", by="alice")
    second = evidence()
    assert {name for name in policies if first[name] != second[name]} == {"family"}
    with twin.store() as store:
        clerk.store = store
        clerk.assess("lab", "s6", "light", by="alice")
        clerk.attest("lock", by="alice")
    third = evidence()
    assert {name for name in policies if second[name] != third[name]} == {"family", "run", "lock"}


def test_a_rule_of_a_stage_is_answered_before_the_run_is_in_it(lab: Lab) -> None:
    rule = {"id": "near", "kind": "reach", "level": "soft", "metric": "acc", "ceiling": 0.62, "until": "4x"}
    policy = from_body({"name": "p", "rules": [{**rule, "select": {"stage": "rl"}}]})
    with lab.store() as store:
        assert cases.case_of(store, lab.catalogue, policy, "lab", "s6").reaches


def test_a_calendar_is_told_when_it_all_began(lab: Lab) -> None:
    rule = {"id": "c", "kind": "calendar", "level": "soft", "every": "6mo"}
    with lab.store() as store:
        case = cases.case_of(store, lab.catalogue, from_body({"name": "p", "rules": [rule]}), "lab", "s6")
        seen = store.evidence.results(family="lab")
    assert case.family_since == min(each.seen_at for each in seen)
    assert case.run_since == min(each.seen_at for each in seen if each.result.checkpoint.run == "s6")
    assert case.family_since < case.run_since


def test_a_replay_asks_the_same_of_the_past(built: Lab, tmp_path: Path) -> None:
    """Seals, statements and beginnings as they were known at each moment: every decision comes out again."""
    lab = built.copy(tmp_path / "lab")
    lab.policy.write_text(ASKS + '[[rules]]\nid = "step"\nkind = "scale_step"\nlevel = "soft"\nfactor = "4x"\n')
    lab.arrive(dated(6), "s6.csv")
    lab.cycle()
    with lab.store() as store:
        made = Clerk(store, lab.catalogue, lab.rules().policy, lab.clock.now()).assess("lab", "s6", "light", by="a")
    lab.arrive(dated(7), "s7.csv")
    lab.cycle()
    with lab.store() as store:
        Clerk(store, lab.catalogue, lab.rules().policy, lab.clock.now()).withdraw(made.id, by="a", note="wrong")
    lab.cycle()
    every = likeness(StoreSource(lab.root / "holdpoint.db", lab.catalogue), "lab")
    assert every.same >= 4
    assert every.unlike == ()
