"""Every command, asked with --json in a small lab: what it prints is what `holdpoint schema` publishes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from answered import command_of, must_be_as_published, validator
from asking import answer, run, runner
from commands import COMMANDS
from lab import Lab, rung
from played import own_log

from monitor.faces.answers import ANSWERS
from monitor.faces.cli import app, shell

ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = f"""
[[family]]
name = "tiny-facts"
axis = "flop"
compare_at = "step"
[[run]]
table = "{ROOT / "examples" / "tiny-ladder" / "facts-models.csv"}"
"""
NOT_PLAYED = {"serve": "waits for SIGTERM; what it prints is one address"}
"""Commands whose answer is published, and compared by no test. May only shrink."""
ELSEWHERE = {
    "prior learn": "tests/monitor/faces/test_prior.py",
    "backtest": "tests/monitor/test_backtesting.py",
    "drill": "tests/monitor/daemon/test_drills.py",
}
"""Commands that take long, and are compared where they are tested."""


class House:
    """A lab with a run that goes on and one that is paused, and every command that was asked there."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.asked: set[str] = set()

    def __call__(self, *words: str, code: int = 0) -> Any:
        self.asked.add(command_of(words))
        return answer(self.lab, *words, code=code)

    def whatever(self, *words: str) -> Any:
        """A command whose exit code is no matter here."""
        self.asked.add(command_of(words))
        told = json.loads(run(self.lab, *words, "--json")[1])
        must_be_as_published(words, told)
        return told

    def bare(self, *words: str, code: int = 0) -> Any:
        """A command that takes no settings."""
        with own_log():
            done = runner.invoke(app, [*words, "--json"])
        assert done.exit_code == code, done.output
        told = json.loads(done.stdout)
        must_be_as_published(words, told)
        self.asked.add(command_of(words))
        return told


@pytest.fixture(scope="module")
def house(built: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    lab = built.copy(tmp_path_factory.mktemp("answers") / "lab")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shell, "CLOCK", lab.clock)
        lab.arrive(rung(6), "s6.csv")
        lab.arrive(rung(7, loss=0.9), "s7.csv")
        (lab.root / "alerts.jsonl").mkdir()  # nothing can be appended to it, so messages wait
        (lab.inbox / "bad.csv").write_text("family,run,flop,task,metric,value\nlab,s9,1e24,sums,acc,none\n")
        assert lab.cycle()
        with lab.store() as store:
            store.resign("test:1")
        yield House(lab)


def evidence(ask: House) -> None:
    """What was observed, and what is expected of it."""
    ask("status")
    ask("file", "list")
    (bad,) = ask("quarantine", "list")
    ask("quarantine", "show", bad["sha256"][:12])
    ask("checkpoint", "list")
    ask("catalogue", "check")
    ask("series", "list")
    ask("series", "show", "lab/sums/acc")
    ask("series", "doctor")
    ask("forecast", "list")
    ask("forecast", "show", "lab/sums/acc")
    ask("forecast", "track")
    ask("forecast", "plan", "--at", "1e24")
    ask("verdict", "list")
    ask("verdict", "show", "lab/s7", "sums")
    ask("power", "sums")
    ask("prior", "show")


