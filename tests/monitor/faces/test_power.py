"""`holdpoint power`: what would make a break visible, and how it refuses."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from lab import Lab, rung
from typer.testing import CliRunner

from checkpoints_db.errors import HoldpointError
from monitor.faces.cli import app

runner = CliRunner()


def run(lab: Lab, *words: str) -> tuple[int, str]:
    done = runner.invoke(app, [*words, "--config", str(lab.config)], env={"COLUMNS": "200"})
    if done.exception and not isinstance(done.exception, SystemExit | HoldpointError):
        raise done.exception
    return (1, str(done.exception)) if isinstance(done.exception, HoldpointError) else (done.exit_code, done.output)


def metrics(lab: Lab, *words: str) -> dict[str, dict[str, Any]]:
    code, text = run(lab, "power", *words, "--json")
    assert code == 0, text
    return {each["metric"]: each for each in json.loads(text)["metrics"]}


@pytest.fixture(scope="module")
def rare(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A ladder of a loss with items, and of a score that never succeeded on 204 items."""
    lab = Lab(tmp_path_factory.mktemp("rare") / "lab")
    lab.baseline([{**row, "n": 204} for i in range(6) for row in rung(i, acc=0.0)])
    return lab


def test_every_metric_of_the_task_is_answered(ladder: Lab) -> None:
    told = metrics(ladder, "sums")
    assert set(told) == {"acc", "nll"}
    for each in told.values():
        assert each["at"] == [pytest.approx(1e18 * 4.0**6)]  # the next rung
        assert each["share_of_room"] == pytest.approx(0.35)  # the policy's
        assert each["visible"] == (each["sees"] <= each["size"])
        assert each["rare"] is None
    assert told["acc"]["visible"]


def test_a_smaller_break_asks_for_items_or_a_rung(ladder: Lab) -> None:
    told = metrics(ladder, "sums", "--at", "1e24", "--size", "0.05", "--metric", "acc")
    assert set(told) == {"acc"}
    acc = told["acc"]
    assert (acc["visible"], acc["items_known"]) == (False, True)
    assert 1 < acc["rung"] < 1e24 / 1.024e21
    assert acc["rung_sees"] < acc["sees"]
    code, text = run(ladder, "power", "sums", "--at", "1e24", "--size", "0.05", "--metric", "acc")
    assert code == 0
    assert "to see a break of 0.05 (now " in " ".join(text.split())


def test_items_of_a_loss_are_counted_from_its_rungs(ladder: Lab) -> None:
    least = metrics(ladder, "sums", "--metric", "nll")["nll"]["sees"]
    told = metrics(ladder, "sums", "--metric", "nll", "--size", f"{0.97 * least}")["nll"]
    assert told["items_known"]
    assert told["items"] is None or told["items"] > 2000


def test_a_policy_of_another_tail_sees_another_break(ladder: Lab) -> None:
    wide = metrics(ladder, "sums")["acc"]["sees"]
    ladder.policy.write_text(ladder.policy.read_text().replace("tail = 0.01 ", "tail = 0.001 "))
    told = metrics(ladder, "sums")["acc"]
    assert told["tail"] == 0.001
    assert told["sees"] > wide


def test_rare_successes_are_counted_in_attempts(rare: Lab) -> None:
    """E5: 0 of 204 is a rate of up to 1.5 %; at that rate a success is seen in about 204 attempts."""
    told = metrics(rare, "sums")["acc"]["rare"]
    assert (told["successes"], told["items"], told["at_most"]) == (0, 204, pytest.approx(0.0146, abs=1e-4))
    at_most, tenth = told["attempts"]
    assert at_most["attempts"] == 204
    assert tenth["attempts"] == math.ceil(math.log(0.05) / math.log1p(-told["at_most"] / 10))
    asked = metrics(rare, "sums", "--rate", "0.001")["acc"]["rare"]["attempts"]
    assert asked == [{"rate": 0.001, "attempts": 2995}]
    code, text = run(rare, "power", "sums", "--metric", "acc")
    words = " ".join(text.split())
    assert code == 0
    assert "0 of 204 right at s5, so a rate of at most 0.015 (95 %)" in words
    assert "not called expected anyway: plateau" in words


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("nothing",), 2, "unknown task 'nothing'"),
        (("sum",), 2, "did you mean 'sums'?"),
        (("sums", "--metric", "f1"), 1, "no forecast of this metric is sealed"),
        (("sums", "--at", "1e18"), 1, "is not beyond the last rung"),
        (("sums", "--at", "big"), 2, "is no place on flop"),
        (("sums", "--size", "0"), 2, "is no size of a break"),
        (("sums", "--rate", "2"), 2, "--rate"),
    ],
)
def test_it_refuses_in_words(ladder: Lab, words: tuple[str, ...], code: int, says: str) -> None:
    got, text = run(ladder, "power", *words)
    assert got == code, text
    assert says in " ".join(text.replace("│", " ").split())


def test_a_task_without_a_seal_says_where_to_look(lab: Lab) -> None:
    lab.baseline([row for i in range(2) for row in rung(i)])
    code, text = run(lab, "power", "sums")
    assert code == 1
    assert "no sealed forecast; see `holdpoint series doctor`" in text
