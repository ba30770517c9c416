"""`holdpoint quarantine`: what could not be read, why, and reading it again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, rung, write_table
from typer.testing import CliRunner

from checkpoints_db.errors import HoldpointError
from monitor.faces.cli import app

BAD = "family,run,flop,task,metric,value\nlab,s9,1e24,sums,acc,na\x1b[31mn\n"


def run(lab: Lab, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["quarantine", *words, "--config", str(lab.config)])
    if done.exception and not isinstance(done.exception, SystemExit | HoldpointError):
        raise done.exception
    return (1, str(done.exception)) if isinstance(done.exception, HoldpointError) else (done.exit_code, done.output)


def answer(lab: Lab, *words: str) -> Any:
    code, text = run(lab, *words, "--json")
    assert code == 0, text
    return json.loads(text)


@pytest.fixture
def refused(ladder: Lab) -> Path:
    """A file that no reader can read, after the scan that found it."""
    path = ladder.inbox / "bad.csv"
    path.write_text(BAD)
    assert ladder.cycle("scan")
    return path


def test_list_and_show_say_what_where_and_what_next(ladder: Lab, refused: Path) -> None:
    (listed,) = answer(ladder, "list")
    shown = answer(ladder, "show", listed["sha256"][:8])
    assert shown["path"] == str(refused)
    assert shown["size"] == len(BAD)
    assert shown["field"] == "line 2, column value"
    assert shown["reason"] == listed["reason"]
    assert Path(shown["copy"]).read_text() == BAD
    assert shown["begins"] == BAD.replace("\x1b", "\N{REPLACEMENT CHARACTER}").replace("\n", " ")
    assert f"holdpoint quarantine retry {listed['sha256'][:12]}" in shown["next"]
    code, text = run(ladder, "show", listed["sha256"][:8])
    assert (code, "\x1b" in text) == (0, False)
    assert "bad.csv" in run(ladder, "list")[1]


def test_show_prints_only_the_beginning(ladder: Lab) -> None:
    (ladder.inbox / "long.txt").write_bytes(b"\xffx" * 5000)
    ladder.cycle("scan")
    (listed,) = answer(ladder, "list")
    assert len(answer(ladder, "show", listed["sha256"])["begins"]) == 400


def test_a_file_that_can_be_read_now_says_so_and_is_read_when_asked(ladder: Lab) -> None:
    path = ladder.arrive(rung(6), "s6.csv")
    ladder.cycle("scan")
    with ladder.store() as store:
        (file,) = [f for f in store.evidence.files() if f.path == str(path)]
        with store.transaction():
            store.evidence.put_file(file.model_copy(update={"status": "quarantined"}), ladder.clock.now())
    assert "it can be read now" in answer(ladder, "show", file.sha256)["next"]
    assert answer(ladder, "retry", file.sha256)["status"] == "arrived"
    ladder.cycle("scan")
    assert answer(ladder, "list") == []


def test_the_copy_is_read_again_where_the_original_is_gone(ladder: Lab, refused: Path) -> None:
    (listed,) = answer(ladder, "list")
    refused.unlink()
    assert answer(ladder, "show", listed["sha256"])["field"] == "line 2, column value"
    again = answer(ladder, "retry", listed["sha256"])
    assert Path(again["path"]).parent == ladder.root / "quarantine"
    with ladder.store() as store:
        assert [a.state for a in store.actions.alerts()] == ["closed"]
    ladder.cycle("scan")
    (listed,) = answer(ladder, "list")
    assert "column value" in listed["reason"]
    with ladder.store() as store:
        assert sorted(a.state for a in store.actions.alerts()) == ["closed", "firing"]


def test_nothing_left_to_read_is_said(ladder: Lab, refused: Path) -> None:
    (listed,) = answer(ladder, "list")
    write_table(refused, rung(6))
    for copy in (ladder.root / "quarantine").iterdir():
        copy.unlink()
    shown = answer(ladder, "show", listed["sha256"])
    assert (shown["copy"], shown["begins"]) == ("", "")
    assert "write the file again" in shown["next"]
    code, text = run(ladder, "retry", listed["sha256"])
    assert (code, "no copy was kept" in text) == (1, True)


@pytest.mark.parametrize("verb", ["show", "retry"])
def test_an_unknown_digest_is_refused(ladder: Lab, verb: str) -> None:
    code, text = run(ladder, verb, "abc")
    assert (code, "see `holdpoint quarantine list`" in text) == (1, True)