def acts(ask: House) -> None:
    """What people do about a pause."""
    ask("gate", "ask", "lab/s6")
    held = ask("gate", "ask", "lab/s7", code=20)
    ask("gate", "ask", "lab/nobody", code=10)
    ask("gate", "status")
    ask("gate", "status", "lab/s7")
    name = ask("alert", "list")[0]["id"]
    ask("alert", "list", "--limit", "1")
    ask("alert", "show", name)
    ask("alert", "ack", name, "--by", "ada")
    ask("alert", "assign", name, "--by", "ada", "--to", "bob")
    ask("alert", "comment", name, "--by", "ada", "--text", "looking")
    ask("alert", "attach", name, "--by", "ada", "--url", "https://example.org/1", "--title", "report")
    ask("alert", "review", name, "--by", "ada", "--question", "is it so?")
    ask("alert", "confirm", name, "--by", "ada", "--mitigation", "filters")
    ask("alert", "close", name, "--by", "ada", "--reason", "done")
    ask("alert", "review", name, "--by", "ada", "--question", "is it really?")
    ask("alert", "false-alarm", name, "--by", "ada", "--cause", "noise", "--reason", "one of many")
    ask("alert", "history", name)
    code, lines = run(ask.lab, "alert", "export", name, "--json")
    assert code == 0
    for line in lines.splitlines():
        must_be_as_published(("alert", "export"), json.loads(line))
    ask.asked.add("alert export")
    ask("alert", "causes")
    ask("alert", "review", name, "--by", "ada", "--question", "again?")
    ask("alert", "invalid", name, "--by", "ada", "--rerun", "sums")
    ask("waiver", "add", "lab/s7", "--rule", "break", "--subject", _subject(ask), "--by", "ada", "--reason", "ticket 1")
    ask("waiver", "list")
    evidence_seen = ("--evidence", held["evidence"][:12])
    ask("gate", "release", "lab/s7", "--by", "carol", "--reason", "assessed", *evidence_seen)
    ask("gate", "break-glass", "lab/s7", "--by", "dan", "--reason", "night")
    ask("gate", "review", "lab/s7", "--by", "carol", "--reason", "right to go on")
    ask("route", "test", "--family", "lab", "--severity", "pause")
    owed = next(m for m in ask("outbox", "list") if m["state"] == "owed")
    message = ask("outbox", "list")[0]["message"]["id"]
    ask("outbox", "show", message)
    ask("outbox", "retry", owed["message"]["id"], "--by", "ada")


def _subject(ask: House) -> str:
    findings = ask("gate", "status", "lab/s7")["decision"]["findings"]
    return next(str(f["subject"]) for f in findings if f["rule"] == "break")


def statements(ask: House) -> None:
    """What people state of runs."""
    ask("run", "stage", "lab/s6", "rl", "--by", "ada")
    ask("run", "withdraw", ask("run", "list")[-2]["entries"][0]["id"], "--by", "ada", "--reason", "wrong run")
    made = ask("assessment", "record", "lab/s6", "--name", "light", "--by", "ada")
    ask("assessment", "withdraw", made["id"], "--by", "ada", "--reason", "wrong run")
    ask("assessment", "list")
    given = ask("safeguard", "attest", "lock", "--by", "ada", "--for", "52w")
    ask("safeguard", "withdraw", given["id"], "--by", "ada", "--reason", "removed")
    ask("safeguard", "list")


def policies(ask: House) -> None:
    """What a policy says, would have said, and how it changes."""
    policy = str(ask.lab.policy)
    changed = ask.lab.root / "changed.toml"
    text = ask.lab.policy.read_text()
    assert "tail = 0.01" in text
    changed.write_text('authors = ["erin"]\n' + text.replace("tail = 0.01", "tail = 0.005"))
    ask("policy", "check", policy)
    ask("policy", "explain", ask("gate", "status", "lab/s6")["state"]["decision"][:12])
    ask("policy", "explain", policy)
    ask("policy", "explain", policy, "--run", "lab/s6")
    ask.bare("policy", "schema")
    ask("policy", "replay", policy, "--every", "never")
    ask.whatever("policy", "diff", policy, str(changed), "--every", "never")
    ask("policy", "adopt", str(changed), "--by", "carol", "--reason", "ticket 2")
    ask("policy", "history")
    ask("policy", "test", policy)
    little = ("--breaks", "+6sd", "--places", "2", "--points", "2", "--jobs", "1", "--per-year", "12")
    ask("policy", "tune", policy, *little, "--param", "judging.tail=0.001..0.01")


