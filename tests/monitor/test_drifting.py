"""From a store to a drift: what is read of verdicts and of past rungs, and what the gate says."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab import Lab, Row

from checkpoints_db.records import Answer, Case, Decision, Drift
from monitor import cases

TASKS = 8
UP = 0.06


def rows(i: int, lift: float = 0.0) -> list[Row]:
    """Eight losses of rung `i` that fall as power laws; `lift` is taken off each."""
    flop = 1e18 * 4.0**i
    out: list[Row] = []
    for k in range(TASKS):
        wobble = 0.004 * ((7 * i + 3 * k + i * k) % 9 - 4) / 2.6
        value = 1.0 + 0.1 * k + 1.5 * 4.0 ** (-0.12 * i) + wobble - lift
        base = {"family": "lab", "run": f"s{i}", "params": 1e6 * 2**i, "flop": flop, "task": f"t{k}"}
        more = {"metric": "nll", "kind": "continuous", "direction": "lower", "lower": 0, "stderr": 0.004, "n": 2000}
        out.append({**base, **more, "value": value})
    return out


def decided(root: Path, lift: float, policy: str = "") -> tuple[Case, Decision]:
    lab = Lab(root)
    if policy:
        lab.policy.write_text(policy)
    lab.baseline([row for i in range(6) for row in rows(i)])
    lab.arrive(rows(6, lift), "s6.csv")
    lab.cycle()
    with lab.store() as store:
        rules = lab.rules()
        case = cases.case_of(store, rules.catalogue, rules.policy, "lab", "s6")
        decision = store.judgements.decisions("lab", "s6")[-1]
    return case, decision


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, Decision]:
    return decided(tmp_path_factory.mktemp("calm"), 0.0)


@pytest.fixture(scope="module")
def lifted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, Decision]:
    return decided(tmp_path_factory.mktemp("lifted"), UP)


def only(case: Case) -> Drift:
    (drift,) = case.drifts
    return drift


def test_every_judged_question_speaks_once_and_past_rungs_are_read(calm: tuple[Case, Decision]) -> None:
    drift = only(calm[0])
    assert (drift.tasks, drift.domain, drift.checkpoint) == (TASKS, "drift", calm[0].verdicts[0].checkpoint)
    assert drift.rungs >= 2
    assert drift.tail_above > 0.05
    assert calm[1].answer is Answer.GO


def test_eight_lower_losses_are_a_surprise_upward(calm: tuple[Case, Decision], lifted: tuple[Case, Decision]) -> None:
    assert all(v.outcome == "expected" for v in lifted[0].verdicts)
    drift = only(lifted[0])
    assert drift.mean > only(calm[0]).mean + 0.5
    assert drift.tail_above < only(calm[0]).tail_above
    assert len(drift.furthest) == 3
    assert "8 questions of 'drift' lie" in drift.sentence


def test_every_decision_says_what_the_suite_costs(calm: tuple[Case, Decision]) -> None:
    budget = calm[1].budget
    assert budget is not None
    assert (budget.method, budget.tests, budget.looks) == ("harmonic", TASKS, 1)
    assert budget.sentence.startswith("false-alarm budget of 0.05 per checkpoint (harmonic): 0.05 spent, 0 left")


def test_the_looks_of_a_run_are_its_earlier_checkpoints(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    text = lab.policy.read_text()
    lab.policy.write_text(text.replace('per = "checkpoint"', 'per = "run"'))
    lab.baseline([row for i in range(6) for row in rows(i)])
    for step in (1000, 2000):
        news = [{**row, "step": step, "flop": row["flop"] * step / 2000} for row in rows(6)]
        lab.arrive(news, f"s6-{step}.csv")
        lab.cycle()
    with lab.store() as store:
        rules = lab.rules()
        case = cases.case_of(store, rules.catalogue, rules.policy, "lab", "s6")
        first = cases.case_of(store, rules.catalogue, rules.policy, "lab", "s6", "lab/s6@1000")
        budgets = [d.budget for d in store.judgements.decisions("lab", "s6")]
    assert [look.checkpoint for look in case.looks] == ["lab/s6@1000"]
    assert first.looks == ()
    assert [(b.looks, b.nominal) for b in budgets if b is not None] == [(1, 0.05), (2, 0.05)]
