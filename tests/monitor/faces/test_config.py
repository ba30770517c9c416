"""Settings as a user meets them: asked for, written, shown with where they come from, and tried."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from asking import answer, run
from lab import Lab
from pushing import web
from typer.testing import CliRunner

from checkpoints_db.catalogue import Catalogue
from checkpoints_db.errors import SettingsError
from monitor.faces import house
from monitor.faces.cli import app, init
from monitor.reference import BEGIN, END, MASKED, key_table
from monitor.settings import Settings
from policies.files import shelf_names
from policies.loader import find_file

ROOT = Path(__file__).resolve().parents[3]
runner = CliRunner()


def test_the_page_has_every_key_described() -> None:
    page = (ROOT / "monitor" / "README.md").read_text("utf-8")
    assert page.partition(BEGIN)[2].partition(END)[0].strip() == key_table().strip()


# -- init -------------------------------------------------------------------------------------------------------------


def made(folder: Path, *words: str) -> Settings:
    done = runner.invoke(app, ["init", str(folder), *words])
    assert done.exit_code == 0, done.output
    return Settings.load(folder / "holdpoint.toml")


def test_what_init_writes_is_what_was_asked_for(tmp_path: Path) -> None:
    words = ["--source", "evals/new", "--source", "s3://bucket/evals", "--family", 'a "lab"', "--policy", "strict"]
    settings = made(tmp_path, *words, "--match", "org/lab-{size}@step{step}", "--receiver", "slack")
    assert [(s.path, s.url) for s in settings.source] == [(Path("evals/new"), ""), (None, "s3://bucket/evals")]
    assert (tmp_path / "evals" / "new").is_dir()
    assert set(settings.receivers) == {"log", "file", "slack"}
    run_of = Catalogue.from_toml(tmp_path / "catalogue.toml").runs[0]
    assert (run_of.family, run_of.match) == ('a "lab"', "org/lab-{size}@step{step}")
    policy = find_file(settings.policy, settings.base).policy
    assert (policy.name, policy.notify) == ("strict", ("log", "file", "slack"))


def test_defaults_are_sane_and_every_line_that_is_commented_out_is_right(tmp_path: Path) -> None:
    settings = made(tmp_path)
    assert Catalogue.from_toml(tmp_path / "catalogue.toml").runs == ()
    plain = Settings()
    told = {"base", "source", "receivers", "policy"}
    assert {n: getattr(settings, n) for n in Settings.model_fields if n not in told} == {
        n: getattr(plain, n) for n in Settings.model_fields if n not in told
    }
    text = (tmp_path / "holdpoint.toml").read_text()
    (tmp_path / "holdpoint.toml").write_text(
        "\n".join(line.removeprefix("# ") for line in text.splitlines()[2:]) + "\n"
    )
    assert Settings.load(tmp_path / "holdpoint.toml").web is not None


@pytest.mark.parametrize("name", shelf_names())
def test_every_policy_of_the_shelf_can_tell_others(tmp_path: Path, name: str) -> None:
    (tmp_path / "policy.toml").write_text(house.policy_text(name, ["slack"]))
    found = find_file("policy.toml", tmp_path).policy
    assert (found.name, found.notify) == (name, ("log", "file", "slack"))
    assert (
        found.model_copy(update={"notify": find_file(name, tmp_path).policy.notify}).digest
        == find_file(name, tmp_path).policy.digest
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--policy", "nonsense"], "on the shelf"),
        (["--receiver", "pigeon"], "pigeon"),
        (["--match", "org/{size}"], "family"),
        (["--family", "lab", "--match", "org/{sise}"], "size"),
        (["--source", "s3://"], "s3://"),
    ],
)
def test_a_wrong_answer_is_refused_and_leaves_no_half_house(tmp_path: Path, words: list[str], says: str) -> None:
    done = runner.invoke(app, ["init", str(tmp_path / "house"), *words])
    assert done.exit_code == 2
    assert says in done.output
    assert not (tmp_path / "house" / "holdpoint.db").exists()
    assert not (tmp_path / "house" / "catalogue.toml").exists()


def test_where_no_folder_can_be_made_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = runner.invoke(app, ["init", str(tmp_path / "file" / "house")])
    assert isinstance(done.exception, SettingsError)
    assert "cannot be made: Not a directory; name a folder" in str(done.exception)


def test_an_answer_that_is_none_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    given = iter(["s3://", "one, two", "lab", "lab-{sise}", "lab-{size}", "nonsense", "strict", "pigeon", "slack"])
    monkeypatch.setattr("typer.prompt", lambda *_, **__: next(given))
    wanted = init._asked(init.Wanted([], "", "", "", []))
    assert wanted == (["one", "two"], "lab", "lab-{size}", "strict", ["slack"])
    assert list(given) == []


def test_on_a_terminal_it_asks(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "monitor", "init", str(tmp_path / "house")]
    running = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, close_fds=True)
    os.close(theirs)
    os.write(ours, b"one two\nlab\n\nacademic\n\n")
    said = b""
    while select.select([ours], [], [], 30)[0]:
        try:
            said += os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
    assert running.wait(30) == 0, said.decode()
    os.close(ours)
    settings = Settings.load(tmp_path / "house" / "holdpoint.toml")
    assert [source.path for source in settings.source] == [Path("one"), Path("two")]
    assert Catalogue.from_toml(tmp_path / "house" / "catalogue.toml").runs[0].match == "lab-{size}@step{step}"
    assert find_file(settings.policy, settings.base).policy.name == "academic"


# -- show -------------------------------------------------------------------------------------------------------------


def test_show_says_where_each_value_comes_from(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.config.write_text(lab.config.read_text() + '[receivers.mine]\nkind = "acme"\noptions = { key = "a-secret" }\n')
    monkeypatch.setenv("HOLDPOINT_GATE__MAX_SILENCE", "2h")
    monkeypatch.setenv("HOLDPOINT_DAEMON__PING_URL", "https://hc/a-secret")
    monkeypatch.setenv("HOLDPOINT_LEASE", '{"folder": "elsewhere"}')
    monkeypatch.setenv("HOLDPOINT_WEB__TOKEN", "a-secret-that-is-long")
    told = answer(lab, "config", "show")
    shown = {key: (told[key]["value"], told[key]["from"]) for key in told}
    assert shown["daemon.scan"] == ("1s", "file")
    assert shown["daemon.overdue"] == ("5m", "default")
    assert shown["gate.max_silence"] == ("2h", "environment HOLDPOINT_GATE__MAX_SILENCE")
    assert shown["lease.folder"] == ("elsewhere", "environment HOLDPOINT_LEASE")
    assert shown["lease.key"] == ("keys/lease.key", "default")
    assert shown["daemon.ping_url"] == (MASKED, "environment HOLDPOINT_DAEMON__PING_URL")
    assert shown["web.token"] == (MASKED, "environment HOLDPOINT_WEB__TOKEN")
    assert shown["source.0"] == ({"path": "inbox"}, "file")
    assert shown["receivers.mine"] == ({"kind": "acme", "options": {"key": MASKED}}, "file")
    assert all(each["means"] for each in told.values())
    assert "a-secret" not in run(lab, "config", "show")[1] + json.dumps(told)


# -- check ------------------------------------------------------------------------------------------------------------


def test_check_is_right_about_a_right_house(lab: Lab) -> None:
    told = answer(web(lab), "config", "check")
    assert told["passed"]
    assert [one["what"] for one in told["checks"]] == [
        "settings",
        "policy, catalogue, readers, prior",
        "receivers",
        "sources",
        "store",
        "web",
        "log",
    ]


@pytest.mark.parametrize(
    ("breaks", "what", "says"),
    [
        (lambda lab: lab.config.write_text("scan = 1"), "settings", "scan"),
        (lambda lab: lab.config.write_text("store = holdpoint.db"), "settings", "not TOML: Invalid value (at line 1"),
        (lambda lab: lab.policy.write_text("x = "), "policy, catalogue, readers, prior", "policy.toml"),
        (lambda lab: lab.policy.write_text(house.policy_text("default", ["slack"])), "receivers", "'slack'"),
        (lambda lab: lab.inbox.rmdir(), "sources", "inbox"),
        (lambda lab: (lab.root / "holdpoint.db").unlink(), "store", "holdpoint init"),
        (lambda lab: (web(lab).root / "token").write_text("short"), "web", "16 letters"),
        (lambda lab: web(lab, listen="0.0.0.0:8470"), "web", "heard by others"),
    ],
)  # fmt: skip
def test_check_names_what_is_wrong(lab: Lab, breaks: Any, what: str, says: str) -> None:
    breaks(lab)
    told = answer(lab, "config", "check", code=1)
    assert not told["passed"]
    wrong = {one["what"]: one["says"] for one in told["checks"] if not one["passed"]}
    assert says in wrong[what]


def test_a_policy_that_does_not_load_is_told_once(lab: Lab) -> None:
    lab.policy.write_text("x = ")
    wrong = [one["what"] for one in answer(lab, "config", "check", code=1)["checks"] if not one["passed"]]
    assert wrong == ["policy, catalogue, readers, prior"]


def test_nobody_is_asked_for_a_password_where_nobody_is(lab: Lab) -> None:
    code, text = run(lab, "people", "add", "ada", "--role", "admin", "--by", "ada")
    assert (code, "--password-file" in text) == (1, True)


def test_a_file_that_a_daemon_leads_is_not_rewritten(lab: Lab) -> None:
    with lab.store() as store:
        store.lead("other", lab.clock.now(), datetime(2126, 1, 1, tzinfo=UTC))
    code, text = run(lab, "tidy", "--rewrite")
    assert (code, "another daemon (other) leads" in text) == (1, True)
    assert run(lab, "tidy")[0] == 0


def test_a_mistake_in_the_environment_is_called_by_its_variable(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.config.write_text(lab.config.read_text() + '[gate]\nmax_silence = "long"\n')
    monkeypatch.setenv("HOLDPOINT_DAEMON__SCAN", "often")
    monkeypatch.setenv("HOLDPOINT_LEASE", '{"foldr": "x"}')
    [said] = [one["says"] for one in answer(lab, "config", "check", code=1)["checks"]]
    for words in (
        "HOLDPOINT_DAEMON__SCAN of the environment: 'often'",
        "HOLDPOINT_LEASE of the environment: unknown key; did you mean 'folder'?",
        f"{lab.config}: gate.max_silence: 'long'",
    ):
        assert words in said
    assert said.count(str(lab.config)) == 1


def test_a_variable_that_is_no_setting_is_named(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.config.write_text(lab.config.read_text() + '[receivers.mine]\nkind = "slack"\nurl_env = "HOLDPOINT_MINE"\n')
    for name in ("HOLDPOINT_DEAMON__SCAN", "HOLDPOINT_MINE", "HOLDPOINT_CONFIG", "HOLDPOINT_BASE"):
        monkeypatch.setenv(name, "https://example.org/5s")
    says = answer(lab, "config", "check")["checks"][0]["says"]
    assert "no setting is called so: HOLDPOINT_BASE, HOLDPOINT_DEAMON__SCAN of the environment" in says
