"""Several policies on one run: the worst wins, and a loosened one never decides alone on what was seen before it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from checkpoints_db.records import Answer, Latch, Reason
from policies import decide
from policies.several import InForce, Ruling, asked_of, decide_all, latched, softened

BREAK: dict[str, Any] = {"kind": "break", "id": "break"}


def test_evidence_is_decided_by_every_policy_since_it_was_seen(made: SimpleNamespace) -> None:
    one, two, three = (made.policy(BREAK, version=v) for v in "123")
    history = [InForce(one, 5), InForce(two, 10), InForce(three, 20)]
    seen = {after: "".join(p.version for p in asked_of(history, after)) for after in (0, 4, 9, 10, 19, 20, 99)}
    assert seen == {0: "123", 4: "123", 9: "123", 10: "23", 19: "23", 20: "3", 99: "3"}


def test_a_policy_that_came_back_is_asked_once_and_last(made: SimpleNamespace) -> None:
    one, two = (made.policy(BREAK, version=v) for v in "12")
    history = [InForce(one, 5), InForce(two, 10), InForce(one, 20)]
    assert [p.version for p in asked_of(history, 7)] == ["2", "1"]
    assert [p.version for p in asked_of(history, 15)] == ["2", "1"]
    assert [p.version for p in asked_of(history, 20)] == ["1"]


def test_the_worst_answer_names_its_policy(made: SimpleNamespace) -> None:
    strict, loose = made.policy(BREAK), made.policy({**BREAK, "level": "advisory"}, version="2")
    case = made.case((made.verdict(outcome="above"),))
    both = decide_all([Ruling(strict, case), Ruling(loose, case)], (), (), made.T0)
    assert (both.answer, both.policy) == (Answer.PAUSE, strict.digest)
    assert [name.version for name in both.asked] == ["1", "2"]
    alone = decide_all([Ruling(loose, case)], (), (), made.T0)
    assert alone == decide(loose, case, (), (), made.T0)
    assert alone.asked == ()


def test_of_equal_answers_the_harder_decides_and_then_the_one_in_force(made: SimpleNamespace) -> None:
    soft, other = made.policy(BREAK), made.policy(BREAK, version="2")
    hard = made.policy({**BREAK, "level": "hard"}, version="3")
    case = made.case((made.verdict(outcome="above"),))
    for order, wins in (((soft, other), 1), ((other, soft), 1), ((hard, soft), 0), ((soft, hard), 1)):
        decision = decide_all([Ruling(policy, case) for policy in order], (), (), made.T0)
        assert decision.policy == order[wins].digest


def test_of_equal_pauses_the_one_with_a_reason_of_its_own_is_told(made: SimpleNamespace) -> None:
    reads = made.policy(BREAK)
    other = made.policy({**BREAK, "level": "advisory"}, version="2")
    latch = Latch(decision="d", at=made.T0, sentence="broke")
    case = made.case((made.verdict(outcome="above"),)).model_copy(update={"latch": latch})
    alone = decide(other, case, (), (), made.T0)
    assert [f.reason for f in alone.findings if f.effect is Answer.PAUSE] == [Reason.latched]
    decision = decide_all([Ruling(reads, case), Ruling(other, case)], (), (), made.T0)
    assert decision.policy == reads.digest
    assert Reason.latched not in {f.reason for f in decision.findings}


@pytest.mark.parametrize(
    ("rules", "asked", "hard"),
    [
        (("break",), ["hard"], True),
        (("break",), ["hard", "soft"], True),
        (("break",), ["soft"], False),
        (("gone",), ["hard"], False),
        (("break", "gone"), ["hard"], True),
        ((), ["soft"], True),
    ],
)
def test_a_hard_latch_is_soft_once_no_policy_asked_has_its_rule(
    made: SimpleNamespace, rules: tuple[str, ...], asked: list[str], hard: bool
) -> None:
    latch = Latch(decision="d", at=made.T0, sentence="broke", hard=True, rules=rules)
    after = softened(latch, [made.policy({**BREAK, "level": level}) for level in asked])
    assert after is not None
    assert after.hard is hard


def test_a_latch_remembers_the_hard_rules_of_every_policy(made: SimpleNamespace) -> None:
    one = made.policy({**BREAK, "level": "hard"})
    two = made.policy({**BREAK, "id": "second", "level": "hard"})
    case = made.case((made.verdict(outcome="above"),))
    decided = [decide(policy, case, (), (), made.T0) for policy in (one, two)]
    latch = latched(None, decided[1], decided)
    assert latch is not None
    assert (latch.hard, latch.rules) == (True, ("break", "second"))
    again = latched(latch, decided[0], decided[:1])
    assert again == latch
    assert latched(latch, decided[0].model_copy(update={"answer": Answer.GO, "released": True}), ()) is None
