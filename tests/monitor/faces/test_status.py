"""`holdpoint status`: everything on one screen, and nothing on it better than it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from asking import answer, run
from lab import Lab, rung

from monitor.faces.cli import shell
from monitor.overview import Overview


@pytest.fixture(scope="module")
def judged(built: Lab, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    lab = built.copy(tmp_path_factory.mktemp("judged") / "lab")
    lab.arrive(rung(6), "s6.csv")
    lab.arrive(rung(7, loss=0.9), "s7.csv")
    assert lab.cycle()
    return lab


@pytest.fixture
def house(judged: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Commands of this test have the clock of the lab."""
    lab = judged.copy(tmp_path / "house")
    monkeypatch.setattr(shell, "CLOCK", lab.clock)
    with (lab.root / "catalogue.toml").open("a") as catalogue:
        catalogue.write('[[target]]\nfamily = "lab"\nname = "s9"\nflop = 1e24\ndue = 2026-11-01\n')
    return lab


def test_one_screen_says_how_everything_stands(house: Lab) -> None:
    assert house.cycle("scan")
    code, text = run(house, "status")
    assert code == 0
    for words in (
        "1 GO, 1 PAUSE",
        "test:1",
        "default 1",
        "3 read",
        "lab/s7",
        "Open alerts",
        "s9",
        "late",
        "of 5%",
        "in 95 %",
    ):
        assert words in text, words
    assert len(text.splitlines()) <= 40
    told = answer(house, "status")
    Overview.model_validate(told)
    assert [(g["state"]["run"], g["answer"]) for g in told["gates"]] == [("s7", "PAUSE"), ("s6", "GO")]
    assert (told["held"], told["wrong"]) == ("", [])
    assert told["answers"] == {"GO": 1, "WARN": 0, "HOLD": 0, "PAUSE": 1}
    assert [(s["there"], s["files"]) for s in told["sources"]] == [(True, 2)]
    assert {a["answer"] for a in told["alerts"]} == {"PAUSE"}
    assert (told["families"][0]["newest"], told["targets"][0]["late"]) == ("lab/s7", True)
    assert {(r["kind"], r["forecasts"]) for r in told["track"]} == {("continuous", 2), ("thresholded", 2)}


def test_no_gate_looks_open_while_every_gate_holds(house: Lab) -> None:
    house.clock.sleep(2 * 86400)
    code, text = run(house, "status")
    assert code == 0
    assert "1 HOLD, 1 PAUSE; none is open: the last complete cycle was" in text
    assert "was GO" in text
    assert "led by nobody" in text
    told = answer(house, "status")
    assert [(g["state"]["run"], g["answer"]) for g in told["gates"]] == [("s7", "PAUSE"), ("s6", "HOLD")]
    assert house.ask("lab/s6").answer == "HOLD"


def test_no_gate_looks_open_while_the_policy_cannot_be_read(house: Lab) -> None:
    house.policy.write_text("x = ")
    told = answer(house, "status")
    assert "policy.toml" in told["held"]
    assert [g["answer"] for g in told["gates"]] == ["PAUSE", "HOLD"]
    assert house.ask("lab/s6").answer == "HOLD"


def test_what_cannot_be_read_is_said_beside_what_can(house: Lab) -> None:
    house.policy.write_text("x = ")
    (house.root / "catalogue.toml").write_text("y = ")
    house.inbox.rename(house.root / "elsewhere")
    assert not house.cycle("overdue")
    code, text = run(house, "status")
    assert code == 0
    assert text.count("WRONG") == 2
    assert all(words in text for words in ("policy.toml", "catalogue.toml", "NO", "none is open"))
    (house.root / "holdpoint.db").write_bytes(b"no store" * 1000)
    code, text = run(house, "status")
    assert code == 1
    assert "holdpoint.db" in text


def test_what_is_due_is_told_before_it_stops_anybody(house: Lab) -> None:
    rule = '\n[[rules]]\nid = "quarterly"\nkind = "calendar"\nlevel = "soft"\nevery = "90d"\n'
    house.policy.write_text(house.policy.read_text() + rule)
    assert house.cycle("scan", "overdue")
    told = answer(house, "status")["triggers"]
    assert [(t["run"], t["rule"]) for t in told] == [("s6", "quarterly"), ("s7", "quarterly")]
    assert all("due on 2027-02-" in t["sentence"] for t in told)
    assert "Next assessments" in run(house, "status")[1]


def test_an_empty_house_says_what_to_do(lab: Lab) -> None:
    code, text = run(lab, "status")
    assert code == 0
    assert "none yet" in text
    assert "start `holdpoint daemon run`" in text
    assert "never" in text


def test_what_takes_long_says_how_far_it_is_and_how_long_it_will_take(
    house: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")  # as on a terminal
    with shell.progress(after=1) as tell:
        tell("reading", 1, 4)
        assert capsys.readouterr().err == ""
        house.clock.sleep(2)
        tell("reading", 2, 4)
        tell("reading", 3, 4)
    said = capsys.readouterr().err
    assert "reading" in said
    assert "3/4" in said
    assert ":" in said.partition("3/4")[2]  # the time left
    assert list(shell.each("reading", [3, 1, 2])) == [3, 1, 2]