def installation(ask: House) -> None:
    """The installation, its ledger, keys, leases, and what is written to files."""
    root = ask.lab.root
    ask.bare("init", str(root / "other"))
    ask.bare("selftest")
    ask.bare("schema")
    ask.bare("schema", "gate", "ask")
    settings = ("--config", str(root / "other" / "holdpoint.toml"))
    ask.bare("daemon", "run", "--once", *settings)
    logs = ROOT / "examples" / "tiny-ladder" / "tiny-facts"
    (root / "other" / "catalogue.toml").write_text(CATALOGUE)
    ask.bare("ingest", *(str(logs / f"f{i}-seed0-step4000") for i in (3, 4)), "--baseline", *settings)
    ask.bare("items", "tiny-facts/f4", "facts_ll", *settings)
    ask("config", "show")
    ask("config", "check")
    ask("keys", "new")
    ask("keys", "rotate")
    ask("keys", "show")
    signed = ask("lease", "issue", "lab/s6")
    assert signed["lease"]["seq"] == 1
    ask("lease", "verify", str(root / "leases" / "lab" / "s6.json"))
    ask("lease", "revoke", "lab/s6", "--by", "ada", "--reason", "wrong data")
    ask("lease", "show")
    ask.whatever("doctor")
    ask("export", "results", "--out", str(root / "results.csv"))
    ask("ledger", "head")
    ask("ledger", "verify")
    ask("ledger", "verify", "--deep")
    ask("ledger", "pin", str(root / "pins.jsonl"))
    ask("ledger", "rebuild", str(root / "rebuilt.db"))
    ask("ledger", "clock", "--by", "ada", "--reason", "checked")
    ask("tidy", "--dry-run")
    ask("backup", str(root / "copy.db"))
    ask("backup", "--to", str(root / "copies"))
    ask("restore", str(root / "copies"), "--drill")
    ask("restore", str(root / "copy.db"), "--force")
    (bad,) = ask("quarantine", "list")
    ask("quarantine", "retry", bad["sha256"][:12])
    bundle = root / "s7.bundle"
    ask("bundle", "make", "lab/s7", "--out", str(bundle))
    ask.bare("bundle", "verify", str(bundle))


def doors(ask: House) -> None:
    """Who may come in, and a drill."""
    secret = ask.lab.root / "password"
    secret.write_text("long enough for anybody")
    secret.chmod(0o600)
    ask("people", "add", "bob", "--role", "viewer", "--by", "ada", "--password-file", str(secret))
    ask("people", "password", "bob", "--by", "ada", "--password-file", str(secret))
    ask("people", "role", "bob", "--role", "reviewer", "--by", "ada")
    made = ask("token", "make", "bob", "--action", "read", "--by", "ada")
    assert len(made["token"]) >= 32
    ask("token", "list")
    ask("token", "revoke", made["id"], "--by", "ada")
    ask("people", "disable", "bob", "--by", "ada")
    ask("people", "enable", "bob", "--by", "ada")
    ask("people", "list")
    ask.bare("people", "roles")
    ask("drill", "list")


def test_answers_are_as_published(house: House) -> None:
    assert set(ANSWERS) == set(COMMANDS), "name the type of its answer in monitor/faces/answers"
    for part in (evidence, acts, statements, policies, doors, installation):
        part(house)
    print("compared by no test:", ", ".join(NOT_PLAYED))
    assert set(COMMANDS) - house.asked == {*ELSEWHERE, *NOT_PLAYED}


def test_what_is_compared_elsewhere_is() -> None:
    for command, place in ELSEWHERE.items():
        text = (ROOT / place).read_text("utf-8")
        assert "must_be_as_published(" in text, command


def test_schemas_are_closed_and_notice_what_is_missing(house: House) -> None:
    told = answer(house.lab, "status")
    for wrong in ({**told, "more": 1}, {key: value for key, value in told.items() if key != "gates"}):
        assert not validator("status").is_valid(wrong)


def test_a_schema_is_printed_by_the_words_of_its_command() -> None:
    done = runner.invoke(app, ["schema", "gate", "ask"])
    assert json.loads(done.stdout) == validator("gate ask").schema
    assert runner.invoke(app, ["schema"]).stdout.split("\n")[:-1] == list(ANSWERS)
    done = runner.invoke(app, ["schema", "gate", "asks"])
    assert done.exit_code == 2
    assert "no command" in " ".join(done.output.split())
