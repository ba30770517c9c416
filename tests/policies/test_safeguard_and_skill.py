"""Rules `safeguard` and `skill`: what must be attested, and what a forecast must be worth."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from checkpoints_db.errors import BadPolicy
from checkpoints_db.records import Answer, Decision, Reason, Skilled
from policies import decide


def said(made: SimpleNamespace, *rules: dict[str, Any], **more: Any) -> Decision:
    return decide(made.policy(*rules), made.case(**more), (), (), made.T0)


def guard(**more: Any) -> dict[str, Any]:
    return {"kind": "safeguard", "id": "it", "attestations": "security", **more}


def test_it_fires_while_nobody_attested_the_safeguard(made: SimpleNamespace) -> None:
    missing = said(made, guard())
    assert (missing.answer, missing.reason) == (Answer.HOLD, Reason.broken)
    assert "holdpoint safeguard attest security" in missing.findings[0].would_pass_if
    assert said(made, guard(), attestations=(made.attestation("security"),)).answer is Answer.GO
    assert said(made, guard(), attestations=(made.attestation("deployment"),)).answer is Answer.HOLD
    assert said(made, guard(answer="pause")).answer is Answer.PAUSE


def test_an_attestation_ends_at_the_moment_it_says(made: SimpleNamespace) -> None:
    for left, answer in ((timedelta(seconds=1), Answer.GO), (timedelta(0), Answer.HOLD)):
        given = made.attestation("security", made.T0 - timedelta(days=9), expires=made.T0 + left)
        assert said(made, guard(), attestations=(given,)).answer is answer


@pytest.mark.parametrize(("age", "answer"), [(364.99, Answer.GO), (365, Answer.HOLD)])
def test_or_when_the_policy_says(made: SimpleNamespace, age: float, answer: Answer) -> None:
    given = made.attestation("security", made.T0 - timedelta(days=age))
    assert said(made, guard(max_age="1y"), attestations=(given,)).answer is answer
    renewed = (given, made.attestation("security", made.T0 - timedelta(days=1)))
    assert said(made, guard(max_age="1y"), attestations=renewed).answer is Answer.GO


def test_what_is_attested_later_does_not_count_yet(made: SimpleNamespace) -> None:
    later = made.attestation("security", made.T0 + timedelta(days=1))
    backdated = made.attestation("security", made.T0, recorded_at=made.T0 + timedelta(days=1))
    assert said(made, guard(), attestations=(later, backdated)).answer is Answer.HOLD


def test_it_may_be_asked_for_only_where_another_rule_fires_or_cannot_tell(made: SimpleNamespace) -> None:
    level = {"kind": "level", "id": "bio", "level": "shadow", "metric": "exact_match", "ceiling": 0.6}
    rules = (guard(when={"rule": "bio"}), level, {"kind": "evidence", "id": "e"})
    below = made.verdict("bio", made.MATCH, observed=0.3, n=5000)
    over = made.verdict("bio", made.MATCH, observed=0.7, n=5000)
    unknown = made.verdict("bio", made.MATCH, observed=0.3)
    assert said(made, *rules, verdicts=(below,)).answer is Answer.GO
    for verdict in (over, unknown):
        asked = said(made, *rules, verdicts=(verdict,))
        assert asked.answer is Answer.HOLD
        assert "asked for by 'bio'" in asked.sentence
        attested = (made.attestation("security"),)
        assert said(made, *rules, verdicts=(verdict,), attestations=attested).answer is Answer.GO


def test_a_condition_names_a_rule_that_reads_no_other(made: SimpleNamespace) -> None:
    with pytest.raises(BadPolicy, match="reads rule 'nobody'"):
        made.policy(guard(when={"rule": "nobody"}))
    with pytest.raises(BadPolicy, match="which is no other"):
        made.policy(guard(when={"rule": "it"}))
    with pytest.raises(BadPolicy, match="which reads another itself"):
        made.policy(guard(when={"rule": "b"}), guard(id="b", when={"rule": "e"}), {"kind": "evidence", "id": "e"})


def skill(**more: Any) -> dict[str, Any]:
    return {"kind": "skill", "id": "it", **more}


@pytest.mark.parametrize(
    ("forecasts", "value", "answer"),
    [
        (2, 0.001, Answer.GO),
        (2, 0.0, Answer.HOLD),
        (2, -0.5, Answer.HOLD),
        (1, 0.9, Answer.HOLD),
        (3, None, Answer.HOLD),
    ],
)
def test_skill_must_be_known_and_above_that_of_persistence(
    made: SimpleNamespace, forecasts: int, value: float | None, answer: Answer
) -> None:
    decision = said(made, skill(), skills=(Skilled(series="s", forecasts=forecasts, skill=value),))
    assert decision.answer is answer
    if answer is Answer.HOLD:
        assert decision.reason is Reason.blind
        assert decision.findings[0].would_pass_if


@pytest.mark.parametrize(("value", "answer"), [(0.2, Answer.GO), (0.1999, Answer.HOLD)])
def test_more_skill_may_be_asked_for(made: SimpleNamespace, value: float, answer: Answer) -> None:
    skills = (Skilled(series="s", forecasts=2, skill=value),)
    assert said(made, skill(at_least=0.2), skills=skills).answer is answer


def test_a_short_history_may_warn_and_no_history_is_short(made: SimpleNamespace) -> None:
    assert said(made, skill(on_few="warn"), skills=(Skilled(series="s", forecasts=1),)).answer is Answer.WARN
    assert said(made, skill(on_few="warn")).answer is Answer.WARN
    assert said(made, skill()).answer is Answer.HOLD
