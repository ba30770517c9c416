"""`holdpoint ledger`, `backup` and `restore` as a user meets them; pins in a file, in git, at a webhook."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from asking import answer, run
from lab import Lab, rung
from listening import listening
from lives import busy, chained_anew, changed, dumped, ledger_of

from checkpoints_db.rebuild import LEFT_OUT


@pytest.fixture(scope="module")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return busy(tmp_path_factory.mktemp("lived") / "lab")


@pytest.fixture
def lived(built_once: Lab, tmp_path: Path) -> Lab:
    return built_once.copy(tmp_path / "lab")


def test_head_and_verify_from_it(lived: Lab) -> None:
    head = answer(lived, "ledger", "head")
    assert head["head"] == f"{head['seq']}:{head['digest']}"
    assert run(lived, "ledger", "head") == (0, head["head"] + "\n")
    whole = answer(lived, "ledger", "verify", "--from", head["head"], "--deep")
    assert whole == {"rows": head["seq"], "head": head["digest"], "pins": 0, "differences": []}
    code, text = run(lived, "ledger", "verify", "--from", "nonsense")
    assert (code, "SEQ:DIGEST" in text) == (2, True)


def test_a_pin_in_a_file_finds_an_end_that_was_cut_off(lived: Lab, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere" / "pins.jsonl"
    pinned = answer(lived, "ledger", "pin", str(file))
    assert answer(lived, "ledger", "verify", "--pin", str(file))["pins"] == 1
    store = lived.root / "holdpoint.db"
    rows = ledger_of(store)
    chained_anew(store, rows[:-3])
    cut = len(rows) - 3
    judged = ("decisions", "verdicts", "diagnoses", "cases", "alert_events")
    for table in ("deliveries", "leases", "revocations", "people", "tokens", *judged):
        changed(store, (f"DELETE FROM {table} WHERE seq > ?", (cut,)))  # noqa: S608 - whoever cut the end tidied up
    assert run(lived, "ledger", "verify")[0] == 0  # nothing in the file itself tells
    code, text = run(lived, "ledger", "verify", "--pin", str(file))
    assert code == 1
    assert f"ledger row {pinned['seq'] - 2}: row is missing" in text


@pytest.mark.parametrize(
    ("text", "says"), [("", "holds no pin"), ("12:ab\n", ":1: is no pin"), ("{}\n", ":1: is no pin")]
)
def test_a_file_that_holds_no_pins_is_named(lived: Lab, tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "pins"
    file.write_text(text)
    code, told = run(lived, "ledger", "verify", "--pin", str(file))
    assert (code, says in told) == (1, True), told
    assert run(lived, "ledger", "verify", "--pin", str(tmp_path / "none"))[0] == 1


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed here")
def test_a_pin_in_git_is_a_commit(lived: Lab, tmp_path: Path) -> None:
    repository = tmp_path / "pins"
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    for key, value in (("user.name", "ada"), ("user.email", "ada@example.org")):
        subprocess.run(["git", "-C", str(repository), "config", key, value], check=True)
    (repository / "other").write_text("mine, and not to be committed")
    pinned = answer(lived, "ledger", "pin", str(repository))
    shown = subprocess.run(
        ["git", "-C", str(repository), "show", "--name-only", "--format=%H %s"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert shown == [
        pinned["commit"],
        "holdpoint",
        "ledger",
        f"{pinned['seq']}:{pinned['sha256']}",
        "holdpoint-ledger.jsonl",
    ]
    assert answer(lived, "ledger", "verify", "--pin", str(repository / "holdpoint-ledger.jsonl"))["pins"] == 1
    code, told = run(lived, "ledger", "pin", str(tmp_path))
    assert (code, "git" in told) == (1, True)


def test_a_pin_at_a_webhook_is_posted_and_its_url_is_never_shown(lived: Lab) -> None:
    with listening() as (url, heard):
        pinned = answer(lived, "ledger", "pin", f"{url}/a-secret")
    ((path, body),) = heard
    assert path == "/a-secret"
    assert json.loads(body)["sha256"] == pinned["sha256"]
    with listening(500) as (url, _):
        code, told = run(lived, "ledger", "pin", f"{url}/a-secret")
    assert (code, "answered 500" in told, "secret" in told) == (1, True, False)
    code, told = run(lived, "ledger", "pin", f"{url}/a-secret")
    assert (code, "could not be reached" in told, "secret" in told) == (1, True, False)
    assert run(lived, "ledger", "pin", "file:///etc/passwd")[0] == 1


def test_a_broken_ledger_is_not_pinned(lived: Lab, tmp_path: Path) -> None:
    changed(lived.root / "holdpoint.db", ("UPDATE ledger SET subject = 'x' WHERE seq = 9", ()))
    code, told = run(lived, "ledger", "pin", str(tmp_path / "pins"))
    assert (code, "ledger row 9" in told) == (1, True)
    assert not (tmp_path / "pins").exists()


def test_rebuild_says_what_differs(lived: Lab, tmp_path: Path) -> None:
    store, out = lived.root / "holdpoint.db", tmp_path / "fresh.db"
    assert answer(lived, "ledger", "rebuild", str(out))["differences"] == []
    assert dumped(out, *LEFT_OUT) == dumped(store, *LEFT_OUT)
    assert run(lived, "ledger", "rebuild", str(out))[0] == 1
    changed(store, ("UPDATE results SET value = 0.99 WHERE run = 'i7'", ()))
    found = answer(lived, "ledger", "verify", "--deep", code=1)["differences"]
    assert {one["table"] for one in found} == {"results"}
    code, told = run(lived, "ledger", "rebuild", str(tmp_path / "other.db"))
    assert (code, "value is 0.99 in the table" in told) == (1, True)


def test_backup_and_restore(lived: Lab, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    with lived.store() as store:
        store.resign("test:1")
    kept = answer(lived, "backup", str(target))
    assert kept["rows"] == answer(lived, "ledger", "head")["seq"]
    assert run(lived, "backup", str(target))[0] == 1
    assert run(lived, "restore", str(target))[0] == 1
    assert answer(lived, "restore", str(target), "--force")["head"] == kept["head"]
    assert answer(lived, "gate", "ask", "lab/i7", code=10)["reason"] == "fault"
    assert answer(lived, "ledger", "verify", "--deep")["rows"] == kept["rows"]


def test_a_clock_that_was_set_back_is_recorded_and_holds_until_it_is_right_or_accepted(ladder: Lab) -> None:
    ladder.arrive(rung(6), "s6.csv")
    ladder.cycle()
    assert ladder.ask("s6").answer == "GO"
    ladder.clock.sleep(-36000)
    assert "backwards" in ladder.ask("s6").sentence
    (ladder.inbox / "more.csv").write_text("nonsense")
    assert ladder.cycle()
    with ladder.store() as store:
        (step,) = store.ledger.entries("clock")
        assert step.value()["seconds"] > 35000
        store.ledger.verify()
    state = ladder.ask("s6")
    assert (state.answer, state.reason) == ("HOLD", "fault")
    assert "the clock was set back" in state.sentence
    later = ladder.copy(ladder.root.with_name("later"))
    later.clock.sleep(36000)
    assert later.ask("s6").answer == "GO"
    with ladder.store() as store:
        store.accept_clock("ada", "NTP", ladder.clock.now())
    assert ladder.ask("s6").answer == "GO"
    with ladder.store() as store:
        assert [entry.subject for entry in store.ledger.entries("clock")] == ["back", "accepted"]
        assert store.accept_clock("ada", "again", ladder.clock.now()) == ""
    assert answer(ladder, "ledger", "clock", "--by", "ada", "--reason", "x")["was"] == ""
    assert run(ladder, "ledger", "clock", "--by", " ", "--reason", "x")[0] == 1
