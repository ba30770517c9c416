"""Rules `all_of` and `any_of`: how many must fire, and that doubt inside never becomes a pass."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from checkpoints_db.errors import BadPolicy
from checkpoints_db.records import Answer, Compute, Decision, Level, Reason
from policies import decide
from policies.loader import from_body, load

UP: dict[str, Any] = {"id": "up", "kind": "break", "select": {"task": "shift"}}
HIGH: dict[str, Any] = {
    "id": "high",
    "kind": "level",
    "metric": "exact_match",
    "ceiling": 0.6,
    "select": {"task": "bio"},
}
GUARD: dict[str, Any] = {"id": "guard", "kind": "safeguard", "attestations": "security"}


def said(made: SimpleNamespace, kind: str, rules: list[dict[str, Any]], case: Any, **more: Any) -> Decision:
    return decide(made.policy({"id": "it", "kind": kind, "rules": rules, **more}), case, (), (), made.T0)


def case(made: SimpleNamespace, *, up: bool, high: bool | None, guarded: bool = True) -> Any:
    broke = made.verdict(outcome="above" if up else "expected")
    score = {True: 0.7, False: 0.3, None: 0.3}[high]
    match = made.verdict("bio", made.MATCH, observed=score, n=None if high is None else 5000)
    attestations = (made.attestation("security"),) if guarded else ()
    return made.case((broke, match), attestations=attestations)


@pytest.mark.parametrize(
    ("up", "high", "all_of", "any_of"),
    [
        (False, False, Answer.GO, Answer.GO),
        (True, False, Answer.GO, Answer.PAUSE),
        (False, True, Answer.GO, Answer.PAUSE),
        (True, True, Answer.PAUSE, Answer.PAUSE),
        (False, None, Answer.HOLD, Answer.HOLD),
        (True, None, Answer.HOLD, Answer.PAUSE),
    ],
)
def test_what_two_rules_make(
    made: SimpleNamespace, up: bool, high: bool | None, all_of: Answer, any_of: Answer
) -> None:
    found = case(made, up=up, high=high)
    assert said(made, "all_of", [UP, HIGH], found).answer is all_of
    assert said(made, "any_of", [UP, HIGH], found).answer is any_of


def test_it_says_what_fired_and_what_would_lift_it(made: SimpleNamespace) -> None:
    fired = said(made, "all_of", [UP, HIGH], case(made, up=True, high=True)).findings[0]
    assert (fired.rule, fired.kind, fired.reason) == ("it", "all_of", Reason.broken)
    assert "2 of 2 rules inside fired (up, high)" in fired.sentence
    assert "reaches the ceiling of 0.6" in fired.sentence
    assert "(up) or " in fired.would_pass_if
    assert fired.numbers == {"fired": 2, "needed": 2}


@pytest.mark.parametrize(("at_least", "answer"), [(1, Answer.PAUSE), (2, Answer.PAUSE), (3, Answer.GO)])
def test_so_many_of_several(made: SimpleNamespace, at_least: int, answer: Answer) -> None:
    found = case(made, up=True, high=True)
    assert said(made, "any_of", [UP, HIGH, GUARD], found, at_least=at_least).answer is answer


def test_doubt_inside_holds_for_its_own_reason_even_where_the_rest_passes(made: SimpleNamespace) -> None:
    held = said(made, "all_of", [UP, HIGH], case(made, up=False, high=None))
    assert (held.reason, held.findings[0].subject) == (Reason.blind, "bio · exact_match")
    assert "(rule 'high' inside)" in held.sentence


def test_a_rule_inside_that_looks_at_nothing_holds(made: SimpleNamespace) -> None:
    nothing = {"id": "up", "kind": "break", "select": {"task": "nowhere"}}
    held = said(made, "all_of", [nothing, GUARD], case(made, up=True, high=False))
    assert (held.answer, held.reason) == (Answer.HOLD, Reason.no_data)


def test_a_doubtful_verdict_that_no_rule_inside_reads_is_held_for_by_the_house(made: SimpleNamespace) -> None:
    blind = made.verdict("other", made.MATCH, outcome="inconclusive")
    verdicts = (*case(made, up=False, high=False).verdicts, blind)
    held = said(made, "all_of", [UP, HIGH, GUARD], made.case(verdicts, attestations=(made.attestation("security"),)))
    assert (held.answer, held.findings[0].rule) == (Answer.HOLD, "house")
    missing = case(made, up=False, high=False).model_copy(update={"missing": (made.missing("shift", "exact_match"),)})
    assert said(made, "all_of", [UP, HIGH], missing).answer is Answer.HOLD


def test_rules_inside_rules(made: SimpleNamespace) -> None:
    inner = {"id": "either", "kind": "any_of", "rules": [UP, HIGH]}
    for guarded, answer in ((True, Answer.GO), (False, Answer.PAUSE)):
        found = case(made, up=False, high=True, guarded=guarded)
        assert said(made, "all_of", [inner, GUARD], found).answer is answer


def test_assessments_that_are_due_make_an_assessment_due(made: SimpleNamespace) -> None:
    rules = [{"id": "step", "kind": "scale_step", "factor": "2x"}]
    due = said(made, "any_of", rules, made.case(compute=Compute(flop=1e20)), answer="hold")
    assert (due.answer, due.reason) == (Answer.HOLD, Reason.assessment_due)


def test_an_early_warning_inside_neither_fires_nor_doubts(made: SimpleNamespace) -> None:
    base = made.assessment(compute=Compute(flop=1e20))
    rules = [{"id": "step", "kind": "scale_step", "factor": "2x", "warn_at": 0.5}]
    found = made.case(compute=Compute(flop=1.5e20), assessments=(base,))
    assert said(made, "any_of", rules, found).answer is Answer.GO


def test_levels_come_from_the_rule_around(made: SimpleNamespace) -> None:
    policy = made.policy({"id": "it", "kind": "all_of", "level": "advisory", "rules": [UP, HIGH]})
    assert [inner.level for inner in policy.rules[0].parts] == [Level.advisory] * 2
    assert decide(policy, case(made, up=True, high=True), (), (), made.T0).answer is Answer.WARN
    assert from_body(policy.body()) == policy


REFUSED = {
    "no rules": ("", "is made of rules; write"),
    "level": ('[[rules.rules]]\nid = "a"\nkind = "break"\nlevel = "hard"\n', "p.toml:9: .*has the level of the rule"),
    "key": ('[[rules.rules]]\nid = "a"\nkind = "break"\nsied = "above"\n', "p.toml:9: unknown key 'sied'.*'side'"),
    "kind": ('[[rules.rules]]\nid = "a"\nkind = "brake"\n', "p.toml:8: .*unknown rule 'brake'; did you mean 'break'"),
    "same id": ('[[rules.rules]]\nid = "it"\nkind = "break"\n', "two rules have the id 'it'"),
    "run": ('[[rules.rules]]\nid = "a"\nkind = "break"\nselect = { run = "x" }\n', "selected by 'it' around it"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_mistakes_inside_are_told_with_their_line(tmp_path: Path, name: str) -> None:
    inside, why = REFUSED[name]
    path = tmp_path / "p.toml"
    path.write_text(f'name = "p"\n[[rules]]\nid = "it"\nkind = "all_of"\nlevel = "soft"\n{inside}')
    with pytest.raises(BadPolicy, match=why):
        load(path)


def test_more_than_there_are_can_never_fire(made: SimpleNamespace) -> None:
    with pytest.raises(BadPolicy, match="2 of 1 rules can never fire"):
        made.policy({"id": "it", "kind": "any_of", "at_least": 2, "rules": [UP]})
    with pytest.raises(BadPolicy, match="each its own"):
        made.policy({"id": "it", "kind": "any_of", "select": {"task": "a"}, "rules": [UP]})
