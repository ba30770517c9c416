"""The tests that a policy carries: every shipped one passes its own, and each fixture ladder is what its name says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from checkpoints_db.errors import PolicyError
from checkpoints_db.records import Answer, Reason
from monitor.rehearsal import LADDERS, Outcome, Stage
from policies import load, shelf, shelf_names
from policies.files import SHELF
from policies.loader import LoadedPolicy, load_file
from policies.policy_tests import Given, LadderName, PolicyTest


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as opened:
        yield opened


def shipped() -> list[tuple[str, int]]:
    return [(name, n) for name in shelf_names() for n in range(len(load_file(SHELF / f"{name}.toml").tests))]


@pytest.mark.parametrize(("name", "number"), shipped())
def test_every_shipped_policy_passes_its_own_tests(stage: Stage, name: str, number: int) -> None:
    loaded = load_file(SHELF / f"{name}.toml")
    outcome = stage.play(loaded.policy, loaded.tests[number])
    assert outcome.passed, outcome


def test_every_shipped_policy_carries_tests() -> None:
    assert {name for name, _ in shipped()} == set(shelf_names())


# What `default` says of each ladder, and what the first task was found to be.
KNOWN: dict[str, tuple[Answer, Reason]] = {
    "straight": (Answer.GO, Reason.ok),
    "jump": (Answer.PAUSE, Reason.broken),
    "artefact": (Answer.WARN, Reason.broken),
    "unexplained_jump": (Answer.PAUSE, Reason.broken),
    "latent_break": (Answer.PAUSE, Reason.broken),
    "drop": (Answer.HOLD, Reason.broken),
    "missing_evaluation": (Answer.HOLD, Reason.no_data),
    "late": (Answer.HOLD, Reason.no_data),
    "noisy": (Answer.HOLD, Reason.blind),
    "too_short": (Answer.HOLD, Reason.unregistered),
}


def test_the_names_in_policies_are_the_ladders_there_are() -> None:
    assert set(get_args(LadderName)) == set(LADDERS) == set(KNOWN)


@pytest.mark.parametrize("ladder", KNOWN)
def test_each_ladder_is_what_its_name_says(stage: Stage, ladder: Any) -> None:
    decision = stage.decision(shelf("default"), Given(ladder=ladder))
    assert (decision.answer, decision.reason) == KNOWN[ladder]
    named = {"artefact": "the jump was made by the metric", "unexplained_jump": "it rose without the likelihood"}
    assert named.get(ladder, "") in decision.sentence


@pytest.mark.parametrize(("compute", "family"), [(1e21, "lab"), (1e26, "lab"), (None, "other")])
def test_names_and_compute_change_no_answer(stage: Stage, compute: float | None, family: str) -> None:
    for ladder in ("straight", "jump"):
        given = Given(ladder=ladder, compute=compute, family=family, run="r", task=("a", "b", "c"), continuous="loss_x")  # type: ignore[arg-type]
        assert stage.decision(shelf("default"), given).answer is KNOWN[ladder][0]


def play(stage: Stage, loaded: LoadedPolicy) -> list[Outcome]:
    return [stage.play(loaded.policy, test) for test in loaded.tests]


def test_a_test_fails_when_answer_rule_or_reason_are_others(stage: Stage) -> None:
    for expect, passed in (
        ({"answer": "PAUSE", "rule": "diagnosis", "reason": "broken"}, True),
        ("pause", True),
        ("HOLD", False),
        ({"answer": "PAUSE", "rule": "evidence"}, False),
        ({"answer": "PAUSE", "reason": "blind"}, False),
    ):
        test = PolicyTest.model_validate({"name": "t", "given": {"ladder": "jump"}, "expect": expect})
        outcome = stage.play(shelf("default"), test)
        assert outcome.passed is passed
        assert (outcome.answer, outcome.rules[0]) == (Answer.PAUSE, "diagnosis")
        assert "the ability itself broke its trend" in outcome.sentence


def test_what_is_dropped_must_be_there(stage: Stage) -> None:
    test = PolicyTest.model_validate({"name": "slip", "given": {"drop": "task-4"}, "expect": "GO"})
    with pytest.raises(
        PolicyError, match=r"test 'slip': given.drop names 'task-4', which ladder 'straight' lacks; it has"
    ):
        stage.play(shelf("default"), test)


def test_age_is_counted_from_when_the_results_came(stage: Stage) -> None:
    policy = shelf("strict")
    for hours, answer in ((30 * 24, Answer.GO), (30 * 24 + 1, Answer.HOLD)):
        assert stage.decision(policy, Given(late=timedelta(hours=hours))).answer is answer


def test_what_people_stated_is_in_the_case(stage: Stage, tmp_path: Path) -> None:
    """Selecting by domain and stage is answered by what the test states, through the store and the catalogue."""
    path = tmp_path / "policy.toml"
    path.write_text(
        'name = "p"\n[[rules]]\nid = "b"\nkind = "break"\nlevel = "soft"\n'
        'select = { domain = "cyber", stage = "rl", metric = "log*" }\n'
    )
    policy = load(path)
    at = datetime(2027, 3, 1, tzinfo=UTC)
    jump = Given(ladder="jump", domain=("cyber",), stage="rl", at=at)
    assert stage.decision(policy, jump).answer is Answer.PAUSE
    assert stage.decision(policy, jump).at == at
    elsewhere = stage.decision(policy, jump.model_copy(update={"stage": "sft"}))
    assert (elsewhere.answer, elsewhere.reason) == (Answer.HOLD, Reason.no_data)
    asked = stage.decision(policy, jump.model_copy(update={"stage": "sft", "entering": "rl"}))
    assert asked.answer is Answer.PAUSE
    untagged = stage.decision(policy, jump.model_copy(update={"domain": ()}))
    assert untagged.answer is Answer.HOLD
