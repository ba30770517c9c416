"""What looks like a slip is said with its line; what is as it should be is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from monitor.faces.cli import app
from policies.files import SHELF
from policies.lint import remarks
from policies.loader import load_file

CLEAN = """\
name = "mine"

[release]
require_roles = ["safety"]

[roles]
safety = ["bob"]

[owners]
"tiny/*" = "olga"

[[rules]]
id = "break"
kind = "break"
level = "soft"
select = { stage = "rl" }

[[rules]]
id = "ceiling"
kind = "level"
level = "hard"
metric = "acc"
ceiling = 0.9
select = { metric = "acc*" }

[[test]]
name = "t"
expect = "GO"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_as_it_should_be(tmp_path: Path) -> None:
    assert remarks(load_file(written(tmp_path, CLEAN))) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        (
            '[[test]]\nname = "t"\nexpect = "GO"\n',
            "",
            None,
            "the file has no [[test]]; write down what the policy must",
        ),
        ('safety = ["bob"]', "safety = []", 7, "roles.safety names nobody, and release.require_roles asks for one"),
        ('"tiny/*" = "olga"', 'tiny = "olga"', 10, "owners.'tiny' matches no family/run; write it as 'tiny/*'"),
        (
            '"acc*" }',
            '"loss*" }',
            18,
            "rule 'ceiling' can never apply: metric is acc, and select.metric takes only loss*",
        ),
        ('stage = "rl"', 'stage = "rl_"', 16, "the stage 'rl_', which nobody else knows; did you mean 'rl'?"),
        (
            '[[test]]\nname = "t"',
            '[[rules]]\nid = "again"\nkind = "break"\nlevel = "soft"\nselect = { stage = "rl" }\n[[test]]\nname = "t"',
            26,
            "rule 'again' says what rule 'break' says already",
        ),
    ],
)
def test_slips(tmp_path: Path, old: str, new: str, line: int | None, says: str) -> None:
    assert CLEAN.count(old) == 1
    path = written(tmp_path, CLEAN.replace(old, new))
    ((file, at, what),) = remarks(load_file(path))
    assert (file, at) == (str(path), line)
    assert says in what


@pytest.mark.parametrize(("level", "says"), [("shadow", "nothing can stop a run"), ("advisory", "stop nothing")])
def test_policies_that_cannot_stop(tmp_path: Path, level: str, says: str) -> None:
    text = CLEAN.replace('level = "soft"', f'level = "{level}"').replace('level = "hard"', f'level = "{level}"')
    ((_, line, what),) = remarks(load_file(written(tmp_path, text)))
    assert (line, says in what) == (12, True)


def test_a_slip_in_an_included_file_is_said_to_stand_there(tmp_path: Path) -> None:
    base = written(tmp_path, CLEAN.replace('safety = ["bob"]', "safety = []"))
    top = tmp_path / "top.toml"
    top.write_text('include = "policy.toml"\n[[test]]\nname = "t"\nexpect = "GO"\n', encoding="utf-8")
    assert [(file, line) for file, line, _ in remarks(load_file(top))] == [(str(base), 7)]


def test_what_is_shipped_is_warned_of_only_where_it_is_to_be_filled_in() -> None:
    assert remarks(load_file(SHELF / "default.toml")) == []
    ((_, _, what),) = remarks(load_file(SHELF / "strict.toml"))
    assert what.startswith("roles.safety names nobody")
    ((_, _, what),) = remarks(load_file(SHELF / "shadow.toml"))
    assert what.startswith("every rule is a shadow rule")


def test_the_command(tmp_path: Path) -> None:
    runner = CliRunner()
    path = written(tmp_path, CLEAN.replace('safety = ["bob"]', "safety = []"))
    said = runner.invoke(app, ["policy", "check", str(path)])
    assert said.exit_code == 0
    assert "mine 1: sound, 2 rules, digest " in said.output
    assert ":7: warning: roles.safety names nobody" in said.output.replace("\n", "")
    assert runner.invoke(app, ["policy", "check", str(path), "--strict"]).exit_code == 1
    told = runner.invoke(app, ["policy", "check", str(path), "--strict", "--json"])
    assert told.exit_code == 1
    assert [warning["line"] for warning in json.loads(told.output)["warnings"]] == [7]
    clean = written(tmp_path, CLEAN)
    assert runner.invoke(app, ["policy", "check", str(clean), "--strict"]).exit_code == 0
