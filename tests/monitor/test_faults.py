"""Faults of the measurement, from logs that arrive: what is incomparable holds, what is a hint warns, nothing lifts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from item_logs import DOCUMENTS, ItemLab, answers
from typer.testing import CliRunner

from checkpoints_db.records import Answer, Fault
from monitor import cases
from monitor.faces.cli import app
from monitor.items import tallied
from monitor.science.link_items import predicted

NAMES = [f"q{i}" for i in range(DOCUMENTS)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> ItemLab:
    return ItemLab(tmp_path_factory.mktemp("items") / "lab")


@pytest.fixture
def lab(built: ItemLab, tmp_path: Path) -> ItemLab:
    shutil.copytree(built.root, tmp_path / "lab")
    twin = ItemLab.__new__(ItemLab)
    root = tmp_path / "lab"
    twin.__dict__.update(
        built.__dict__
        | {"root": root, "inbox": root / "inbox", "config": root / "holdpoint.toml", "policy": root / "policy.toml"}
    )
    twin.clock = type(built.clock)(built.clock.now())
    return twin


def faults(lab: ItemLab) -> dict[str, Fault]:
    rules = lab.rules()
    with lab.store() as store:
        case = cases.case_of(store, rules.catalogue, rules.policy, "lab", "i6")
    return {fault.name: fault for fault in case.faults}


def findings(lab: ItemLab) -> dict[str, Answer]:
    with lab.store() as store:
        decision = store.judgements.decisions("lab", "i6")[-1]
    return {finding.subject or finding.kind: finding.answer for finding in decision.findings}


def test_a_whole_measurement_has_no_fault_and_is_linked_by_its_items(lab: ItemLab) -> None:
    assert lab.was(6, *answers(6)) == {}
    with lab.store() as store:
        (ladder,) = cases.measured(store, lab.catalogue, "lab", "i6").ladders
    assert [name for name, _ in ladder.rungs] == [f"lab/i{i}" for i in range(6)]
    tallies = tallied(ladder)
    assert tallies is not None
    found = predicted([each for _, each in tallies.rungs], tallies.own)
    assert found.lower[0] <= answers(6)[1].mean() <= found.upper[0]


def test_other_documents_hold(lab: ItemLab) -> None:
    state = lab.comes(6, *answers(6), names=[*NAMES[3:], "new1", "new2", "new3"])
    fault = faults(lab)["changed_documents"]
    assert state.answer is Answer.HOLD
    assert (fault.stance, fault.numbers["new"], fault.numbers["gone"]) == ("incomparable", 3.0, 3.0)
    assert set(fault.documents) == {"new 117", "new 118", "new 119", "gone 0", "gone 1", "gone 2"}
    assert findings(lab)["facts · " + fault.sentence.removeprefix("lab/i6: ")] is Answer.HOLD


def test_the_same_documents_in_another_order_are_the_same(lab: ItemLab) -> None:
    lls, right = answers(6)
    assert lab.was(6, lls[::-1], right[::-1], names=NAMES[::-1]) == {}


def test_a_changed_task_hash_is_named_and_holds(lab: ItemLab) -> None:
    state = lab.comes(6, *answers(6), task_hash="two")
    fault = faults(lab)["changed_conditions"]
    assert state.answer is Answer.HOLD
    assert "task_hash was one, is two" in fault.sentence
    assert findings(lab)["facts · " + fault.sentence.removeprefix("lab/i6: ")] is Answer.HOLD


def test_a_policy_may_pause_over_a_hint(lab: ItemLab) -> None:
    text = lab.policy.read_text()
    lab.policy.write_text(text.replace('kind = "evidence"', 'kind = "evidence"\nhints = "pause"', 1))
    lls, right = answers(6)
    planted = np.argsort(answers(5)[0])[:60:5]
    lls[planted], right[planted] = -0.01, True
    assert lab.comes(6, lls, right).answer is Answer.PAUSE


def test_a_question_asked_twice_is_a_hint_where_the_ladder_asked_it_once(lab: ItemLab) -> None:
    fault = lab.was(6, *answers(6), names=[*NAMES[:-1], "q0"])["repeated_documents"]
    assert (fault.stance, fault.documents, fault.numbers["repeated"]) == ("hint", ("119",), 1.0)


def test_no_hint_lifts_a_pause(lab: ItemLab) -> None:
    lls, right = answers(6)
    state = lab.comes(6, np.full_like(lls, -0.01), np.full_like(right, fill_value=True))
    assert state.answer is Answer.PAUSE  # the ability itself broke its trend
    lls = np.full_like(lls, -0.01)
    lls[:30] = -9.0
    again = lab.comes(6, lls, lls > -1, second=1)
    assert again.answer is Answer.PAUSE


def told(lab: ItemLab, *words: str, code: int = 0) -> Any:
    done = CliRunner().invoke(app, [*words, "--config", str(lab.config)])
    assert done.exit_code == code, done.output
    return json.loads(done.output) if "--json" in words else done.output


def test_items_known_by_heart_warn_and_the_commands_list_them(lab: ItemLab) -> None:
    lls, right = answers(6)
    planted = np.argsort(answers(5)[0])[:60:5]
    lls[planted], right[planted] = -0.01, True
    lab.comes(6, lls, right)
    fault = faults(lab)["likelihood_jumps"]
    assert set(fault.documents) == {str(i) for i in planted}
    assert (fault.stance, fault.by_chance) == ("hint", 0.01)
    assert findings(lab)["facts · likelihood_jumps"] is Answer.WARN
    said = told(lab, "items", "lab/i6", "facts", "--top", "12", "--json")
    assert {item["document"] for item in said["moved"]} == set(planted.tolist())
    assert (said["documents"], said["against"]) == (DOCUMENTS, "lab/i5")
    assert [fault["name"] for fault in said["faults"]] == ["likelihood_jumps"]
    assert "likelihood_jumps" in told(lab, "items", "i6", "facts")
    assert "likelihood_jumps" in told(lab, "verdict", "show", "i6", "facts")
    shown = told(lab, "verdict", "show", "i6", "facts", "--json")
    assert [fault["name"] for fault in shown["faults"]] == ["likelihood_jumps"]
    told(lab, "items", "i6", "sums", code=2)
    told(lab, "items", "i0", "facts")
