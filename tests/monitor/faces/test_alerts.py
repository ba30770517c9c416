"""`holdpoint alert` as a person meets it: find it, take it, answer it, and read what became of it."""

from __future__ import annotations

import csv
import io
import json

import pytest
from asking import answer, run, runner
from lab import Lab, rung

from checkpoints_db.records import Answer
from monitor.faces.cli import app

LOOKING = ("list", "show", "history", "export", "causes")
ACTING = ("ack", "review", "confirm", "false-alarm", "invalid", "close", "comment", "assign", "attach")


@pytest.fixture
def paused(ladder: Lab) -> Lab:
    ladder.arrive(rung(6, loss=1.0), "s6.csv")
    ladder.cycle()
    return ladder


def first(lab: Lab) -> str:
    return str(answer(lab, "alert", "list")[0]["id"])


def test_an_alert_from_its_list_to_its_end(paused: Lab) -> None:
    name = first(paused)
    said = answer(paused, "alert", "assign", name, "--by", "ada", "--to", "bob")
    assert said["assigned"] == "bob"
    said = answer(paused, "alert", "review", name, "--by", "ada", "--reviewer", "bob", "--question", "is it so?")
    assert said["state"] == "under_review"
    assert "holdpoint gate release lab/s6" in said["gate"]
    assert answer(paused, "alert", "comment", name, "--by", "bob", "--text", "=it is not")["text"] == "=it is not"
    link = "https://example.org/report"
    assert answer(paused, "alert", "attach", name, "--by", "bob", "--url", link, "--title", "report")["url"] == link
    why = ("--cause", "harness_change", "--reason", "answers are trimmed")
    code, text = run(paused, "alert", "false-alarm", name, "--by", "bob", *why)
    assert code == 0
    assert "the gate of lab/s6 is unchanged and says PAUSE" in " ".join(text.split())
    assert answer(paused, "alert", "close", name, "--by", "bob", "--reason", "done")["state"] == "closed"
    assert paused.ask("s6").answer == Answer.PAUSE
    happened = answer(paused, "alert", "history", name)
    assert [line["what"] for line in happened if line["what"] != "told"] == [
        "opened",
        "assigned",
        "under_review",
        "comment",
        "attachment",
        "false_alarm",
        "closed",
    ]
    assert answer(paused, "alert", "show", name)["happened"] == happened
    assert [(c["found"], c["cause"], c["count"]) for c in answer(paused, "alert", "causes")] == [
        ("false_alarm", "harness_change", 1)
    ]
    code, text = run(paused, "alert", "show", name)
    assert code == 0
    assert "harness_change" in text
    assert f"holdpoint alert review {name}" in text


def test_a_list_by_filters_and_pages(paused: Lab) -> None:
    paused.arrive([row for row in rung(7) if row["metric"] == "nll"], "s7.csv")
    paused.cycle()
    every = answer(paused, "alert", "list")
    assert [a["answer"] for a in every] == ["PAUSE", "PAUSE", "HOLD"]
    assert [a["run"] for a in answer(paused, "alert", "list", "--severity", "hold")] == ["s7"]
    assert answer(paused, "alert", "list", "--run", "lab/s7") == every[2:]
    assert answer(paused, "alert", "list", "--rule", "break", "--family", "lab") == [
        a for a in every if a["rule"] == "break"
    ]
    assert answer(paused, "alert", "list", "--assigned", "ada") == []
    assert answer(paused, "alert", "list", "--assigned", "") == every
    assert answer(paused, "alert", "list", "--since", "2030-01-01T00:00:00Z") == []
    answer(paused, "alert", "ack", every[2]["id"], "--by", "ada")
    assert [a["id"] for a in answer(paused, "alert", "list", "--state", "acknowledged")] == [every[2]["id"]]
    assert answer(paused, "alert", "list", "--state", "over") == []
    page = answer(paused, "alert", "list", "--limit", "2")
    assert (page["alerts"], page["total"]) == (every[:2], 3)
    rest = answer(paused, "alert", "list", "--limit", "2", "--after", page["next"])
    assert ([a["id"] for a in rest["alerts"]], rest["next"]) == ([every[2]["id"]], "")
    code, text = run(paused, "alert", "list", "--limit", "2")
    assert code == 0
    assert "Alerts (2 of 3)" in text
    assert f"--after {page['next']}" in text


REFUSED: list[tuple[tuple[str, ...], int, str]] = [
    (("list", "--state", "tired"), 2, "no state of an alert"),
    (("list", "--severity", "go"), 2, "severity"),
    (("list", "--since", "yesterday"), 2, "no date"),
    (("list", "--after", "x"), 1, "no mark of a page"),
    (("review", "{}", "--by", "ada"), 2, "question"),
    (("confirm", "{}", "--by", "ada", "--mitigation", "x"), 1, "holdpoint alert review"),
    (("false-alarm", "{}", "--by", "ada", "--reason", "x"), 2, "cause"),
    (("false-alarm", "{}", "--by", "ada", "--cause", "bad luck", "--reason", "x"), 2, "evaluation_bug"),
    (("close", "{}", "--by", "ada", "--reason", "x"), 1, "cannot become closed"),
    (("assign", "{}", "--by", "ada"), 2, "--nobody"),
    (("assign", "{}", "--by", "ada", "--to", "bob", "--nobody"), 2, "--nobody"),
    (("attach", "{}", "--by", "ada", "--url", "ftp://x", "--title", "x"), 1, "http"),
    (("ack", "{}", "--by", "ada", "--evidence", "00000000"), 1, "look again"),
    (("history", "ffff"), 1, "no alert"),
    (("export", "ffff"), 1, "no alert"),
]


def test_what_is_refused_says_what_to_do(paused: Lab) -> None:
    name = first(paused)
    for words, code, says in REFUSED:
        got, text = run(paused, "alert", *[word.format(name) for word in words])
        assert (got, says in " ".join(text.replace("│", " ").split())) == (code, True), (words, text)


def test_an_export_is_whole_in_both_formats_and_no_formula(paused: Lab) -> None:
    name = first(paused)
    answer(paused, "alert", "comment", name, "--by", "ada", "--text", '=cmd|"x",\n1')
    code, text = run(paused, "alert", "export")
    lines = [json.loads(line) for line in text.splitlines()]
    assert code == 0
    assert {line["alert"] for line in lines} == {a["id"] for a in answer(paused, "alert", "list")}
    mine = answer(paused, "alert", "history", name)
    assert [line for line in lines if line["alert"] == name] == mine
    out = paused.root / "one.csv"
    assert run(paused, "alert", "export", name, "--format", "csv", "--out", str(out))[0] == 0
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert [row["what"] for row in rows] == [line["what"] for line in mine]
    assert [row["text"] for row in rows if row["what"] == "comment"] == ['\'=cmd|"x", 1']
    code, text = run(paused, "alert", "export", name, "--out", str(out))
    assert (code, "cannot be written" in text) == (1, True)


@pytest.mark.parametrize("name", [*LOOKING, *ACTING])
def test_every_command_shows_an_example_and_answers_in_json(name: str) -> None:
    said = runner.invoke(app, ["alert", name, "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).output
    assert f"Example: holdpoint alert {name}" in said
    assert "--json" in said
