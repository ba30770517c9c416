"""`holdpoint policy adopt` and `policy history`, as a policy owner meets them."""

from __future__ import annotations

import pytest
from asking import answer, run
from lab import Lab, rung


@pytest.fixture
def waiting(ladder: Lab) -> Lab:
    """A checkpoint judged under a strict policy, and a looser one in the settings."""
    text = ladder.policy.read_text()
    ladder.policy.write_text(text.replace("resolve = 0.35", "resolve = 0.01"))
    ladder.arrive(rung(6), "s6.csv")
    ladder.cycle()
    ladder.policy.write_text('authors = ["erin"]\n' + text)
    return ladder


def adopt(lab: Lab, by: str, *more: str) -> tuple[int, str]:
    return run(lab, "policy", "adopt", str(lab.policy), "--by", by, "--reason", "ticket 9", *more)


def test_two_people_adopt(waiting: Lab) -> None:
    code, text = adopt(waiting, "carol")
    assert code == 0
    assert "1 of 2 approvals (carol)" in text
    assert "judging.resolve: 0.01 becomes 0.35" in text.replace("\n", " ")
    said = answer(waiting, "policy", "adopt", str(waiting.policy), "--by", "dan", "--reason", "ticket 9")
    assert said["adopted"] is True
    assert said["in_force"]["version"] == "1"
    code, text = adopt(waiting, "fay")
    assert code == 1
    assert "in force already" in text


def test_a_refused_vote_says_why(waiting: Lab) -> None:
    code, text = adopt(waiting, "erin")
    assert code == 1
    assert "author of the new policy" in text


def test_a_rejection(waiting: Lab) -> None:
    adopt(waiting, "carol")
    said = answer(waiting, "policy", "adopt", str(waiting.policy), "--by", "dan", "--reason", "no", "--reject")
    assert (said["adopted"], said["approvals"], said["needed"]) == (False, [], 2)


def test_history(waiting: Lab) -> None:
    adopt(waiting, "carol")
    adopt(waiting, "dan")
    waiting.clock.sleep(60)
    waiting.arrive([{**row, "run": "s7"} for row in rung(7)], "s7.csv")
    waiting.cycle()
    said = answer(waiting, "policy", "history")
    assert [entry["event"] for entry in said["entries"]] == ["first", "proposed", "approved"]
    assert said["entries"][2]["by"] == ["carol", "dan"]
    assert [vote["by"] for vote in said["approvals"]] == ["carol", "dan"]
    assert said["waiting"] is None
    (differing,) = said["shadow"]
    assert (differing["shadow"]["answer"], differing["gate"]["answer"]) == ("HOLD", "GO")
    code, text = run(waiting, "policy", "history")
    assert code == 0
    assert "in force, approved" in text


def test_gate_status_names_the_policies_behind_a_decision(waiting: Lab) -> None:
    code, text = run(waiting, "gate", "status", "lab/s6")
    assert code == 0
    assert "waits for approval" not in text  # nobody looked since
    waiting.cycle()
    assert "waits for approval" in run(waiting, "gate", "status", "lab/s6")[1]
