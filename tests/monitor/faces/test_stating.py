"""`assessment`, `safeguard`, `run` and `gate ask --stage` as a user types them."""

from __future__ import annotations

from pathlib import Path

import pytest
from asking import answer, run
from lab import Lab, rung

POLICY = """
name = "papers"
[[rules]]
id = "before"
kind = "stage"
level = "soft"
before = ["rl", "red_team"]
requires = "light"
[[rules]]
id = "lock"
kind = "safeguard"
level = "soft"
attestations = "lock"
select = { stage = "rl" }
"""


@pytest.fixture(scope="module")
def judged(built: Lab, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    lab = built.copy(tmp_path_factory.mktemp("judged") / "lab")
    lab.policy.write_text(POLICY)
    lab.arrive(rung(6), "s6.csv")
    lab.cycle()
    return lab


@pytest.fixture
def lab(judged: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    lab = judged.copy(tmp_path / "lab")
    monkeypatch.setattr("monitor.faces.cli.shell.CLOCK", lab.clock)
    return lab


def test_a_run_is_asked_for_assessed_attested_and_enters(lab: Lab) -> None:
    entered = answer(lab, "run", "stage", "lab/s6", "sft", "--by", "alice")
    assert (entered["stage"], entered["by"]) == ("sft", "alice")
    assert run(lab, "gate", "ask", "lab/s6")[0] == 0
    code, text = run(lab, "gate", "ask", "lab/s6", "--stage", "rl")
    assert code == 10
    assert "no assessment 'light'" in text
    assert "nobody attested the safeguard 'lock'" not in text
    made = answer(lab, "assessment", "record", "lab/s6", "--name", "light", "--by", "bob", "--document", "memo")
    assert made["checkpoint"] == "lab/s6"
    code, text = run(lab, "gate", "ask", "lab/s6", "--stage", "rl")
    assert (code, "nobody attested the safeguard 'lock'" in text) == (10, True)
    given = answer(lab, "safeguard", "attest", "lock", "--by", "carol", "--for", "14d", "--family", "lab")
    assert (given["family"], given["run"]) == ("lab", "*")
    assert run(lab, "gate", "ask", "lab/s6", "--stage", "rl")[0] == 0
    assert run(lab, "gate", "ask", "lab/s6", "--stage", "r1")[0] == 10
    assert run(lab, "gate", "ask", "lab/s6", "--stage", "red_team")[0] == 0
    lab.clock.sleep(14 * 86400)
    lab.cycle()
    assert run(lab, "gate", "ask", "lab/s6", "--stage", "rl")[0] == 10


def test_the_lists_keep_what_was_withdrawn(lab: Lab) -> None:
    made = answer(lab, "assessment", "record", "lab/s6", "--name", "light", "--by", "bob", "--flop", "1e20")
    given = answer(lab, "safeguard", "attest", "lock", "--by", "carol")
    entered = answer(lab, "run", "stage", "lab/s6", "sft", "--by", "alice")
    for noun, paper in (("assessment", made), ("safeguard", given), ("run", entered)):
        gone = answer(lab, noun, "withdraw", paper["id"], "--by", "dan", "--reason", "a mistake")
        assert gone["of"] == paper["id"]
        assert run(lab, noun, "list")[0] == 0
    assert [a["withdrawn"] for a in answer(lab, "assessment", "list")] == [True]
    assert [a["withdrawn"] for a in answer(lab, "safeguard", "list")] == [True]
    stages = {r["run"]: (r["stage"], len(r["entries"])) for r in answer(lab, "run", "list")}
    assert stages["s6"] == ("", 1)
    assert "withdrawn by dan" in run(lab, "assessment", "list")[1].replace("\n", " ")


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("assessment", "record", "lab/s9", "--name", "x", "--by", "a"), 2, "unknown or ambiguous run"),
        (("assessment", "record", "lab/s6", "--name", "x", "--by", "a", "--at", "monday"), 2, "is no date"),
        (("assessment", "record", "lab/s6", "--name", "x", "--by", "a", "--at", "2026-01-01"), 2, "has no zone"),
        (("assessment", "record", "lab/s6", "--name", "x", "--by", "a", "--flop", "1e30"), 1, "were never seen"),
        (("run", "stage", "lab/s6", "r1", "--by", "a"), 1, "no stage that the policy knows"),
        (("safeguard", "attest", "lock", "--by", " "), 1, "needs the name"),
        (("safeguard", "withdraw", "beef", "--by", "a", "--reason", "b"), 1, "nothing that counts has the id"),
    ],
)
def test_what_is_refused(lab: Lab, words: tuple[str, ...], code: int, why: str) -> None:
    got, text = run(lab, *words)
    assert got == code
    assert why in " ".join(text.replace("│", " ").split())


@pytest.mark.parametrize(
    "words", [("assessment", "record"), ("safeguard", "attest"), ("run", "stage"), ("assessment", "list")]
)
def test_help_has_an_example(lab: Lab, words: tuple[str, ...]) -> None:
    assert "Example: holdpoint" in run(lab, *words, "--help")[1]
