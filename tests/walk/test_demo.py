"""The demo is the README's claim: it is played here, and what it leaves behind must say what the README says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("demo") / "out"
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "demo.py"), "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=300,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return out, done.stdout


def ask(house: Path, *words: str) -> tuple[int, Any]:
    command = [sys.executable, "-m", "monitor", *words, "--json", "--config", str(house / "holdpoint.toml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return done.returncode, json.loads(done.stdout)


def test_two_jumps_are_told_apart(played: tuple[Path, str]) -> None:
    _, said = ask(played[0], "verdict", "list")
    named = {(d["run"], d["question"]): d["name"] for d in said["diagnoses"]}
    assert named["f5", "facts"] == "metric_artefact"
    assert named["m4", "shift"] == "genuine_break"
    shift = next(d for d in said["diagnoses"] if (d["run"], d["question"]) == ("m4", "shift"))
    assert shift["weights"][0][0] == "genuine_break"  # all right, as its items say: the link is no surprise
    facts = next(d for d in said["diagnoses"] if (d["run"], d["question"]) == ("f5", "facts"))
    assert facts["linked"]["method"] == "items"  # what each question's likelihood says, by the smaller rungs
    assert facts["linked"]["lower"] > 0.3


def test_on_gpt3_nothing_is_called_predictable_that_could_not_have_been_seen(played: tuple[Path, str]) -> None:
    _, said = ask(played[0], "verdict", "list")
    verdicts = {v["task"]: v for v in said["verdicts"] if v["run"] == "175B" and v["metric"]["name"] == "acc"}
    jumped = ("2D+", "2D-", "3D+", "3D-", "4D+", "4D-", "5D+", "5D-", "2Dx", "1DC", "Symbol Insertion")
    for task in (f"{name}/{shots}" for name in jumped for shots in ("few-shot", "zero-shot")):
        verdict = verdicts[task]
        # What is called expected must have been foreseen to within a break that could have been seen.
        foreseen = verdict["outcome"] == "expected" and verdict["detectable"] < 0.12
        assert foreseen or verdict["outcome"] in ("inconclusive", "above"), verdict["sentence"]
    assert sum(verdicts[f"{name}/few-shot"]["outcome"] == "expected" for name in jumped) <= 1
    smooth = [f"{name}/{shots}" for name in ("HellaSwag", "PIQA") for shots in ("few-shot", "zero-shot")]
    for task in (*smooth, "TriviaQA/few-shot"):
        assert (verdicts[task]["outcome"], verdicts[task]["why"]) == ("expected", "ok"), verdicts[task]["sentence"]
    for verdict in said["verdicts"]:
        if verdict["outcome"] == "expected":
            assert verdict["blindness"] <= 0.35
            assert verdict["detectable"] is not None


def test_the_gates_and_the_release(played: tuple[Path, str]) -> None:
    house, told = played
    code, state = ask(house, "gate", "ask", "gpt3/175B")
    assert (code, state["answer"], state["reason"]) == (10, "HOLD", "blind")
    code, state = ask(house, "gate", "ask", "tiny-facts/f5")
    assert (code, state["answer"]) == (0, "WARN")
    code, state = ask(house, "gate", "ask", "tiny-skills/m4")
    assert (code, state["answer"]) == (0, "GO")
    assert "released by carol, dan" in state["sentence"]
    _, status = ask(house, "gate", "status", "tiny-skills/m4")
    assert {f["answer"] for f in status["decision"]["findings"]} >= {"PAUSE"}
    assert "PAUSE" in told


def test_the_record_holds_and_the_pictures_are_there(played: tuple[Path, str]) -> None:
    house, _ = played
    code, ledger = ask(house, "ledger", "verify")
    assert code == 0
    assert ledger["rows"] > 500
    for name in ("facts.png", "shift.png"):
        assert (house / name).read_bytes().startswith(b"\x89PNG")
    events = [json.loads(line)["event"] for line in (house / "alerts.jsonl").read_text().splitlines()]
    assert "opened" in events
    assert "closed" in events


def test_the_policy_that_decided_decides_again_byte_for_byte(played: tuple[Path, str]) -> None:
    code, said = ask(played[0], "policy", "replay", "default")
    assert code == 0
    assert said["likeness"]["decisions"] > 0
    assert (said["likeness"]["same"], said["likeness"]["unlike"]) == (said["likeness"]["decisions"], [])
    assert {s["run"] for s in said["stretches"] if s["answer"] == "PAUSE"} == {"m4"}
